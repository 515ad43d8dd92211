package server

import (
	"context"

	"google.golang.org/protobuf/proto"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Status serves StatusService.
type Status struct {
	futurisysv1.UnimplementedStatusServiceServer

	fixed *futurisysv1.ServiceStatus
	ready func(context.Context) error
}

// NewStatus returns the service: fixed is what does not change while it runs.
func NewStatus(fixed *futurisysv1.ServiceStatus, ready func(context.Context) error) *Status {
	return &Status{fixed: fixed, ready: ready}
}

// GetStatus says how this service is.
func (s *Status) GetStatus(ctx context.Context, _ *futurisysv1.GetStatusRequest) (*futurisysv1.Status, error) {
	now := proto.CloneOf(s.fixed)
	now.Ready = true
	if err := s.ready(ctx); err != nil {
		now.Ready, now.Reason = false, err.Error()
	}
	return &futurisysv1.Status{Services: []*futurisysv1.ServiceStatus{now}}, nil
}
