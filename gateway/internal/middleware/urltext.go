package middleware

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// URLText refuses a path or query that is not clean text: protobuf strings are
// UTF-8, and what is not would fail inside as if it were our fault.
func URLText(fail Fail) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query, err := url.ParseQuery(r.URL.RawQuery)
			if err != nil {
				fail(w, r, apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "query", "cause", err))
				return
			}
			violations := wrongText("path", r.URL.Path)
			for name, values := range query {
				if found := wrongText("query", name); found != nil {
					violations = append(violations, found...)
					continue
				}
				violations = append(violations, wrongText(name, strings.Join(values, ""))...)
			}
			if len(violations) > 0 {
				fail(w, r, apierr.Invalid(futurisysv1.ErrorReason_ERROR_REASON_INVALID_ARGUMENT, violations...))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// wrongText is why a text is not clean; nil: it is.
func wrongText(field, text string) []*futurisysv1.Violation {
	reason := futurisysv1.ViolationReason_VIOLATION_REASON_ZERO_BYTE
	switch {
	case IsText(text):
		return nil
	case !utf8.ValidString(text):
		reason = futurisysv1.ViolationReason_VIOLATION_REASON_NOT_UTF8
	}
	return []*futurisysv1.Violation{catalogue.Violation(reason, field)}
}

// IsText says whether a string is clean text: UTF-8 without a zero byte.
func IsText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
