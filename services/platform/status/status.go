// Package status answers how a service is, over gRPC.
package status

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/platform/buildinfo"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// readyTimeout bounds how long what a service needs is waited for: a status is asked for
// when something hangs.
const readyTimeout = time.Second

// Server serves StatusService.
type Server struct {
	futurisysv1.UnimplementedStatusServiceServer

	fixed   *futurisysv1.ServiceStatus
	details func() map[string]string
	ready   func(context.Context) error
}

// New returns the service of a process that starts now. details are what it
// serves or uses at the moment.
func New(service, environment string, details func() map[string]string, ready func(context.Context) error) *Server {
	return &Server{
		fixed: &futurisysv1.ServiceStatus{
			Service: service, Version: buildinfo.Version(), Environment: environment, StartTime: timestamppb.New(time.Now()),
		},
		details: details,
		ready:   ready,
	}
}

// GetStatus says how this service is.
func (s *Server) GetStatus(ctx context.Context, _ *futurisysv1.GetStatusRequest) (*futurisysv1.Status, error) {
	now := proto.CloneOf(s.fixed)
	now.Ready, now.Details = true, s.details()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		now.Ready, now.Reason = false, err.Error()
	}
	return &futurisysv1.Status{Services: []*futurisysv1.ServiceStatus{now}}, nil
}
