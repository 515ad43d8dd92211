package middleware

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/inflight"
)

const (
	// maxReceiving is how many bodies may be on their way at once.
	maxReceiving = 512
	// bodyBytes is how much large bodies may be together; one that is larger comes alone. Of
	// each several times as much is made.
	bodyBytes = 16 << 20
	// exportPart is which part of the requests there may be of answers without bounds, which
	// are taken for as long as their readers like.
	exportPart = 16
)

// Admission refuses requests beyond so many at once, and large bodies beyond bodyBytes. A
// small body is read before its request counts: who sends it byte by byte must not take a
// place among those that are served. connections is how many there may be at all. Probes are
// answered also at the limit.
func Admission(registry prometheus.Registerer, limit, connections int, fail Fail) Middleware {
	requests := inflight.New(int64(limit))
	receiving := inflight.NewReceiving(min(maxReceiving, max(connections/2, 1)), bodyBytes) //nolint:mnd // the other half is for whole ones
	exports := inflight.New(int64(max(limit/exportPart, 1)))
	inflight.Register(registry, map[string]*inflight.Limit{"requests": requests, "exports": exports})
	inflight.RegisterReceiving(registry, map[string]*inflight.Receiving{"bodies": receiving})
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			route, _ := routes.From(r.Context())
			if isProbe(r.URL.Path) {
				next.ServeHTTP(w, r)
				return
			}
			refuse := func(err error) {
				fail(w, r, err)
				drain(w, r, r.Body) // or who is still sending finds the connection reset, and not when to come again
			}
			if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
				body, err := receive(receiving, w, r)
				if err != nil {
					refuse(err)
					return
				}
				defer body.Done()
				r.Body = body
			}
			places := requests
			if route.Unbounded {
				places = exports
			}
			// A large body has a place while it comes.
			release, err := places.AcquireMakingRoom(r.Context(), access.Subject(r.Context()), 1, func() bool { return receiving.EndSlowest(true) })
			if err != nil {
				refuse(err)
				return
			}
			defer release()
			next.ServeHTTP(w, r)
		})
	}
}

// receivedBody is a body that is counted as it comes.
type receivedBody struct {
	*inflight.Incoming
	io.Reader // begin, and then body
	io.Closer
}

// receive reads a body as far as it does not count, and leaves the rest to who wants it. What
// goes wrong in reading that one is told too. *apierr.Error: there is no room for the body.
func receive(receiving *inflight.Receiving, w http.ResponseWriter, r *http.Request) (*receivedBody, error) {
	connection := http.NewResponseController(w)
	incoming := receiving.Begin(func() {
		_ = connection.SetReadDeadline(time.Now()) // a writer without deadlines is one of a test
	})
	rest := &countedReader{r.Body, incoming}
	body := &receivedBody{incoming, rest, r.Body}
	if err := incoming.Reserve(r.ContentLength); err != nil {
		incoming.Done()
		return nil, err //nolint:wrapcheck // what the caller gets
	}
	if r.ContentLength <= inflight.FreeBytes {
		var begin bytes.Buffer
		begin.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead)
		_, err := io.CopyN(&begin, rest, inflight.FreeBytes)
		if refused, is := errors.AsType[*apierr.Error](err); is {
			incoming.Done()
			return nil, refused
		}
		body.Reader = io.MultiReader(&begin, &failedReader{err, rest})
	}
	incoming.Pause()
	return body, nil
}

// countedReader counts what it reads, and the time that it waits.
type countedReader struct {
	body     io.Reader
	incoming *inflight.Incoming
}

// Read reads on. *apierr.Error: there is no room for more, or it came too slowly.
func (c *countedReader) Read(p []byte) (int, error) {
	c.incoming.Resume()
	defer c.incoming.Pause()
	n, err := c.body.Read(p)
	if refused := c.incoming.Came(int64(n)); refused != nil {
		return 0, refused //nolint:wrapcheck // what the caller gets
	}
	return n, err //nolint:wrapcheck // net/http's own
}

// failedReader says again how reading ended; nil: it did not.
type failedReader struct {
	err  error
	rest io.Reader
}

// Read reads on, if there is more.
func (f *failedReader) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.rest.Read(p) //nolint:wrapcheck // net/http's own
}
