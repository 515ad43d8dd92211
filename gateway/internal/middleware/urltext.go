package middleware

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// URLText refuses a path or query that is not clean text: protobuf strings are
// UTF-8, and what is not would fail inside as if it were our fault.
func URLText(fail Fail) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query, err := url.ParseQuery(r.URL.RawQuery)
			clean := err == nil && IsText(r.URL.Path)
			for name, values := range query {
				clean = clean && IsText(name) && IsText(strings.Join(values, ""))
			}
			if !clean {
				fail(w, r, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UTF8, "path or query"))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// IsText says whether a string is clean text: UTF-8 without a zero byte.
func IsText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
