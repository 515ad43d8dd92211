package rules_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/rules"

	_ "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1" // its messages have rules too
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// broken is a value that breaks a rule.
type broken struct {
	rule  string
	value protoreflect.Value
}

// breaks are values of a field, each of which breaks one of its rules.
func breaks(field protoreflect.FieldDescriptor, message protoreflect.Message, r *validate.FieldRules) []broken {
	out := append(breaksOfText(r.GetString()), breaksOfNumbers(r)...)
	if r.GetEnum() != nil && !field.IsList() {
		out = append(out, broken{"enum", protoreflect.ValueOfEnum(9_999)})
	}
	list := func(rule string, length int) {
		items := message.NewField(field).List()
		for range length {
			items.Append(items.NewElement())
		}
		out = append(out, broken{rule, protoreflect.ValueOfList(items)})
	}
	l := r.GetRepeated()
	if l.GetMaxItems() > 0 && l.GetMaxItems() <= 10_000 {
		list("max_items", int(l.GetMaxItems())+1)
	}
	if l.GetMinItems() > 1 {
		list("min_items", int(l.GetMinItems())-1)
	}
	if l.GetUnique() {
		list("unique", 2)
	}
	return out
}

func breaksOfText(s *validate.StringRules) []broken {
	var out []broken
	text := func(is bool, rule, value string) {
		if is {
			out = append(out, broken{rule, protoreflect.ValueOfString(value)})
		}
	}
	text(s.GetMaxLen() > 0, "max_len", strings.Repeat("a", int(s.GetMaxLen())+1))
	text(s.GetMinLen() > 0, "min_len", strings.Repeat("a", max(int(s.GetMinLen())-1, 0)))
	text(s.GetPattern() != "", "pattern", "!\x01")
	text(s.GetNotContains() != "", "not_contains", "a"+s.GetNotContains())
	text(s.GetUuid(), "uuid", "x")
	text(len(s.GetIn()) > 0, "in", "nothing of the kind")
	return out
}

func breaksOfNumbers(r *validate.FieldRules) []broken {
	var out []broken
	n, d := r.GetInt32(), r.GetDouble()
	if n.GetLte() != 0 && n.GetLte() < math.MaxInt32 {
		out = append(out, broken{"lte", protoreflect.ValueOfInt32(n.GetLte() + 1)})
	}
	if n.HasGreaterThan() {
		out = append(out, broken{"gte", protoreflect.ValueOfInt32(min(n.GetGte(), n.GetGt()) - 1)})
	}
	if d.GetFinite() {
		out = append(out, broken{"finite", protoreflect.ValueOfFloat64(math.Inf(1))})
	}
	if d.HasLessThan() {
		out = append(out, broken{"lte", protoreflect.ValueOfFloat64(max(d.GetLte(), d.GetLt()) + 1)})
	}
	if d.HasGreaterThan() {
		out = append(out, broken{"gte", protoreflect.ValueOfFloat64(min(d.GetGte(), d.GetGt()) - 1)})
	}
	return out
}

// each visits all messages of ours, those within others too.
func each(visit func(protoreflect.MessageDescriptor)) {
	var walk func(protoreflect.MessageDescriptors)
	walk = func(all protoreflect.MessageDescriptors) {
		for i := range all.Len() {
			if !all.Get(i).IsMapEntry() {
				visit(all.Get(i))
				walk(all.Get(i).Messages())
			}
		}
	}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(file.Package()), "futurisys.") {
			walk(file.Messages())
		}
		return true
	})
}

