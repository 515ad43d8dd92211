package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Why something cannot be had from the Hub.
var (
	// ErrUnavailable says that the Hub cannot be asked now, or must not be (offline): the
	// cache may still have what is needed.
	ErrUnavailable = errors.New("the Hub is unavailable")
	// ErrRepository says that there is no such repository, or that it is private
	// and the token, if any, does not open it: the Hub does not tell which.
	ErrRepository = errors.New("no such repository on the Hub, or it is private: check the name and HF_TOKEN")
	// ErrRevision says that the repository has no such tag, branch or commit.
	ErrRevision = errors.New("no such revision in the Hub's repository")
	// ErrFile says that the revision has no such file.
	ErrFile = errors.New("no such file in the Hub's repository")
	// ErrGated says that the owner must let the token's user in first.
	ErrGated = errors.New("the Hub's repository is gated: ask for access on its page, and check HF_TOKEN")
	// ErrToken says that the Hub does not know the token.
	ErrToken = errors.New("HF_TOKEN: the Hub says that the credentials are invalid")
	// ErrCorrupt says that what came is not what the Hub says it is.
	ErrCorrupt = errors.New("what came from the Hub is not whole")
)

// cacheError says what could not be done with the cache. It leaves the path out:
// the message reaches callers of the API.
func cacheError(doing string, err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	} else if inner, ok := errors.AsType[*os.LinkError](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("%s the Hub's cache: %w", doing, err)
}

// longestWait is how long a rate limit may ask to wait before it counts as away.
const longestWait = 20 * time.Second

// statusError says what an answer that is not a success means. A permanent error
// is not tried again.
func statusError(response *http.Response) error {
	message := response.Header.Get("X-Error-Message")
	switch code := response.Header.Get("X-Error-Code"); {
	case code == "RepoNotFound":
		return backoff.Permanent(ErrRepository)
	case code == "RevisionNotFound":
		return backoff.Permanent(ErrRevision)
	case code == "EntryNotFound":
		return backoff.Permanent(ErrFile)
	case code == "GatedRepo":
		return backoff.Permanent(ErrGated)
	case response.StatusCode == http.StatusUnauthorized && strings.Contains(message, "credentials"):
		return backoff.Permanent(ErrToken)
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden, response.StatusCode == http.StatusNotFound:
		return backoff.Permanent(ErrRepository)
	}
	failed := fmt.Errorf("%w: it answers %s", ErrUnavailable, response.Status)
	switch response.StatusCode {
	case http.StatusTooManyRequests:
		wait, ok := retryAfter(response.Header)
		if wait > longestWait {
			return backoff.Permanent(fmt.Errorf("%w, to be asked again in %s", failed, wait))
		}
		if ok {
			return fmt.Errorf("%w: %w", failed, backoff.RetryAfter(int(wait/time.Second)))
		}
		return failed
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return failed
	}
	return backoff.Permanent(fmt.Errorf("%w: %s", failed, message))
}

// retryAfter is how long the Hub asks to wait: Retry-After in seconds or as a
// date, or the t of its RateLimit header ("api";r=0;t=55).
func retryAfter(header http.Header) (time.Duration, bool) {
	if value := header.Get("Retry-After"); value != "" {
		if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
			return time.Duration(seconds) * time.Second, true
		}
		if at, err := http.ParseTime(value); err == nil {
			return max(time.Until(at), 0), true
		}
	}
	for part := range strings.SplitSeq(header.Get("Ratelimit"), ";") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(part), "t="); ok {
			if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
				return time.Duration(seconds) * time.Second, true
			}
		}
	}
	return 0, false
}
