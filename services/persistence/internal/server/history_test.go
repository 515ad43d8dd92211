package server_test

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func TestPageTokensBelongToTheirList(t *testing.T) {
	a := start(t)
	for id := int32(1); id <= 3; id++ {
		mustCreate(t, a, &futurisysv1.Employee{Id: id, Profile: &futurisysv1.EmployeeProfile{Department: new("Consulting")}})
	}
	first, err := a.employees.ListEmployees(t.Context(), &futurisysv1.ListEmployeesRequest{PageSize: 2})
	if err != nil || first.GetNextPageToken() == "" || first.GetTotalSize() != 3 {
		t.Fatalf("got %v, %v", first, err)
	}
	second, err := a.employees.ListEmployees(t.Context(), &futurisysv1.ListEmployeesRequest{PageSize: 1_000_000_000, PageToken: first.GetNextPageToken()})
	if err != nil || len(second.GetEmployees()) != 1 || second.GetEmployees()[0].GetId() != 3 || second.GetNextPageToken() != "" {
		t.Fatalf("got %v, %v", second, err)
	}
	for _, request := range []*futurisysv1.ListEmployeesRequest{
		{PageToken: "nonsense"},
		{PageToken: first.GetNextPageToken() + "AA"},
		{PageToken: first.GetNextPageToken(), Department: "Consulting"},
		{PageToken: first.GetNextPageToken(), OrderBy: "id desc"},
	} {
		_, err = a.employees.ListEmployees(t.Context(), request)
		refused(t, err, codes.InvalidArgument, "INVALID_PAGE_TOKEN")
	}
	_, err = a.history.ListPredictions(t.Context(), &futurisysv1.ListPredictionsRequest{PageToken: first.GetNextPageToken()})
	refused(t, err, codes.InvalidArgument, "INVALID_PAGE_TOKEN")
}

func TestHistoryOfAnEmployee(t *testing.T) {
	a := start(t)
	list := func(id int32) (*futurisysv1.ListPredictionsResponse, error) {
		return a.history.ListPredictions(t.Context(), &futurisysv1.ListPredictionsRequest{Employee: &id})
	}
	_, err := list(5)
	refused(t, err, codes.NotFound, "EMPLOYEE_NOT_FOUND")
	mustCreate(t, a, &futurisysv1.Employee{Id: 5})
	if got, err := list(5); err != nil || len(got.GetPredictions()) != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
	record(t, a, aPrediction(&futurisysv1.EmployeeProfile{}))
	if _, err := a.employees.DeleteEmployee(t.Context(), &futurisysv1.DeleteEmployeeRequest{Employee: 5}); err != nil {
		t.Fatal(err)
	}
	if got, err := list(5); err != nil || len(got.GetPredictions()) != 1 {
		t.Fatalf("a deleted employee's predictions stay: got %v, %v", got, err)
	}
	_, err = list(0)
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	_, err = a.history.GetPrediction(t.Context(), &futurisysv1.GetPredictionRequest{Prediction: "12"})
	refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	_, err = a.history.GetPrediction(t.Context(), &futurisysv1.GetPredictionRequest{Prediction: uuid.NewString()})
	refused(t, err, codes.NotFound, "PREDICTION_NOT_FOUND")
}

func TestRecordingRefusesWhatIsNoPrediction(t *testing.T) {
	a := start(t)
	for name, spoil := range map[string]func(*futurisysv1.Prediction){
		"id":             func(p *futurisysv1.Prediction) { p.Id = "x" },
		"id as a URN":    func(p *futurisysv1.Prediction) { p.Id = "urn:uuid:" + p.GetId() },
		"id in braces":   func(p *futurisysv1.Prediction) { p.Id = "{" + p.GetId() + "}" },
		"batch":          func(p *futurisysv1.Prediction) { p.BatchId = "x" },
		"probability":    func(p *futurisysv1.Prediction) { p.Probability = 1.01 },
		"no probability": func(p *futurisysv1.Prediction) { p.Probability = math.NaN() },
		"threshold":      func(p *futurisysv1.Prediction) { p.Threshold = math.Inf(1) },
		"no time":        func(p *futurisysv1.Prediction) { p.CreateTime = nil },
		"the year 1":     func(p *futurisysv1.Prediction) { p.CreateTime = timestamppb.New(time.Time{}) },
		"the year 9999": func(p *futurisysv1.Prediction) {
			p.CreateTime = timestamppb.New(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		},
		"older than 400 d": func(p *futurisysv1.Prediction) { p.CreateTime = timestamppb.New(time.Now().AddDate(0, 0, -401)) },
		"two days ahead":   func(p *futurisysv1.Prediction) { p.CreateTime = timestamppb.New(time.Now().AddDate(0, 0, 2)) },
		"employee -5":      func(p *futurisysv1.Prediction) { p.EmployeeId = proto.Int32(-5) },
		"no model":         func(p *futurisysv1.Prediction) { p.Model = "" },
		"version -1":       func(p *futurisysv1.Prediction) { p.ModelVersion = -1 },
		"zero byte":        func(p *futurisysv1.Prediction) { p.PredictedLabel = "a\x00b" },
		"a band of 10 MB":  func(p *futurisysv1.Prediction) { p.RiskBand = strings.Repeat("x", 10<<20) },
		"100,000 warnings": func(p *futurisysv1.Prediction) { p.Warnings = make([]*futurisysv1.Violation, 100_000) },
		"age 5":            func(p *futurisysv1.Prediction) { p.Profile = &futurisysv1.EmployeeProfile{Age: proto.Int32(5)} },
		"unknown kind":     func(p *futurisysv1.Prediction) { p.Kind = 99 },
		"infinite margin":  func(p *futurisysv1.Prediction) { p.Explanation = &futurisysv1.Explanation{Margin: math.Inf(1)} },
		"share of no value": func(p *futurisysv1.Prediction) {
			p.Explanation = &futurisysv1.Explanation{Contributions: []*futurisysv1.Contribution{{Contribution: math.NaN()}}}
		},
	} {
		good, bad := aPrediction(nil), aPrediction(nil)
		spoil(bad)
		_, err := a.recording.RecordPredictions(t.Context(), &internalv1.RecordPredictionsRequest{Predictions: []*futurisysv1.Prediction{good, bad}})
		if fields := refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT"); len(fields) != 1 || !strings.HasPrefix(slices.Collect(maps.Keys(fields))[0], "predictions[1]") {
			t.Errorf("%s: %v", name, fields)
		}
		_, err = a.history.GetPrediction(t.Context(), &futurisysv1.GetPredictionRequest{Prediction: good.GetId()})
		refused(t, err, codes.NotFound, "PREDICTION_NOT_FOUND")
	}
}
