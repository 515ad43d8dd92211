package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// readiness says whether the gateway can do its job: at the start when all
// services answer, and from then on while any does. One that goes away must not
// take from callers what the other still gives.
type readiness struct {
	peers    []peer
	complete atomic.Bool // every service has answered once
	stopping atomic.Bool
	log      *slog.Logger
	before   atomic.Pointer[string] // what the last look said
}

func newReadiness(peers []peer, log *slog.Logger) *readiness {
	return &readiness{peers: peers, log: log}
}

// stop makes the gateway not ready for good.
func (r *readiness) stop() { r.stopping.Store(true) }

// check returns nil when ready, else why not, and logs when that changes.
func (r *readiness) check(ctx context.Context) error {
	err := r.look(ctx)
	now := ""
	if err != nil {
		now = err.Error()
	}
	before := r.before.Swap(&now)
	switch {
	case before != nil && *before == now, ctx.Err() != nil:
	case err != nil && r.complete.Load():
		r.log.WarnContext(ctx, "not ready", "reason", now)
	case err != nil:
		r.log.InfoContext(ctx, "not ready yet", "reason", now)
	default:
		r.log.InfoContext(ctx, "ready")
	}
	return err
}

func (r *readiness) look(ctx context.Context) error {
	if r.stopping.Load() {
		return errors.New("stopping")
	}
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
