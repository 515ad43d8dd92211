package policy_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// A method without a policy would be served to anybody: the start of each program fails
// on it, and this test before that.
func TestEveryMethodHasAPolicyThatHolds(t *testing.T) {
	policies, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range policies {
		for _, condition := range p.GetWhenSet() {
			if condition.GetPermission() == futurisysv1.Permission_PERMISSION_UNSPECIFIED {
				t.Errorf("%s: no permission for %s", name, condition.GetField())
			}
			if method := find(t, name); method.Input().Fields().ByName(protoreflect.Name(condition.GetField())) == nil {
				t.Errorf("%s: the request has no field %s", name, condition.GetField())
			}
		}
		seen := map[futurisysv1.ErrorReason]bool{}
		for _, reason := range p.GetErrors() {
			if seen[reason] || reason == futurisysv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
				t.Errorf("%s: %s appears more than once, or means nothing", name, reason)
			}
			seen[reason] = true
		}
		if p.GetNeedsDatabase() && !seen[futurisysv1.ErrorReason_ERROR_REASON_NO_DATABASE] && p.GetPermission() != futurisysv1.Permission_PERMISSION_INTERNAL {
			t.Errorf("%s: needs a database and does not say NO_DATABASE", name)
		}
		if p.GetRetryByRequestId() && find(t, name).Input().Fields().ByName("request_id") == nil && !find(t, name).IsStreamingClient() {
			t.Errorf("%s: the request has no request_id", name)
		}
		if policy.Deadline(p) <= 0 || policy.MaxRequestBytes(p) <= 0 {
			t.Errorf("%s: no time or no room", name)
		}
	}
}

func find(t *testing.T, name string) protoreflect.MethodDescriptor {
	t.Helper()
	service, method, _ := strings.Cut(name[1:], "/")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		t.Fatal(err)
	}
	return found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(method))
}
