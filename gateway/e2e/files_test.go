package e2e

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/services/platform/sheet/sheettest"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// sendFile uploads one joined file.
func (s *stack) sendFile(t *testing.T, query string, content []byte) answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("joined", "people")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return s.send(http.MethodPost, "/v1/employees:import"+query, form.FormDataContentType(), &body)
}

// asWorkbook is a CSV file as a spreadsheet would keep it.
func asWorkbook(t *testing.T, text string) []byte {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	file := excelize.NewFile()
	defer file.Close()
	for i, record := range records {
		if err := file.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &record); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := file.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The same people come from whatever file they are saved in.
func TestFilesAsPeopleSaveThemAreImportedAlike(t *testing.T) {
	s, files := start(t, options{database: sqliteURL(t)}), sheettest.People(t)
	var report futurisysv1.ImportReport
	s.sendFile(t, "", files[sheettest.Plain]).into(t, &report)
	if report.GetCreatedCount() != 3 || len(report.GetWarnings()) > 0 {
		t.Fatalf("got %v", &report)
	}
	var first futurisysv1.Employee
	s.call(http.MethodGet, "/v1/employees/4", nil).into(t, &first)
	if first.GetProfile().GetMonthlyIncome() != 2090 || first.GetProfile().GetLastRaisePercent() != 15 || first.GetProfile().GetMaritalStatus() != "Célibataire" {
		t.Errorf("got %v", &first)
	}
	for name, file := range files {
		s.sendFile(t, "", file).into(t, &report)
		if report.GetUnchangedCount() != 3 || report.GetEmployeeCount() != 3 {
			t.Errorf("%s: got %v", name, &report)
		}
	}
}

// The same people come from a workbook as from CSV; what is not ours is named, and what the
// model does not know is said before anybody is scored.
func TestAWorkbookIsImportedLikeCSV(t *testing.T) {
	s := start(t, options{database: sqliteURL(t)})
	text := dataFile(t, "X_test.csv")
	var report futurisysv1.ImportReport
	s.sendFile(t, "", asWorkbook(t, text)).into(t, &report)
	if report.GetCreatedCount() != 294 || len(report.GetWarnings()) > 0 || len(report.GetCategories()) == 0 {
		t.Fatalf("got %v", &report)
	}
	s.sendFile(t, "", []byte(text)).into(t, &report)
	if report.GetUnchangedCount() != 294 {
		t.Errorf("as CSV they are others: %v", &report)
	}
	// A form sends an empty part, without a file's name, for each file that nobody chose.
	const part = "--x\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s\r\n"
	form := fmt.Sprintf(part, "extrait_sirh", "", "") + fmt.Sprintf(part, "joined", "; filename=\"people.csv\"", text) + "--x--\r\n"
	s.send(http.MethodPost, "/v1/employees:import", "multipart/form-data; boundary=x", strings.NewReader(form)).into(t, &report)
	if report.GetUnchangedCount() != 294 {
		t.Errorf("with an empty part: %v", &report)
	}
	header, rest, _ := strings.Cut(text, "\n")
	changed := header + ",Remarques\n" + strings.ReplaceAll(strings.ReplaceAll(rest, "\n", ",rien\n"), "Consulting", "Lune")
	s.sendFile(t, "?validateOnly=true", []byte(changed)).into(t, &report)
	want := &futurisysv1.IgnoredColumn{Kind: futurisysv1.ImportFileKind_IMPORT_FILE_KIND_JOINED, Name: "Remarques"}
	if len(report.GetIgnoredColumns()) != 1 || !proto.Equal(report.GetIgnoredColumns()[0], want) {
		t.Errorf("the columns that are not used: %v", report.GetIgnoredColumns())
	}
	if len(report.GetWarnings()) != 1 || report.GetWarnings()[0].GetParameters()["value"] != `"Lune"` || report.GetWarnings()[0].GetField() != "department" {
		t.Errorf("the warnings: %v", report.GetWarnings())
	}
	s.sendFile(t, "", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")).refused(t, http.StatusBadRequest, "INVALID_IMPORT")
}
