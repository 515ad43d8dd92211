package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// peer is a service behind the gateway.
type peer struct {
	name       string
	connection *grpc.ClientConn
}

// peerTimeout bounds how long one service is waited for.
const peerTimeout = 500 * time.Millisecond

func (p peer) health(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, peerTimeout)
	defer cancel()
	return grpc_health_v1.NewHealthClient(p.connection).Check(ctx, &grpc_health_v1.HealthCheckRequest{}) //nolint:wrapcheck // a status
}

// peerReadiness says whether the gateway can do its job: at the start when all
// services answer, and from then on while any does. One that goes away must not
// take from callers what the other still gives.
type peerReadiness struct {
	peers    []peer
	complete atomic.Bool // every service has answered once
}

// look returns nil when ready, else why not.
func (r *peerReadiness) look(ctx context.Context) error {
	var failed []error
	for _, p := range r.peers {
		answer, err := p.health(ctx)
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("%s does not answer", p.name))
		case answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING:
			failed = append(failed, fmt.Errorf("%s is not ready", p.name))
		}
	}
	switch {
	case len(failed) == 0:
		r.complete.Store(true)
		return nil
	case r.complete.Load() && len(failed) < len(r.peers):
		return nil
	default:
		return errors.Join(failed...)
	}
}
