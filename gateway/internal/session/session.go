// Package session keeps who is signed in at the dashboard. The browser has an opaque id; what
// it stands for stays in this process, so that a session that was ended is nobody's, whoever
// kept the cookie.
package session

import (
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
)

const (
	// lifetime is how long a session lasts at most, and idleTime how long without a request.
	lifetime = 10 * time.Hour
	idleTime = time.Hour
)

// credentialKey is where a session has the credential that it was begun with.
const credentialKey = "credential"

// Sessions are those of one process. Many goroutines may use them.
type Sessions struct {
	manager   *scs.SessionManager
	encrypted bool
	// mu is held while a session is used or ended: one that is written again because it was
	// used must not come to life again.
	mu sync.Mutex
}

// New returns sessions; encrypted says that browsers speak HTTPS.
func New(encrypted bool) *Sessions {
	manager := scs.New() // kept in memory, and forgotten when they are over
	manager.Lifetime, manager.IdleTimeout = lifetime, idleTime
	manager.HashTokenInStore = true
	return &Sessions{manager: manager, encrypted: encrypted}
}

// cookieName is of a cookie that browsers take only by HTTPS and for this host alone, where
// there is HTTPS.
func (s *Sessions) cookieName() string {
	if s.encrypted {
		return "__Host-session"
	}
	return "session"
}

// Credential is what the session of a request was begun with; "": there is none.
func (s *Sessions) Credential(r *http.Request) string {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, err := s.manager.Load(r.Context(), cookie.Value)
	if err != nil {
		return ""
	}
	credential := s.manager.GetString(ctx, credentialKey)
	if credential == "" {
		return ""
	}
	if _, _, err := s.manager.Commit(ctx); err != nil { // it was used: the idle time begins anew
		return ""
	}
	return credential
}

// Begin signs a browser in with a credential. An earlier session of it ends, and its id with it.
func (s *Sessions) Begin(w http.ResponseWriter, r *http.Request, credential string) error {
	s.End(w, r)
	ctx, err := s.manager.Load(r.Context(), "")
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	s.manager.Put(ctx, credentialKey, credential)
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
		s.mu.Lock()
		defer s.mu.Unlock()
		if ctx, err := s.manager.Load(r.Context(), cookie.Value); err == nil {
			_ = s.manager.Destroy(ctx) // memory does not fail
		}
	}
	const now = -1
	s.setCookie(w, "", now)
}

func (s *Sessions) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where there is HTTPS
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.encrypted,
	})
}
