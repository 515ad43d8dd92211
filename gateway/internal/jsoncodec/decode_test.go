package jsoncodec_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

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
	for _, problem := range wrong.Violations {
		out = append(out, problem.GetField()+": "+problem.GetMessage())
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
		"profile.age: must be an integer",
		"profile.jobLevel: must be an integer",
		"profile.overtime: must be true or false",
		"profile.department: must be a string",
		"profile.foo: unknown field",
		"profile.tenureYears: must be between -2147483648 and 2147483647",
		"profile.yearsInPosition: must be an integer",
		"profile.age: appears more than once",
		"version: must be an integer",
		"model: must be a string",
		"bar: unknown field",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got = decode(t, `{"profiles": [{}, 5, {"age": []}, null]}`, &futurisysv1.BatchPredictRequest{})
	want = []string{"profiles[1]: must be an object", "profiles[2].age: must be an integer", "profiles[3]: must be an object"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The first field of a new kind must work over REST as it does over gRPC.
func TestEveryMessageIsReadAsProtojsonWritesIt(t *testing.T) {
	read := 0
	protoregistry.GlobalTypes.RangeMessages(func(kind protoreflect.MessageType) bool {
		name := string(kind.Descriptor().FullName())
		if !strings.HasPrefix(name, "futurisys.") && !strings.HasPrefix(name, "google.rpc.") {
			return true
		}
		want := kind.New()
		fill(want, 4)
		text, err := protojson.Marshal(want.Interface())
		if err != nil {
			t.Fatal(err)
		}
		got := kind.New()
		if problems := decode(t, string(text), got.Interface()); problems != nil {
			t.Errorf("%s: %v", name, problems)
		} else if !proto.Equal(got.Interface(), want.Interface()) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		read++
		return true
	})
	if read < 80 {
		t.Errorf("only %d messages were read", read)
	}
}

// fill sets every field of a message, of its messages down to a depth.
func fill(message protoreflect.Message, depth int) {
	switch known := message.Interface().(type) {
	case *anypb.Any:
		return
	case *timestamppb.Timestamp:
		known.Seconds = 1_700_000_000
		return
	case *durationpb.Duration:
		known.Seconds = 5
		return
	case *fieldmaskpb.FieldMask:
		known.Paths = []string{"display_name", "profile.age"}
		return
	}
	for i := range message.Descriptor().Fields().Len() {
		field := message.Descriptor().Fields().Get(i)
		nested := field.Message() != nil && !field.IsMap()
		switch {
		case nested && depth == 0:
		case field.ContainingOneof() != nil && message.WhichOneof(field.ContainingOneof()) != nil:
		case field.IsMap():
			key := scalar(field.MapKey()).MapKey()
			if field.MapValue().Message() == nil {
				message.Mutable(field).Map().Set(key, scalar(field.MapValue()))
			} else if depth > 0 {
				fill(message.Mutable(field).Map().Mutable(key).Message(), depth-1)
			}
		case field.IsList() && nested:
			fill(message.Mutable(field).List().AppendMutable().Message(), depth-1)
		case field.IsList():
			message.Mutable(field).List().Append(scalar(field))
		case nested:
			fill(message.Mutable(field).Message(), depth-1)
		default:
			message.Set(field, scalar(field))
		}
	}
}

// scalar is a value of a field that is not its default.
func scalar(field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(field.Enum().Values().Get(field.Enum().Values().Len() - 1).Number())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("é <x> \"y\"")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 250, 255, 62, 63})
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(-1.5)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1e-7)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(-1 << 62)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1 << 63)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(1 << 31)
	default:
		return protoreflect.ValueOfInt32(-7)
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
			if !errors.As(err, &wrong) || len(wrong.Violations) == 0 {
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

// The first item too many ends the reading: the rest of a list of millions is not made.
func TestListsEndWithTheFirstItemTooMany(t *testing.T) {
	const limit = 10_000
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"as many as are taken": {`{"profiles": [` + strings.Repeat("{},", limit-1) + `{}]}`, nil},
		"one too many":         {`{"profiles": [` + strings.Repeat("{},", limit) + `{}]}`, []string{"profiles: must have at most 10000 items"}},
		"millions":             {`{"profiles": [` + strings.Repeat("{},", 5_000_000) + `{}]}`, []string{"profiles: must have at most 10000 items"}},
		"and what is no JSON":  {`{"profiles": [` + strings.Repeat("{},", limit+5) + `x`, []string{"profiles: must have at most 10000 items"}},
	} {
		into := &futurisysv1.BatchPredictRequest{}
		if got := decode(t, test.text, into); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v", name, got)
		}
		if len(into.GetProfiles()) > limit {
			t.Errorf("%s: %d were made", name, len(into.GetProfiles()))
		}
	}
}

func TestADeepBodyHasAShortError(t *testing.T) {
	for _, text := range []string{
		`{"profile": ` + strings.Repeat(`{"a":`, 9_000), `{"nothing": ` + strings.Repeat("[", 200_000), strings.Repeat("[", 200_000),
		`{"profile": {"age": ` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + "}}",
	} {
		got := strings.Join(decode(t, text, &futurisysv1.PredictRequest{}), "; ")
		if got == "" || len(got) > 500 {
			t.Errorf("%.20s...: %d bytes are said: %.300s", text, len(got), got)
		}
	}
}
