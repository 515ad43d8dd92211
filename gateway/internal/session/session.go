// Package session keeps who is signed in at the dashboard. The browser has an opaque id; what
// it stands for stays in this process, so that a session that was ended is nobody's, whoever
// kept the cookie.
package session

import (
	"context"
	"encoding/gob"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"golang.org/x/sync/singleflight"

	"github.com/futurisys/futurisys/gateway/internal/openid"
	"github.com/futurisys/futurisys/services/platform/access"
)

const (
	// lifetime is how long a session lasts at most, and idleTime how long without a request.
	lifetime = 10 * time.Hour
	idleTime = time.Hour
	// askInterval is how often the provider is asked again what a person may do, and
	// unasked how long a session goes on while it does not answer.
	askInterval = 15 * time.Minute
	unasked     = 30 * time.Minute
)

// Where a session has what it was begun with.
const (
	credentialKey = "credential" // a key's secret
	personKey     = "person"
	askedKey      = "asked" // when the provider was asked last
)

// Sessions are those of one process. Many goroutines may use them.
type Sessions struct {
	manager   *scs.SessionManager
	encrypted bool
	provider  *openid.Provider // nil: people sign in with keys alone
	interval  time.Duration    // how often it is asked
	asking    singleflight.Group
	// mu is held while a session is used or ended: one that is written again because it was
	// used must not come to life again.
	mu sync.Mutex
}

// Options say how people sign in.
type Options struct {
	// Encrypted says that browsers speak HTTPS.
	Encrypted bool
	// Provider is asked again what who signed in by it may do; nil: nobody does.
	Provider *openid.Provider
	// AskInterval is how often; 0: every 15 minutes.
	AskInterval time.Duration
}

// New returns sessions.
func New(options Options) *Sessions {
	gob.Register(&openid.Person{}) // scs keeps what it is given so
	gob.Register(time.Time{})
	manager := scs.New() // kept in memory, and forgotten when they are over
	manager.Lifetime, manager.IdleTimeout = lifetime, idleTime
	manager.HashTokenInStore = true
	if options.AskInterval == 0 {
		options.AskInterval = askInterval
	}
	return &Sessions{manager: manager, encrypted: options.Encrypted, provider: options.Provider, interval: options.AskInterval}
}

// cookieName is of a cookie that browsers take only by HTTPS and for this host alone, where
// there is HTTPS.
func (s *Sessions) cookieName() string {
	if s.encrypted {
		return "__Host-session"
	}
	return "session"
}

// Begun is what a session was begun with: a key, or the provider's word for a person.
type Begun struct {
	Credential string
	Person     *openid.Person
}

// Of is what the session of a request was begun with; the zero one: there is none.
func (s *Sessions) Of(r *http.Request) Begun {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return Begun{}
	}
	begun, asked := s.use(r.Context(), cookie.Value)
	if begun.Person == nil || time.Since(asked) < s.interval {
		return begun
	}
	return s.askAgain(r.Context(), cookie.Value, begun, asked)
}

// use reads a session, whose idle time begins anew.
func (s *Sessions) use(ctx context.Context, token string) (begun Begun, asked time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, err := s.manager.Load(ctx, token)
	if err != nil {
		return Begun{}, asked
	}
	begun.Credential = s.manager.GetString(ctx, credentialKey)
	begun.Person, _ = s.manager.Get(ctx, personKey).(*openid.Person)
	if begun == (Begun{}) {
		return begun, asked
	}
	if _, _, err := s.manager.Commit(ctx); err != nil {
		return Begun{}, asked
	}
	return begun, s.manager.GetTime(ctx, askedKey)
}

// askAgain asks the provider what a person may do by now, once for all requests of a session.
func (s *Sessions) askAgain(ctx context.Context, token string, begun Begun, asked time.Time) Begun {
	answer, _, _ := s.asking.Do(token, func() (any, error) {
		now, err := s.provider.Again(context.WithoutCancel(ctx), begun.Person)
		switch {
		case err == nil:
			if !s.change(ctx, token, now) {
				return Begun{}, nil // signed out meanwhile
			}
			return Begun{Person: now}, nil
		case errors.Is(err, openid.ErrUnavailable) && time.Since(asked) < max(unasked, s.interval):
			return begun, nil
		default:
			s.end(ctx, token)
			return Begun{}, nil
		}
	})
	out, _ := answer.(Begun)
	return out
}

// change keeps what the provider says by now, and says whether the session is still there.
func (s *Sessions) change(ctx context.Context, token string, person *openid.Person) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, err := s.manager.Load(context.WithoutCancel(ctx), token)
	if err != nil || s.manager.Get(ctx, personKey) == nil {
		return false
	}
	s.manager.Put(ctx, personKey, person)
	s.manager.Put(ctx, askedKey, time.Now())
	_, _, err = s.manager.Commit(ctx)
	return err == nil
}

// Begin signs a browser in. An earlier session of it ends, and its id with it.
func (s *Sessions) Begin(w http.ResponseWriter, r *http.Request, begun Begun) error {
	s.End(w, r)
	ctx, err := s.manager.Load(r.Context(), "")
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if begun.Person != nil {
		s.manager.Put(ctx, personKey, begun.Person)
		s.manager.Put(ctx, askedKey, time.Now())
	} else {
		s.manager.Put(ctx, credentialKey, begun.Credential)
	}
	token, _, err := s.manager.Commit(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	s.setCookie(w, token, int(lifetime.Seconds())) // that it was not used ends it here
	return nil
}

// End signs a browser out.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(s.cookieName()); err == nil {
		s.end(r.Context(), cookie.Value)
	}
	const now = -1
	s.setCookie(w, "", now)
}

func (s *Sessions) end(ctx context.Context, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx, err := s.manager.Load(ctx, token); err == nil {
		_ = s.manager.Destroy(ctx) // memory does not fail
	}
}

// Identify returns a context of whom the session of a request is, or the context itself of nobody. One whose key was revoked
// since is nobody: he may sign in again.
func (s *Sessions) Identify(ctx context.Context, r *http.Request, gate *access.Gate) context.Context {
	begun := s.Of(r)
	if begun.Person != nil {
		return access.Of(ctx, &begun.Person.Principal)
	}
	if begun.Credential != "" {
		if known, err := gate.Identify(ctx, "Bearer "+begun.Credential); err == nil {
			return known
		}
	}
	return ctx
}

func (s *Sessions) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where there is HTTPS
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.encrypted,
	})
}
