package form

import (
	"testing"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/texts"
	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"
)

// A field of the API without a name would be shown as its identifier.
func TestEveryFieldHasANameInBothLanguages(t *testing.T) {
	catalogue, err := texts.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range texts.Languages() {
		v := &ui.View{Language: catalogue.Choose(language, "")}
		for _, field := range Fields() {
			if !v.Has("field_" + field.Name) {
				t.Errorf("%s: no text field_%s", language, field.Name)
			}
		}
	}
}
