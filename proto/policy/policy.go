// Package policy knows what each method of the API is: its permission, its limits and
// the errors that it answers, from the option (futurisys.v1.policy) in the contract.
package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// The services of ours are found among the registered files.
	_ "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// What a policy that does not say it means.
const (
	DefaultDeadline        = 30 * time.Second
	DefaultMaxRequestBytes = 1 << 20
)

// ours begins the names of the methods that are ours.
const ours = "/futurisys."

// Policies are the policies of all methods by full name, such as
// /futurisys.v1.ModelService/GetModel. They may be read by many goroutines at once.
type Policies map[string]*futurisysv1.Policy

// Load returns the policies of every method of ours and of the services beside them. A
// method without one is an error.
func Load() (Policies, error) {
	policies := foreign()
	var missing []string
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for service := range each(file.Services()) {
			for method := range each(service.Methods()) {
				name := FullMethod(method)
				if !strings.HasPrefix(name, ours) {
					continue
				}
				policy := Of(method)
				if policy.GetPermission() == futurisysv1.Permission_PERMISSION_UNSPECIFIED {
					missing = append(missing, name)
					continue
				}
				policies[name] = policy
			}
		}
		return true
	})
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, fmt.Errorf("methods without a policy: %v", missing)
	}
	return policies, nil
}

// Of returns the policy that the contract gives a method; nil: none.
func Of(method protoreflect.MethodDescriptor) *futurisysv1.Policy {
	policy, _ := proto.GetExtension(method.Options(), futurisysv1.E_Policy).(*futurisysv1.Policy)
	return policy
}

// FullMethod is a method's name as gRPC writes it.
func FullMethod(method protoreflect.MethodDescriptor) string {
	return "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
}

// Deadline is how long a call may take.
func Deadline(policy *futurisysv1.Policy) time.Duration {
	if policy.GetDeadline() == nil {
		return DefaultDeadline
	}
	return policy.GetDeadline().AsDuration()
}

// MaxRequestBytes is the largest request.
func MaxRequestBytes(policy *futurisysv1.Policy) int64 {
	if policy.GetMaxRequestBytes() == 0 {
		return DefaultMaxRequestBytes
	}
	return policy.GetMaxRequestBytes()
}

// foreign are the policies of services whose contract is not ours.
func foreign() Policies {
	policies := Policies{}
	public := &futurisysv1.Policy{Permission: futurisysv1.Permission_PERMISSION_PUBLIC}
	for _, name := range []string{
		"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/List",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	} {
		policies[name] = public
	}
	return policies
}

// Names are the full names of all methods, in order.
func (p Policies) Names() []string { return slices.Sorted(maps.Keys(p)) }

// list is what protoreflect's lists have in common.
type list[T any] interface {
	Len() int
	Get(i int) T
}

func each[T any](all list[T]) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		for i := range all.Len() {
			if !yield(all.Get(i)) {
				return
			}
		}
	}
}
