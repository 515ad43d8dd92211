package ingest

import (
	"reflect"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/services/persistence/internal/store"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// column is one column of the extracts that is stored.
type column struct {
	source string // as the extracts spell it, misspellings included
	field  string // name in the API
	kind   Kind   // the extract that has it
	set    setter
	// optional: a file may lack it.
	optional bool
}

// columns are the columns that an import stores: those that the contract's option source
// gives to the fields of a profile.
var columns = sync.OnceValue(func() []column {
	extracts := map[string]Kind{"sirh": SIRH, "eval": Evaluation, "sondage": Survey}
	fields := (&futurisysv1.EmployeeProfile{}).ProtoReflect().Descriptor().Fields()
	out := make([]column, 0, fields.Len())
	for i := range fields.Len() {
		field := fields.Get(i)
		source, _ := proto.GetExtension(field.Options(), futurisysv1.E_Source).(*futurisysv1.Source)
		kind, known := extracts[source.GetExtract()]
		if !known {
			continue // no extract has it
		}
		out = append(out, column{source.GetColumn(), string(field.Name()), kind, setterOf(field), source.GetOptional()})
	}
	return out
})

// setterOf writes cells of the kind that a field of the API has into the stored field of
// the same name.
func setterOf(field protoreflect.FieldDescriptor) setter {
	at, ok := reflect.TypeFor[store.Profile]().FieldByNameFunc(func(name string) bool {
		return strings.EqualFold(name, strings.ReplaceAll(string(field.Name()), "_", ""))
	})
	if !ok {
		panic("the stored profile has no field like " + string(field.Name()))
	}
	switch {
	case field.Kind() == protoreflect.BoolKind:
		return yesNo(place[bool](at))
	case field.Kind() == protoreflect.StringKind:
		return text(place[string](at))
	case strings.HasSuffix(string(field.Name()), "_percent"):
		return percentage(place[int32](at))
	}
	return number(place[int32](at))
}

// place is where a profile has a field.
func place[T any](field reflect.StructField) func(*store.Profile) **T {
	return func(p *store.Profile) **T {
		return reflect.ValueOf(p).Elem().FieldByIndex(field.Index).Addr().Interface().(**T) //nolint:forcetypeassert // setterOf looked
	}
}
