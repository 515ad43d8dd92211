package mux

import (
	"context"
	"sync"
	"time"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// statusTimeout bounds how long one service is waited for.
const statusTimeout = 2 * time.Second

// Status answers for all services: its own, and those that it asks.
type Status struct {
	futurisysv1.UnimplementedStatusServiceServer

	// Own is the gateway's.
	Own futurisysv1.StatusServiceServer
	// Others are asked in this order.
	Others []Peer
}

// Peer is a service that is asked.
type Peer struct {
	Name   string
	Client futurisysv1.StatusServiceClient
}

// GetStatus asks every service. One that does not answer is listed as not ready.
func (s *Status) GetStatus(ctx context.Context, request *futurisysv1.GetStatusRequest) (*futurisysv1.Status, error) {
	out, err := s.Own.GetStatus(ctx, request)
	if err != nil {
		return nil, err //nolint:wrapcheck // a status
	}
	answers := make([][]*futurisysv1.ServiceStatus, len(s.Others))
	var all sync.WaitGroup
	for i, peer := range s.Others {
		all.Go(func() { answers[i] = peer.ask(ctx, request) })
	}
	all.Wait()
	for _, answer := range answers {
		out.Services = append(out.Services, answer...)
	}
	return out, nil
}

func (p Peer) ask(ctx context.Context, request *futurisysv1.GetStatusRequest) []*futurisysv1.ServiceStatus {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	answer, err := p.Client.GetStatus(ctx, request)
	if err != nil {
		return []*futurisysv1.ServiceStatus{{Service: p.Name, Reason: "does not answer"}}
	}
	return answer.GetServices()
}
