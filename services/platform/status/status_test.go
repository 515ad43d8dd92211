package status_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/platform/status"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func ask(t *testing.T, s *status.Server) *futurisysv1.ServiceStatus {
	t.Helper()
	answer, err := s.GetStatus(t.Context(), &futurisysv1.GetStatusRequest{})
	if err != nil || len(answer.GetServices()) != 1 {
		t.Fatalf("got %v, %v", answer, err)
	}
	return answer.GetServices()[0]
}

func TestStatusIsThatOfTheMoment(t *testing.T) {
	details, problem := map[string]string{"database": "sqlite"}, error(nil)
	s := status.New("persistence", "dev", func() map[string]string { return details }, func(context.Context) error { return problem })
	first := ask(t, s)
	if !first.GetReady() || first.GetReason() != "" || first.GetService() != "persistence" || first.GetEnvironment() != "dev" ||
		first.GetVersion() == "" || first.GetDetails()["database"] != "sqlite" {
		t.Errorf("got %v", first)
	}
	details, problem = map[string]string{"database": "postgres"}, errors.New("connection refused")
	second := ask(t, s)
	if second.GetReady() || second.GetReason() != "connection refused" || second.GetDetails()["database"] != "postgres" {
		t.Errorf("got %v", second)
	}
	if !second.GetStartTime().AsTime().Equal(first.GetStartTime().AsTime()) {
		t.Error("it has started twice")
	}
	if first.GetReason() != "" {
		t.Error("an answer that was given has changed")
	}
}

// Somebody who asks how a service is that hangs must hear that it does.
func TestAStatusDoesNotHang(t *testing.T) {
	s := status.New("persistence", "dev", func() map[string]string { return nil }, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err() //nolint:wrapcheck // as a driver would
	})
	start := time.Now()
	if got := ask(t, s); got.GetReady() || time.Since(start) > 5*time.Second {
		t.Errorf("after %s got %v", time.Since(start), got)
	}
}
