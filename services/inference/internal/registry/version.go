package registry

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/engine"
	"github.com/futurisys/futurisys/services/inference/internal/explain"
	"github.com/futurisys/futurisys/services/inference/internal/features"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
	"github.com/futurisys/futurisys/services/inference/internal/repository"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// State says how far a version is.
type State int

// The states of a version.
const (
	Available State = iota // the repository has it
	Loading                // it is being fetched and checked
	Ready                  // it answers
	Refused                // it failed a check
)

// Version is one version of a model as it stands at one moment; a change makes
// another value. One that is ready holds all that it takes to score.
type Version struct {
	repository.Candidate

	State    State
	LoadTime time.Time
	// Refusal is why it is refused.
	Refusal error

	// Package is set once the package could be read.
	Package *modelpkg.Package
	// The rest is set once it was admitted.
	Plan        *features.Plan
	Session     engine.Session
	LatencyUs   float64                      // median of scoring one row at load
	MemoryBytes int64                        // growth of the process at load, at least the graph
	Example     *futurisysv1.EmployeeProfile // of its first golden row
	Explainer   explain.Explainer
	importance  atomic.Pointer[[]float64]
	background  []float32 // until the importance is being found

	lease *lease
}

// close frees what it has loaded.
func (v *Version) close() error {
	var err error
	if v.Explainer != nil {
		err = v.Explainer.Close()
	}
	if v.Session != nil {
		err = errors.Join(err, v.Session.Close())
	}
	v.Explainer, v.Session = nil, nil
	return err
}

// Acquire says that a call uses the version; false: it is not loaded any more.
func (v *Version) Acquire() bool { return v.lease != nil && v.lease.acquire() }

// Release says that a call which acquired the version has ended.
func (v *Version) Release() { v.lease.release() }

// known is a version that the repository has and that is not loaded.
func known(candidate repository.Candidate) *Version { return &Version{Candidate: candidate} }

// lease counts who uses a session: the registry while the version is loaded, and
// each call under way. The last one closes it.
type lease struct {
	users atomic.Int64
	close func()
}

func newLease(closer func()) *lease {
	l := &lease{close: closer}
	l.users.Store(1)
	return l
}

// acquire adds a user; false: the session is closed, or about to be.
func (l *lease) acquire() bool {
	for {
		users := l.users.Load()
		if users == 0 {
			return false
		}
		if l.users.CompareAndSwap(users, users+1) {
			return true
		}
	}
}

func (l *lease) release() {
	if l.users.Add(-1) == 0 {
		l.close()
	}
}
