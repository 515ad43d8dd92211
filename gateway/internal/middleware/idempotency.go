package middleware

import (
	"net/http"
	"regexp"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// IdempotencyKeyHeader makes a retry safe, as request_id does.
const IdempotencyKeyHeader = "Idempotency-Key"

// idempotencyKey is what the OpenAPI document says of it. gRPC would drop or change
// what is not plain text on the way, and a retry would then be another call.
var idempotencyKey = regexp.MustCompile(`^[!-~]{1,200}$`)

// IdempotencyKey refuses a key that could not be handed on as it is, or whose method does not
// know any.
func IdempotencyKey(fail Fail) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			given := r.Header.Values(IdempotencyKeyHeader)
			if len(given) > 1 || len(given) == 1 && !idempotencyKey.MatchString(given[0]) {
				fail(w, r, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_INVALID_HEADER, IdempotencyKeyHeader))
				return
			}
			// Where it does nothing, a retry would do the work twice.
			route, ok := routes.From(r.Context())
			if len(given) > 0 && ok && r.Method != http.MethodGet && !route.Policy.GetRetryByRequestId() {
				fail(w, r, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_PARAMETER, IdempotencyKeyHeader))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
