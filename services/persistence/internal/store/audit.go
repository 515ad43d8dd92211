package store

import (
	"context"
	"time"
)

// AuditEvent is something that somebody did.
type AuditEvent struct {
	Number    int64 // ascends as they come
	Time      time.Time
	Principal string // "": nobody was known
	// PrincipalName is what people call him.
	PrincipalName string
	Action        string // the name of a method
	EmployeeIDs   []int32
	Filter        string // of a list, as JSON; "": none
	RequestID     string
	Refused       bool
}

// AuditQuery says which events, the newest first, from where.
type AuditQuery struct {
	EmployeeID int32     // 0: any
	Principal  string    // "": any
	Action     string    // "": any
	From, To   time.Time // zero: open; To is excluded
	Before     int64     // only those with a lower number; 0: any
	Limit      int
}

// Audits keeps who did what. Nothing changes an event, and nothing removes one but the end
// of its time.
type Audits interface {
	// AppendAuditEvents adds events.
	AppendAuditEvents(ctx context.Context, events []AuditEvent) error
	// ListAuditEvents reads a page; how many there are in all it does not say.
	ListAuditEvents(ctx context.Context, query AuditQuery) (*Page[AuditEvent], error)
}

// Change is an event that is kept in the same transaction as the change that it is of.
type Change struct {
	AuditEvent

	Kept bool
}

type changeKey struct{}

// WithChange returns a context whose changes are kept as that event.
func WithChange(ctx context.Context, change *Change) context.Context {
	return context.WithValue(ctx, changeKey{}, change)
}

// ChangeOf is the event of a context; nil: who does it is not kept.
func ChangeOf(ctx context.Context) *Change {
	change, _ := ctx.Value(changeKey{}).(*Change)
	return change
}
