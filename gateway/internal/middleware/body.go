package middleware

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Body bounds the bodies of requests by the policies of their routes, and refuses what is
// neither JSON nor, where a form is taken, a form. What is not served is not looked at:
// that it is not is what the caller must know.
func Body(fail Fail) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			route, served := routes.From(r.Context())
			limit := policy.MaxRequestBytes(route.Policy)
			if r.ContentLength > limit {
				w.Header().Set("Connection", "close")
				fail(w, r, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, "max", limit))
				drain(w, r, r.Body)
				return
			}
			if encoding := r.Header.Get("Content-Encoding"); served && encoding != "" && encoding != "identity" {
				fail(w, r, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE, "expected", "a body without Content-Encoding"))
				return
			}
			whole := r.Body
			bounded := &boundedBody{ReadCloser: http.MaxBytesReader(w, r.Body, limit)}
			r.Body = bounded
			defer func() {
				if bounded.exceeded {
					drain(w, r, whole)
				}
			}()
			if served && !route.Form && r.ContentLength != 0 && !isJSON(r.Header.Get("Content-Type")) {
				fail(w, r, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE, "expected", "application/json"))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// boundedBody is a body that knows whether there was more than may be.
type boundedBody struct {
	io.ReadCloser

	exceeded bool
}

// Read reads on.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		b.exceeded = true
	}
	return n, err //nolint:wrapcheck // net/http's own
}

// Unread says why a body could not be read to its end; nil: that is not the caller's body.
func Unread(err error) *apierr.Error {
	if over, is := errors.AsType[*http.MaxBytesError](err); is {
		return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, "max", over.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return apierr.New(futurisysv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED)
	}
	refused, _ := errors.AsType[*apierr.Error](err)
	return refused
}

// How much of a body that was refused is still taken, and for how long.
const (
	drainBytes = 128 << 20
	drainTime  = 10 * time.Second
	// drainRate is how many bytes a second of all of them together: what is thrown away must
	// not take the processors from what is served.
	drainRate  = 64 << 20
	drainChunk = 64 << 10
)

var drained = rate.NewLimiter(drainRate, drainChunk)

// drain takes the rest of a body that was refused: a caller who is still sending would find
// the connection reset, and never see why.
func drain(w http.ResponseWriter, r *http.Request, body io.Reader) {
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(drainTime)) // a writer without deadlines is one of a test
	_ = connection.Flush()
	ctx, cancel := context.WithTimeout(r.Context(), drainTime)
	defer cancel()
	for range drainBytes / drainChunk {
		n, err := io.CopyN(io.Discard, body, drainChunk)
		if err != nil || drained.WaitN(ctx, int(n)) != nil {
			return
		}
	}
}

func isJSON(contentType string) bool {
	if contentType == "" {
		return true // curl users forget it; the body is read as JSON in any case
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(parameters["charset"])
	return err == nil && kind == "application/json" && (charset == "" || charset == "utf-8" || charset == "utf8")
}
