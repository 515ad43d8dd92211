package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// How long the Hub may take, and how often it is asked before it counts as away.
const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 10 * time.Second // until the first byte
	stallTimeout   = 30 * time.Second // without a byte of a file
	tries          = 4
	firstWait      = 300 * time.Millisecond
	maxRedirects   = 5
)

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: answerTimeout,
		IdleConnTimeout:       time.Minute,
		// The size and the hash of a file are those of its bytes as they are.
		DisableCompression: true,
	}
}

// lastResponse keeps the client from following redirects by itself: which ones
// are followed, and with which headers, is the Hub's protocol.
func lastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// send asks once, and follows redirects as the Hub means them: within the same
// host (a repository that was renamed), and with follow also to another, without
// the token. The answer is a success, or with follow unset maybe a redirect to
// another host; its body must be closed.
func (c *Client) send(ctx context.Context, method string, target *url.URL, header http.Header, follow bool) (*http.Response, error) {
	for range maxRedirects {
		request, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
		if err != nil {
			return nil, backoff.Permanent(fmt.Errorf("ask the Hub: %w", err))
		}
		request.Header = header.Clone()
		request.Header.Set("User-Agent", "futurisys-inference")
		request.Header.Set("Accept-Encoding", "identity")
		if c.token != "" && target.Host == c.endpoint.Host && target.Scheme == c.endpoint.Scheme {
			request.Header.Set("Authorization", "Bearer "+c.token)
		}
		response, err := c.http.Do(request)
		if err != nil {
			if ctx.Err() != nil {
				return nil, backoff.Permanent(ctx.Err())
			}
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, withoutAddress(err))
		}
		next, redirected := redirect(response)
		if !redirected {
			if response.StatusCode >= http.StatusBadRequest {
				response.Body.Close()
				return nil, statusError(response)
			}
			return response, nil
		}
		if !follow && next.Host != target.Host {
			return response, nil
		}
		response.Body.Close()
		target = next
	}
	return nil, backoff.Permanent(fmt.Errorf("%w: it redirects without end", ErrUnavailable))
}

// redirect is where an answer sends to, if it does.
func redirect(response *http.Response) (*url.URL, bool) {
	if response.StatusCode < 300 || response.StatusCode > 399 || response.Header.Get("Location") == "" {
		return nil, false
	}
	next, err := response.Location()
	return next, err == nil
}

// withoutAddress is what went wrong without the URL, which may be signed.
func withoutAddress(err error) error {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		return inner.Err
	}
	return err
}

// retry does something until it succeeds, fails for good, or has failed too often.
func retry[T any](ctx context.Context, operation func() (T, error)) (T, error) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = firstWait
	result, err := backoff.Retry(ctx, operation, backoff.WithBackOff(waits), backoff.WithMaxTries(tries))
	if permanent, ok := errors.AsType[*backoff.PermanentError](err); ok {
		err = permanent.Unwrap()
	}
	return result, err
}
