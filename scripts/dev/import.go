package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
)

// importer is who imports, at a URL, with a key where one is needed.
type importer struct{ web, key string }

// importHeldOut puts the held-out employees on record when there is nobody yet.
func (i importer) importHeldOut(ctx context.Context, path string) error {
	var list struct {
		TotalSize int `json:"totalSize"`
	}
	if err := i.call(ctx, http.MethodGet, "/v1/employees?pageSize=1", "", nil, &list); err != nil {
		return fmt.Errorf("count the employees: %w", err)
	}
	if list.TotalSize > 0 {
		sayf("%d employees are on record", list.TotalSize)
		return nil
	}
	sayf("the database is empty: importing the held-out employees...")
	form, kind, err := upload("joined", path)
	if err != nil {
		return err
	}
	var report struct {
		CreatedCount int `json:"createdCount"`
	}
	if err := i.call(ctx, http.MethodPost, "/v1/employees:import", kind, form, &report); err != nil {
		return fmt.Errorf("import the held-out employees: %w", err)
	}
	sayf("%d employees imported", report.CreatedCount)
	return nil
}

// upload is a form with one file.
func upload(part, path string) (body io.Reader, contentType string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, "", fmt.Errorf("read the held-out employees: %w", err)
	}
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	file, err := writer.CreateFormFile(part, "X_test.csv")
	if err != nil {
		return nil, "", fmt.Errorf("make the form: %w", err)
	}
	if _, err := file.Write(data); err != nil {
		return nil, "", fmt.Errorf("make the form: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, "", fmt.Errorf("make the form: %w", err)
	}
	return &form, writer.FormDataContentType(), nil
}

// call makes a request and reads the JSON answer.
func (i importer) call(ctx context.Context, method, path, contentType string, body io.Reader, answer any) error {
	url := i.web + path
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	if i.key != "" {
		request.Header.Set("Authorization", "Bearer "+i.key)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
}
