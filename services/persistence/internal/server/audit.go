package server

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/pagetoken"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Audit serves AuditService, and to the other services AuditJournalService.
type Audit struct {
	futurisysv1.UnimplementedAuditServiceServer
	internalv1.UnimplementedAuditJournalServiceServer

	store store.Audits
}

// NewAudit returns the services.
func NewAudit(events store.Audits) *Audit { return &Audit{store: events} }

// ListAuditEvents lists what happened.
func (s *Audit) ListAuditEvents(ctx context.Context, request *futurisysv1.ListAuditEventsRequest) (*futurisysv1.ListAuditEventsResponse, error) {
	query := store.AuditQuery{
		EmployeeID: request.GetEmployee(), Principal: request.GetPrincipal(), Action: request.GetAction(),
		From: timeOf(request.GetCreateTimeFrom()), To: timeOf(request.GetCreateTimeTo()),
	}
	asked := query
	before, err := decodeToken[int64](asked, request.GetPageToken())
	if err != nil {
		return nil, err
	}
	if before != nil {
		query.Before = *before
	}
	query.Limit = pagetoken.Size(request.GetPageSize())
	page, err := s.store.ListAuditEvents(ctx, query)
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	out := &futurisysv1.ListAuditEventsResponse{}
	for i := range page.Rows {
		e := &page.Rows[i]
		out.Events = append(out.Events, &futurisysv1.AuditEvent{
			Number: e.Number, CreateTime: timestamppb.New(e.Time), Principal: e.Principal, PrincipalName: e.PrincipalName, Action: e.Action,
			EmployeeIds: e.EmployeeIDs, Filter: e.Filter, RequestId: e.RequestID, Refused: e.Refused,
		})
	}
	if page.More {
		out.NextPageToken, err = pagetoken.Encode(asked, page.Rows[len(page.Rows)-1].Number)
	}
	return out, err //nolint:wrapcheck // it says what it was doing
}

// AppendAuditEvents keeps what happened at another service.
func (s *Audit) AppendAuditEvents(ctx context.Context, request *internalv1.AppendAuditEventsRequest) (*internalv1.AppendAuditEventsResponse, error) {
	events := make([]store.AuditEvent, len(request.GetEvents()))
	for i, e := range request.GetEvents() {
		events[i] = store.AuditEvent{
			Time: e.GetCreateTime().AsTime(), Principal: e.GetPrincipal(), PrincipalName: e.GetPrincipalName(), Action: e.GetAction(),
			EmployeeIDs: e.GetEmployeeIds(), Filter: e.GetFilter(), RequestID: e.GetRequestId(), Refused: e.GetRefused(),
		}
	}
	if err := s.store.AppendAuditEvents(ctx, events); err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	return &internalv1.AppendAuditEventsResponse{}, nil
}
