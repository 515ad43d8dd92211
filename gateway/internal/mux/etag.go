package mux

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/futurisys/futurisys/gateway/internal/routes"
	"github.com/futurisys/futurisys/services/platform/apierr"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	ifMatchHeader = "If-Match"
	etagField     = "etag"
)

// writeETag gives a resource's etag as HTTP does, besides in its body.
func writeETag(_ context.Context, w http.ResponseWriter, answer proto.Message) error {
	if resource, ok := answer.(interface{ GetEtag() string }); ok && resource.GetEtag() != "" {
		w.Header().Set("ETag", strconv.Quote(resource.GetEtag()))
	}
	return nil
}

// ifMatch takes a request's If-Match for its etag: a condition that is not looked at would
// change what it should not.
func (m routing) ifMatch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Get(ifMatchHeader)
		route, ok := m.table.Find(r)
		if given == "" || given == "*" || !ok || r.Method == http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		etag, err := strconv.Unquote(given)
		if err != nil || strings.HasPrefix(given, "W/") || len(r.Header.Values(ifMatchHeader)) > 1 {
			WriteError(w, badIfMatch(`one etag in quotes is taken, such as "1-2"`))
			return
		}
		if err := setEtag(r, route, etag); err != nil {
			WriteError(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// setEtag puts an etag where the request has its own.
func setEtag(r *http.Request, route routes.Route, etag string) error {
	input := route.Method.Input()
	resource := input.Fields().ByName(protoreflect.Name(route.Body))
	switch {
	case resource != nil && resource.Message() != nil && resource.Message().Fields().ByName(etagField) != nil:
		return setInBody(r, etag)
	case route.Body == "" && input.Fields().ByName(etagField) != nil:
		query := r.URL.Query()
		if query.Has(etagField) && query.Get(etagField) != etag {
			return contradiction()
		}
		query.Set(etagField, etag)
		changed := *r.URL
		changed.RawQuery = query.Encode()
		r.URL = &changed
		return nil
	}
	return badIfMatch("this method has no etag")
}

func badIfMatch(cause string) error {
	return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, ifMatchHeader, "cause", cause)
}

func setInBody(r *http.Request, etag string) error {
	data, err := readAll(r.Body)
	if err != nil {
		return err
	}
	var resource struct {
		Etag string `json:"etag"`
	}
	// What is wrong with the body is said by who reads it.
	if start := bytes.IndexByte(data, '{'); start >= 0 && json.Unmarshal(data, &resource) == nil {
		switch {
		case resource.Etag != "" && resource.Etag != etag:
			return contradiction()
		case resource.Etag == "":
			own := strconv.Quote(etagField) + ":" + strconv.Quote(etag)
			if rest := bytes.TrimSpace(data[start+1:]); len(rest) > 0 && rest[0] != '}' {
				own += ","
			}
			data = slices.Insert(data, start+1, []byte(own)...)
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	return nil
}

func contradiction() error {
	return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_HEADER_MISMATCH, etagField, "header", ifMatchHeader)
}
