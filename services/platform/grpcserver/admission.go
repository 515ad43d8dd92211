package grpcserver

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/inflight"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Limits are how much a server has in flight at once.
type Limits struct {
	// Calls is how many calls with one row, or none, there may be.
	Calls int
	// Rows is how many rows the calls with more may have together; one whose reasons are
	// asked for counts as two.
	Rows int
}

// streamBytes is how much the messages of streams may be together, each with what its
// policy allows: two imports, or 160 streams of rows.
const streamBytes = 160 << 20

// admission refuses calls beyond the limits. Calls of one row, calls of many and streams
// have limits of their own, so that none of them takes the others' place.
type admission struct {
	calls, rows, streams *inflight.Limit
	policies             policy.Policies
	receiving            *inflight.Receiving // streams
}

func newAdmission(limits Limits, registry prometheus.Registerer, receiving *inflight.Receiving) *admission {
	a := &admission{receiving: receiving, calls: inflight.New(int64(limits.Calls)), rows: inflight.New(int64(limits.Rows)), streams: inflight.New(streamBytes)}
	inflight.Register(registry, map[string]*inflight.Limit{"calls": a.calls, "rows": a.rows, "stream_bytes": a.streams})
	return a
}

func (a *admission) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if exempt(info.FullMethod) {
		return next(ctx, request)
	}
	limit, weight := a.calls, int64(1)
	if rows := rowsOf(request); rows > 1 {
		limit, weight = a.rows, rows
	}
	release, err := limit.AcquireFor(caller(ctx), weight)
	if err != nil {
		return nil, err //nolint:wrapcheck // what the caller gets
	}
	defer release()
	return next(ctx, request)
}

func (a *admission) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if exempt(info.FullMethod) {
		return next(service, stream)
	}
	size := policy.MaxRequestBytes(a.policies[info.FullMethod])
	release, err := a.streams.AcquireMakingRoom(stream.Context(), caller(stream.Context()), size, func() bool { return a.receiving.EndSlowest(false) })
	if err != nil {
		return err //nolint:wrapcheck // what the caller gets
	}
	defer release()
	return next(service, stream)
}

// caller is whom a call counts for: a principal that is known, but no service of ours, which
// calls for many.
func caller(ctx context.Context) string {
	principal := access.From(ctx)
	if principal == nil || principal.May(futurisysv1.Permission_PERMISSION_INTERNAL) {
		return ""
	}
	return principal.Subject
}

// exempt are the methods by which a process is watched, which must answer also when it is
// at its limits, and those by which the services talk to each other: who calls them bounds
// them.
func exempt(method string) bool {
	return !strings.HasPrefix(method, "/futurisys.v1.") || strings.HasPrefix(method, "/futurisys.v1.StatusService/")
}

// explainedWeight is how many rows one counts as whose reasons are asked for: its answer is
// several times as large.
const explainedWeight = 2

var explainOptions = (&futurisysv1.ExplainOptions{}).ProtoReflect().Descriptor()

// rowsOf is how many rows a request has: the items of its longest list. Rows that are to be
// explained count more.
func rowsOf(request any) int64 {
	message, ok := request.(proto.Message)
	if !ok {
		return 0
	}
	longest, weight := 0, 1
	message.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsList():
			longest = max(longest, value.List().Len())
		case field.Message() == explainOptions:
			weight = explainedWeight
		}
		return true
	})
	return int64(longest * weight)
}
