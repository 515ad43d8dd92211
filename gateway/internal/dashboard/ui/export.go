package ui

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/futurisys/futurisys/proto/catalogue"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// AsFile makes of an answer a file to keep.
func AsFile(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
}

// RefuseUnknown refuses an export with a parameter that is none of its filters.
func (site *Site) RefuseUnknown(v *View, w http.ResponseWriter, r *http.Request, filters []string) bool {
	name := unknownParameter(r.URL.Query(), filters...)
	if name == "" {
		return false
	}
	wrong := catalogue.Violation(futurisysv1.ViolationReason_VIOLATION_REASON_UNKNOWN_PARAMETER, name)
	site.Refuse(v, w, r, http.StatusBadRequest, v.Warning(wrong, nil))
	return true
}

// stepTime bounds one step of an export: to read a page, and to hand it to the reader.
const stepTime = 30 * time.Second

// Step does one step of an export. The whole has no bound: a file is never cut because it
// is long.
func Step(w http.ResponseWriter, r *http.Request, read func(context.Context) error) error {
	// A writer without deadlines is one of a test.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * stepTime)) //nolint:mnd // to read and to write
	ctx, cancel := context.WithTimeout(r.Context(), stepTime)
	defer cancel()
	return read(ctx)
}

// Cut ends an export that went wrong. A file that has begun is cut off, so that nobody
// takes a part for the whole.
func (site *Site) Cut(v *View, w http.ResponseWriter, r *http.Request, begun bool, err error) {
	if !begun {
		site.Fail(v, w, r, Persistence, err)
		return
	}
	level := slog.LevelError
	if r.Context().Err() != nil { // by the reader
		level = slog.LevelDebug
	}
	site.Log.Log(r.Context(), level, "an export was cut off", "error", err)
	panic(http.ErrAbortHandler)
}
