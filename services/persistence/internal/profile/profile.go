// Package profile copies an employee's profile between the API's message and the store.
package profile

import (
	"reflect"
	"sync"

	"github.com/futurisys/futurisys/services/persistence/internal/store"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// places are, for each field of a stored profile, the place of the field of the same
// name and type in the API's message.
var places = sync.OnceValue(func() []int {
	stored, message := reflect.TypeFor[store.Profile](), reflect.TypeFor[futurisysv1.EmployeeProfile]()
	found := make([]int, stored.NumField())
	for i := range found {
		field, ok := message.FieldByName(stored.Field(i).Name)
		if !ok || field.Type != stored.Field(i).Type {
			panic("the API's profile has no field like the stored " + stored.Field(i).Name)
		}
		found[i] = field.Index[0]
	}
	return found
})

// FromMessage is what the store keeps of a profile; nil: of an empty one.
func FromMessage(p *futurisysv1.EmployeeProfile) store.Profile {
	var out store.Profile
	if p == nil {
		return out
	}
	from, to := reflect.ValueOf(p).Elem(), reflect.ValueOf(&out).Elem()
	for i, place := range places() {
		to.Field(i).Set(from.Field(place))
	}
	return out
}

// Message is a stored profile as the API has it.
func Message(p store.Profile) *futurisysv1.EmployeeProfile {
	out := &futurisysv1.EmployeeProfile{}
	from, to := reflect.ValueOf(p), reflect.ValueOf(out).Elem()
	for i, place := range places() {
		to.Field(place).Set(from.Field(i))
	}
	return out
}
