package server

import (
	"reflect"
	"sync"

	"github.com/futurisys/futurisys/services/persistence/internal/store"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// profileFields are, for each field of a stored profile, the place of the field of the same
// name and type in the API's message.
var profileFields = sync.OnceValue(func() []int {
	stored, message := reflect.TypeFor[store.Profile](), reflect.TypeFor[futurisysv1.EmployeeProfile]()
	places := make([]int, stored.NumField())
	for i := range places {
		field, ok := message.FieldByName(stored.Field(i).Name)
		if !ok || field.Type != stored.Field(i).Type {
			panic("the API's profile has no field like the stored " + stored.Field(i).Name)
		}
		places[i] = field.Index[0]
	}
	return places
})

func profileFromMessage(p *futurisysv1.EmployeeProfile) store.Profile {
	var out store.Profile
	if p == nil {
		return out
	}
	from, to := reflect.ValueOf(p).Elem(), reflect.ValueOf(&out).Elem()
	for i, place := range profileFields() {
		to.Field(i).Set(from.Field(place))
	}
	return out
}

func profileMessage(p store.Profile) *futurisysv1.EmployeeProfile {
	out := &futurisysv1.EmployeeProfile{}
	from, to := reflect.ValueOf(p), reflect.ValueOf(out).Elem()
	for i, place := range profileFields() {
		to.Field(place).Set(from.Field(i))
	}
	return out
}
