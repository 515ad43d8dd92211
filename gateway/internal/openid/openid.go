// Package openid signs people in by an OpenID provider: authorization code with PKCE, state
// and nonce. What belongs to one signing-in stands in a cookie of the browser that began it;
// nothing of it is kept here.
package openid

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/futurisys/futurisys/services/platform/access"
)

const (
	// begunLife is how long a person may take with the provider.
	begunLife = 10 * time.Minute
	// callTime is how long the provider may take.
	callTime = 10 * time.Second
	// pause is how long the provider is left alone when it does not answer.
	pause = 2 * time.Second
)

// ErrUnavailable says that the provider does not answer.
var ErrUnavailable = errors.New("the OpenID provider is unavailable")

// ErrRefused says that the provider, or what it sent back, does not let the person in.
var ErrRefused = errors.New("the sign-in was refused")

// Options say which provider, and who we are to it.
type Options struct {
	Issuer, ClientID, ClientSecret string
	// Callback is where the provider sends the browser back, and SignedOut where when it has
	// ended its own session.
	Callback, SignedOut string
	Roles               access.RoleClaim
	// Encrypted says that browsers speak HTTPS.
	Encrypted bool
}

// Provider signs people in. Many goroutines may use it.
type Provider struct {
	options Options
	client  *http.Client

	mu    sync.Mutex // held while the provider is looked for
	found *found
	tried time.Time
}

// found is what the provider says of itself.
type found struct {
	config     oauth2.Config
	verifier   *oidc.IDTokenVerifier
	endSession string
}

// New returns a provider, which is asked when it is first needed.
func New(options Options) *Provider {
	return &Provider{options: options, client: &http.Client{Timeout: callTime}}
}

// Person is who signed in.
type Person struct {
	Principal access.Principal
	// IDToken is the provider's word, by which its session is ended; RefreshToken asks it again.
	IDToken, RefreshToken string
}

// look returns what the provider says of itself.
func (p *Provider) look(ctx context.Context) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if time.Since(p.tried) < pause {
		return nil, ErrUnavailable
	}
	p.tried = time.Now()
	// Its keys are asked for later, by this context's client.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.options.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var about struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&about); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var algorithms []string
	for _, algorithm := range access.Algorithms() {
		algorithms = append(algorithms, string(algorithm))
	}
	p.found = &found{
		config: oauth2.Config{
			ClientID: p.options.ClientID, ClientSecret: p.options.ClientSecret, Endpoint: provider.Endpoint(), RedirectURL: p.options.Callback,
			Scopes: []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess},
		},
		verifier:   provider.Verifier(&oidc.Config{ClientID: p.options.ClientID, SupportedSigningAlgs: algorithms}),
		endSession: about.EndSession,
	}
	return p.found, nil
}

// begun is what belongs to one signing-in.
type begun struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Back     string `json:"back"`
}

// Begin sends a browser to the provider, and later back to a page of ours.
func (p *Provider) Begin(w http.ResponseWriter, r *http.Request, back string) error {
	provider, err := p.look(r.Context())
	if err != nil {
		return err
	}
	one := begun{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), back}
	content, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("begin to sign in: %w", err)
	}
	p.setCookie(w, url.QueryEscape(string(content)), int(begunLife.Seconds()))
	to := provider.config.AuthCodeURL(one.State, oidc.Nonce(one.Nonce), oauth2.S256ChallengeOption(one.Verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// End takes what the provider has sent a browser back with. It returns who signed in, and the
// page that he came from. ErrRefused: nobody did.
func (p *Provider) End(w http.ResponseWriter, r *http.Request) (person *Person, back string, err error) {
	cookie, err := r.Cookie(p.cookieName())
	if err != nil {
		return nil, "", fmt.Errorf("%w: this browser has not begun it, or more than ten minutes ago", ErrRefused)
	}
	const now = -1
	p.setCookie(w, "", now) // once
	var one begun
	content, err := url.QueryUnescape(cookie.Value)
	if err != nil || json.Unmarshal([]byte(content), &one) != nil || one.State == "" {
		return nil, "", fmt.Errorf("%w: its cookie does not read", ErrRefused)
	}
	query := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(one.State)) != 1 {
		return nil, "", fmt.Errorf("%w: it is another one's", ErrRefused)
	}
	if query.Get("error") != "" {
		return nil, one.Back, fmt.Errorf("%w: the provider says %.100q", ErrRefused, query.Get("error"))
	}
	provider, err := p.look(r.Context())
	if err != nil {
		return nil, one.Back, err
	}
	ctx := oidc.ClientContext(r.Context(), p.client)
	token, err := provider.config.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(one.Verifier))
	if err != nil {
		return nil, one.Back, refusal(err)
	}
	person, err = p.person(ctx, provider, token, one.Nonce)
	return person, one.Back, err
}

// Again asks the provider what a person may do by now. ErrRefused: nothing any more.
func (p *Provider) Again(ctx context.Context, person *Person) (*Person, error) {
	if person.RefreshToken == "" {
		return nil, fmt.Errorf("%w: the provider gave no refresh token", ErrRefused)
	}
	provider, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := provider.config.TokenSource(ctx, &oauth2.Token{RefreshToken: person.RefreshToken}).Token()
	if err != nil {
		return nil, refusal(err)
	}
	now, err := p.person(ctx, provider, token, "")
	if err == nil && now.Principal.Subject != person.Principal.Subject {
		return nil, fmt.Errorf("%w: it is somebody else's", ErrRefused)
	}
	return now, err
}

// refusal tells a provider that refuses from one that does not answer.
func refusal(err error) error {
	if said, is := errors.AsType[*oauth2.RetrieveError](err); is && said.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// person is whom a provider's answer is of. nonce is that of the signing-in; "": there is none.
func (p *Provider) person(ctx context.Context, provider *found, token *oauth2.Token, nonce string) (*Person, error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if nonce != "" && subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return nil, fmt.Errorf("%w: the nonce is another one's", ErrRefused)
	}
	var claims json.RawMessage
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	principal, err := access.PersonOf(p.options.Issuer, claims, p.options.Roles)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if len(principal.Roles) == 0 {
		return nil, fmt.Errorf("%w: the provider gives %s no role", ErrRefused, principal.Subject)
	}
	return &Person{*principal, raw, token.RefreshToken}, nil
}

// SignOut is where a browser ends the provider's own session; "": the provider has no such
// place, or does not answer.
func (p *Provider) SignOut(ctx context.Context, person *Person) string {
	provider, err := p.look(ctx)
	if err != nil || provider.endSession == "" {
		return ""
	}
	to, err := url.Parse(provider.endSession)
	if err != nil {
		return ""
	}
	to.RawQuery = url.Values{
		"id_token_hint": {person.IDToken}, "client_id": {p.options.ClientID}, "post_logout_redirect_uri": {p.options.SignedOut},
	}.Encode()
	return to.String()
}

// Origin is the provider's, to which the form of signing out leads.
func (p *Provider) Origin() string {
	parsed, err := url.Parse(p.options.Issuer)
	if err != nil {
		return "" // it was looked at when the program started
	}
	return parsed.Scheme + "://" + parsed.Host
}

// cookieName is as that of a session.
func (p *Provider) cookieName() string {
	if p.options.Encrypted {
		return "__Host-signing-in"
	}
	return "signing-in"
}

func (p *Provider) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where there is HTTPS
		Name: p.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: p.options.Encrypted,
	})
}
