package jsoncodec_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/futurisys/futurisys/gateway/internal/jsoncodec"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func decode(t *testing.T, text string, into proto.Message) []string {
	t.Helper()
	var decoder jsoncodec.Decoder
	err := decoder.Decode([]byte(text), into)
	if err == nil {
		return nil
	}
	var wrong *jsoncodec.Error
	if !errors.As(err, &wrong) {
		t.Fatalf("%s: got %v", text, err)
	}
	var out []string
	for _, problem := range wrong.Problems {
		out = append(out, problem.Field+": "+problem.Description)
	}
	return out
}

func TestWhatProtojsonTakesIsTaken(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"profile": {"age": 30, "overtime": false, "department": "Ressources Humaines", "monthlyIncome": 3e3}}`,
		`{"profile": {"monthly_income": 1.0, "age": null}, "version": -0}`,
		` {"alias" : "caf\u00e9 \ud83d\ude00 \ufffd" , "profile" : {} } `,
		"{\"alias\": \"\ufffd\"}",
		`{"profile": null}`,
		`{"alias": "\\ud83d"}`,
		`{"kind": "PREDICTION_KIND_SIMULATION"}`,
	} {
		got, want := &futurisysv1.PredictRequest{}, &futurisysv1.PredictRequest{}
		if problems := decode(t, text, got); problems != nil {
			t.Errorf("%s: %v", text, problems)
		}
		if err := protojson.Unmarshal([]byte(text), want); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(got, want) {
			t.Errorf("%s: got %v, protojson %v", text, got, want)
		}
	}
	employee := &futurisysv1.Employee{}
	if problems := decode(t, `{"id": 4, "createTime": "2026-01-02T03:04:05.678Z", "etag": "x"}`, employee); problems != nil ||
		employee.GetCreateTime().AsTime().Nanosecond() != 678_000_000 {
		t.Errorf("got %v, %v", employee, problems)
	}
	ids := &futurisysv1.PredictEmployeesRequest{}
	if problems := decode(t, `{"employeeIds": [3, 1, 2]}`, ids); problems != nil || !slices.Equal(ids.GetEmployeeIds(), []int32{3, 1, 2}) {
		t.Errorf("got %v, %v", ids, problems)
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	got := decode(t, `{"profile": {"age": "30", "jobLevel": 2.5, "overtime": "Oui", "department": 7, "foo": {"x": [1]}, "tenureYears": 99999999999,
		"yearsInPosition": true, "age": 31}, "version": [1], "model": {}, "bar": 1}`, &futurisysv1.PredictRequest{})
	want := []string{
		"profile.age: must be a whole number",
		"profile.jobLevel: must be a whole number",
		"profile.overtime: must be true or false",
		"profile.department: must be a text",
		"profile.foo: unknown field",
		"profile.tenureYears: must be from -2147483648 to 2147483647",
		"profile.yearsInPosition: must be a whole number",
		"profile.age: stands twice",
		"version: must be a whole number",
		"model: must be a text",
		"bar: unknown field",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got = decode(t, `{"profiles": [{}, 5, {"age": []}, null]}`, &futurisysv1.BatchPredictRequest{})
	want = []string{"profiles[1]: must be an object", "profiles[2].age: must be a whole number", "profiles[3]: must be an object"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBodiesThatAreNoObjectAreRefused(t *testing.T) {
	for _, text := range []string{
		``, ` `, `null`, `[]`, `"x"`, `5`, `{`, `{"profile": {}`, `{} {}`, `{}x`, `{"profile": NaN}`, `{"profile": {"age": Infinity}}`,
		`{"profile": {"age": -}}`, `{'a': 1}`, `{"alias": "` + "\xff" + `"}`, `{"alias": "\ud800"}`, `{"alias": "\udc00"}`, `{"alias": "\ud83dx"}`, `{"alias": "\ud83d\ud83d"}`, `{"alias": "` + "\n" + `"}`, `{"alias": 'x'}`,
		`{"profile": {"age": 01}}`, "\ufeff{}", `{"createTimeFrom": 5}`,
	} {
		if problems := decode(t, text, &futurisysv1.PredictRequest{}); len(problems) == 0 {
			t.Errorf("%q was taken", text)
		}
	}
	if problems := decode(t, `{"createTime": "yesterday"}`, &futurisysv1.Employee{}); !slices.Equal(problems, []string{"createTime: must be a timestamp"}) {
		t.Errorf("got %v", problems)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	text := `{"profiles": [` + strings.Repeat(`1,`, 50_000) + `1]}`
	if problems := decode(t, text, &futurisysv1.BatchPredictRequest{}); len(problems) != 1000 {
		t.Errorf("%d problems are said", len(problems))
	}
	deep := strings.Repeat(`{"a":`, 100_000)
	if problems := decode(t, deep, &futurisysv1.PredictRequest{}); len(problems) == 0 {
		t.Error("a body that is only depth was taken")
	}
}

// FuzzDecode holds for any body: what we take, protojson takes too and reads the
// same; what we refuse has a reason.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"profile": {"age": 30, "overtime": false, "department": "Ressources Humaines", "monthlyIncome": 3e3}}`,
		`{"profile": {"monthly_income": 1.0, "age": null}, "version": -0}`, `{"alias": "\ud83d\ude00"}`, `{"version": 1e-1}`, `[`, `{}{}`,
	} {
		f.Add([]byte(text))
	}
	var decoder jsoncodec.Decoder
	f.Fuzz(func(t *testing.T, body []byte) {
		got, want := &futurisysv1.PredictRequest{}, &futurisysv1.PredictRequest{}
		err := decoder.Decode(body, got)
		if err != nil {
			var wrong *jsoncodec.Error
			if !errors.As(err, &wrong) || len(wrong.Problems) == 0 {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		if err := protojson.Unmarshal(body, want); err != nil {
			t.Fatalf("we take what protojson refuses: %v", err)
		}
		if !proto.Equal(got, want) {
			t.Fatalf("we read %v, protojson %v", got, want)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"profile":{"monthlyIncome":5993,"department":"Commercial","jobTitle":"Cadre Commercial","previousEmployers":8,` +
		`"totalExperienceYears":8,"tenureYears":6,"yearsInPosition":4,"environmentSatisfaction":2,"jobSatisfaction":4,"teamSatisfaction":1,` +
		`"workLifeBalance":1,"previousRating":3,"currentRating":3,"jobLevel":2,"overtime":true,"lastRaisePercent":11,` +
		`"savingsPlanParticipations":0,"trainingsLastYear":0,"commuteDistance":1,"educationLevel":2,"fieldOfStudy":"Infra & Cloud",` +
		`"businessTravel":"Occasionnel","yearsSincePromotion":0,"yearsUnderManager":5}}`)
	b.Run("ours", func(b *testing.B) {
		var decoder jsoncodec.Decoder
		b.ReportAllocs()
		for b.Loop() {
			if err := decoder.Decode(body, &futurisysv1.PredictRequest{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protojson", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := protojson.Unmarshal(body, &futurisysv1.PredictRequest{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
