package catalogue_test

import (
	"net/http"
	"regexp"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// A reason without a sentence would be shown to people as its name.
func TestEveryReasonHasBothSentences(t *testing.T) {
	for _, enum := range []protoreflect.Enum{futurisysv1.ErrorReason(0), futurisysv1.ViolationReason(0)} {
		values := enum.Descriptor().Values()
		for i := range values.Len() {
			if values.Get(i).Number() == 0 {
				continue
			}
			reason := enum.Type().New(values.Get(i).Number())
			english, french := catalogue.Sentence(catalogue.English, reason, nil), catalogue.Sentence(catalogue.French, reason, nil)
			if name := catalogue.Name(reason); english == name || french == name || english == french {
				t.Errorf("%s: %q, %q", name, english, french)
			}
			// What stands in the French sentence must be known where the English one is made.
			for _, parameter := range parameters(french) {
				if !slices.Contains(parameters(english), parameter) && parameter != "{rule}" {
					t.Errorf("%s: %s stands in the French sentence only", catalogue.Name(reason), parameter)
				}
			}
		}
	}
}

func parameters(sentence string) []string {
	return regexp.MustCompile(`\{[a-z_]+\}`).FindAllString(sentence, -1)
}

func TestEveryErrorHasItsCodes(t *testing.T) {
	for number, name := range futurisysv1.ErrorReason_name {
		code := catalogue.Code(futurisysv1.ErrorReason(number))
		if number == 0 {
			continue
		}
		if code.GetGrpc() == 0 || code.GetHttp() < http.StatusBadRequest || code.GetHttp() > 599 {
			t.Errorf("%s: %v", name, code)
		}
	}
	if code := catalogue.Code(9999); code != nil {
		t.Errorf("a reason of a newer contract has %v", code)
	}
}

func TestSentenceHasItsParameters(t *testing.T) {
	v := catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_OUT_OF_RANGE, "age", "min", 18, "max", "{min}")
	if want := "must be between 18 and {min}"; v.GetMessage() != want {
		t.Errorf("got %q, want %q", v.GetMessage(), want)
	}
	if got := catalogue.Sentence(catalogue.French, v.GetReason(), map[string]string{"min": "18", "max": "60"}); got != "doit être compris entre 18 et 60" {
		t.Errorf("got %q", got)
	}
	if got := catalogue.Sentence(catalogue.English, futurisysv1.ViolationReason(9999), nil); got != "ViolationReason 9999" {
		t.Errorf("got %q", got)
	}
	if reason, ok := catalogue.Error("MODEL_NOT_FOUND"); !ok || catalogue.Name(reason) != "MODEL_NOT_FOUND" {
		t.Errorf("got %v, %v", reason, ok)
	}
}
