package server_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func TestImportIsAllOrNone(t *testing.T) {
	a := start(t)
	text, err := os.ReadFile("../../../../scripts/training/data/X_test.csv")
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(text), "\n4,37,", "\n4,12,", 1) // too young for the API's range
	if bad == string(text) {
		t.Fatal("employee 4 is not as the test believes")
	}
	_, err = send(t, a, bad, false)
	if fields := refused(t, err, codes.InvalidArgument, "INVALID_IMPORT"); fields["joined:2:age"] == "" {
		t.Errorf("got %v", fields)
	}
	report, err := send(t, a, bad, true)
	if err != nil || report.GetProblemCount() != 1 || report.GetProblems()[0].GetLine() != 2 || report.GetProblems()[0].GetViolation().GetField() != "age" {
		t.Fatalf("got %v, %v", report, err)
	}
	report, err = send(t, a, string(text), true)
	if err != nil || report.GetCreatedCount() != 294 || !report.GetValidateOnly() {
		t.Fatalf("got %v, %v", report, err)
	}
	if list, err := a.employees.ListEmployees(t.Context(), &futurisysv1.ListEmployeesRequest{}); err != nil || list.GetTotalSize() != 0 {
		t.Fatalf("nothing may be imported yet: %v, %v", list.GetTotalSize(), err)
	}
	report, err = send(t, a, string(text), false)
	if err != nil || report.GetCreatedCount() != 294 {
		t.Fatalf("got %v, %v", report, err)
	}
}

// send imports one joined file, in pieces that cut lines and letters.
func send(t *testing.T, a api, text string, validateOnly bool) (*futurisysv1.ImportReport, error) {
	t.Helper()
	stream, err := a.employees.ImportEmployees(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	messages := []*futurisysv1.ImportEmployeesRequest{{Content: &futurisysv1.ImportEmployeesRequest_Options{
		Options: &futurisysv1.ImportOptions{ValidateOnly: validateOnly},
	}}}
	for start := 0; start < len(text); start += 1001 {
		messages = append(messages, &futurisysv1.ImportEmployeesRequest{Content: &futurisysv1.ImportEmployeesRequest_Chunk{
			Chunk: &futurisysv1.ImportChunk{
				Kind: futurisysv1.ImportFileKind_IMPORT_FILE_KIND_JOINED, Data: []byte(text[start:min(start+1001, len(text))]),
			},
		}})
	}
	for _, message := range messages {
		if err := stream.Send(message); err != nil {
			break // the reason comes with Recv
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			t.Fatal("the stream ended without a report")
		}
		if err != nil {
			return nil, err
		}
		if report := answer.GetReport(); report != nil {
			return report, nil
		}
	}
}