// A rule that has no reason of ours would be said in the words of a library, and in English
// to a reader of French.
func TestEachRuleOfTheContractHasAReason(t *testing.T) {
	tried := map[string]int{}
	each(func(message protoreflect.MessageDescriptor) {
		fields := message.Fields()
		for i := range fields.Len() {
			field := fields.Get(i)
			declared, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
			if declared == nil {
				continue
			}
			for _, b := range breaks(field, dynamicpb.NewMessage(message), declared) {
				name := fmt.Sprintf("%s with %s", field.FullName(), b.rule)
				bad := dynamicpb.NewMessage(message)
				bad.Set(field, b.value)
				checker, err := rules.New(bad)
				if err != nil {
					t.Fatal(err)
				}
				found := about(checker.Check(bad), field)
				if found == nil {
					t.Errorf("%s: nothing is said", name)
					continue
				}
				tried[b.rule]++
				checkViolation(t, name, found)
			}
		}
	})
	for _, rule := range []string{"max_len", "pattern", "not_contains", "uuid", "in", "lte", "gte", "finite", "max_items"} {
		if tried[rule] == 0 {
			t.Errorf("no field with %s was tried", rule)
		}
	}
}

func about(violations []*futurisysv1.Violation, field protoreflect.FieldDescriptor) *futurisysv1.Violation {
	for _, v := range violations {
		name, _, _ := strings.Cut(v.GetField(), "[")
		if name == string(field.Name()) {
			return v
		}
	}
	return nil
}

// placeholder is a parameter that was not filled in.
var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// checkViolation wants a reason of ours, with all that stands in its sentences.
func checkViolation(t *testing.T, name string, v *futurisysv1.Violation) {
	t.Helper()
	switch v.GetReason() {
	case futurisysv1.ViolationReason_VIOLATION_REASON_UNSPECIFIED, futurisysv1.ViolationReason_VIOLATION_REASON_RULE:
		t.Errorf("%s: the reason is %s: %s", name, v.GetReason(), v.GetMessage())
	}
	for _, language := range []catalogue.Language{catalogue.English, catalogue.French} {
		if sentence := catalogue.Sentence(language, v.GetReason(), v.GetParameters()); sentence == "" || placeholder.MatchString(sentence) || strings.Contains(sentence, "<nil>") || strings.Contains(sentence, "0x") {
			t.Errorf("%s: in %s it is said %q", name, language, sentence)
		}
	}
}

func TestSomeSentences(t *testing.T) {
	checker, err := rules.New(&futurisysv1.EmployeeProfile{}, &futurisysv1.ListEmployeesRequest{}, &futurisysv1.GetPredictionRequest{},
		&futurisysv1.PredictEmployeesRequest{}, &futurisysv1.ListPredictionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		message proto.Message
		want    string // "": nothing is wrong
	}{
		{&futurisysv1.EmployeeProfile{Age: new(int32(40))}, ""},
		{&futurisysv1.EmployeeProfile{Age: new(int32(7)), JobLevel: new(int32(9))}, "age must be between 16 and 100; job_level must be between 1 and 5"},
		{&futurisysv1.GetPredictionRequest{Prediction: "x"}, "prediction must be a UUID"},
		{&futurisysv1.ListEmployeesRequest{Search: "a\x00"}, "search must not contain a zero byte"},
		{&futurisysv1.PredictEmployeesRequest{Model: "attrition", EmployeeIds: []int32{0}}, "employee_ids[0] must be at least 1"},
		{
			&futurisysv1.ListPredictionsRequest{CreateTimeFrom: &timestamppb.Timestamp{Seconds: 1 << 60}},
			"create_time_from must be between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z",
		},
	} {
		var said []string
		for _, v := range checker.Check(test.message) {
			said = append(said, v.GetField()+" "+v.GetMessage())
		}
		if got := strings.Join(said, "; "); got != test.want {
			t.Errorf("%v: got %q, want %q", test.message, got, test.want)
		}
	}
}

func TestWhatIsNoViolation(t *testing.T) {
	if got := rules.Violations(fmt.Errorf("something else")); got != nil {
		t.Errorf("got %v", got)
	}
	if got := rules.Violations(nil); got != nil {
		t.Errorf("got %v", got)
	}
}
