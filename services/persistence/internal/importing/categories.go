package importing

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/services/persistence/internal/profile"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// Category is a value of a field, and how many employees have it.
type Category struct {
	Field, Value string
	Count        int
}

// maxCategories is how many values of a field are counted: a field that has more is no
// category.
const maxCategories = 100

// countCategories counts the values of the fields that are texts, the most frequent first.
func countCategories(employees []store.Employee) []Category {
	counts := map[Category]int{} // by field and value
	for i := range employees {
		profile.Message(employees[i].Profile).ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			if field.Kind() == protoreflect.StringKind {
				counts[Category{Field: string(field.Name()), Value: value.String()}]++
			}
			return true
		})
	}
	all := make([]Category, 0, len(counts))
	for category, count := range counts {
		category.Count = count
		all = append(all, category)
	}
	slices.SortFunc(all, func(a, b Category) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	kept := all[:0]
	for i, category := range all {
		if i < maxCategories || all[i-maxCategories].Field != category.Field {
			kept = append(kept, category)
		}
	}
	return kept
}
