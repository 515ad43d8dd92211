package server

import (
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/services/persistence/internal/profile"
	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// profilePath is the field of an employee that holds the profile.
const profilePath = "profile"

// changeOf returns what an update does to a record: each named field takes the
// given value, or is emptied when none is given. Without names: the name and
// the fields of the profile that are given.
func changeOf(given *futurisysv1.Employee, paths []string) (func(*store.Employee), error) {
	if len(paths) == 0 {
		paths = givenPaths(given)
	}
	setName, fields, err := readMask(paths)
	if err != nil {
		return nil, err
	}
	return func(employee *store.Employee) {
		if setName {
			employee.DisplayName = given.GetDisplayName()
		}
		message := profile.Message(employee.Profile).ProtoReflect()
		source := given.GetProfile().ProtoReflect()
		for _, field := range fields {
			if source.IsValid() && source.Has(field) {
				message.Set(field, source.Get(field))
			} else {
				message.Clear(field)
			}
		}
		employee.Profile = profile.FromMessage(message.Interface().(*futurisysv1.EmployeeProfile)) //nolint:forcetypeassert // it was made so above
	}, nil
}

// readMask says which fields a mask names.
func readMask(paths []string) (setName bool, fields []protoreflect.FieldDescriptor, err error) {
	all := (&futurisysv1.EmployeeProfile{}).ProtoReflect().Descriptor().Fields()
	for _, path := range paths {
		path = protoNames(path)
		name, inProfile := strings.CutPrefix(path, profilePath+".")
		field := all.ByName(protoreflect.Name(name))
		switch {
		case path == "display_name":
			setName = true
		case path == profilePath:
			for i := range all.Len() {
				fields = append(fields, all.Get(i))
			}
		case inProfile && field != nil:
			fields = append(fields, field)
		case isAnswered(path):
			// Who writes back what was read sends them as well: they change nothing.
		default:
			return false, nil, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UPDATABLE, "update_mask", "path", path)
		}
	}
	return setName, fields, nil
}

// givenPaths names the fields that an update without a mask means.
func givenPaths(given *futurisysv1.Employee) []string {
	var paths []string
	if given.GetDisplayName() != "" {
		paths = append(paths, "display_name")
	}
	given.GetProfile().ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		paths = append(paths, profilePath+"."+string(field.Name()))
		return true
	})
	return paths
}

// isAnswered says whether a path leads to what an employee has besides name and profile: which
// record is meant, and what only the service says of it.
func isAnswered(path string) bool {
	name, _, _ := strings.Cut(path, ".")
	return name != profilePath && (&futurisysv1.Employee{}).ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name)) != nil
}

// protoNames gives the proto names of a path: a mask in a URL has those of JSON,
// as protojson writes it, and grpc-gateway hands it on as it is.
func protoNames(path string) string {
	var out strings.Builder
	for _, r := range path {
		if unicode.IsUpper(r) {
			out.WriteByte('_')
			r = unicode.ToLower(r)
		}
		out.WriteRune(r)
	}
	return out.String()
}
