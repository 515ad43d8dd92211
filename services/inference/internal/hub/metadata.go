package hub

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// metadata is what the Hub says of one file.
type metadata struct {
	name     string
	commit   string
	etag     string // SHA-256 of the file, or SHA-1 of it as a git blob
	size     int64  // bytes; -1: not said
	location *url.URL
}

var knownEtag = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// stat asks what a file of a revision is, without its content.
func (c *Client) stat(ctx context.Context, repository, revision, name string) (*metadata, error) {
	// A revision's slashes are part of its name, a file's are not.
	target := c.endpoint.JoinPath(repository, "resolve")
	target.RawPath = path.Join(target.EscapedPath(), url.PathEscape(revision), (&url.URL{Path: name}).EscapedPath())
	target.Path = path.Join(target.Path, revision, name)
	response, err := retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, http.MethodHead, target, http.Header{}, false)
	})
	if err != nil {
		return nil, fmt.Errorf("ask for %s of %s@%s: %w", name, repository, revision, err)
	}
	response.Body.Close()
	found, err := readMetadata(response)
	if err != nil {
		return nil, fmt.Errorf("ask for %s of %s@%s: %w", name, repository, revision, err)
	}
	found.name = name
	return found, nil
}

func readMetadata(response *http.Response) (*metadata, error) {
	next, redirected := redirect(response)
	if !redirected {
		next = response.Request.URL
	}
	out := &metadata{commit: response.Header.Get("X-Repo-Commit"), size: -1, location: next}
	if !IsCommit(out.commit) {
		return nil, fmt.Errorf("%w: the answer has no X-Repo-Commit; is HF_ENDPOINT a Hub?", ErrUnavailable)
	}
	etag := response.Header.Get("X-Linked-Etag")
	if etag == "" {
		etag = response.Header.Get("ETag")
	}
	out.etag = strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	if !knownEtag.MatchString(out.etag) {
		return nil, fmt.Errorf("%w: the answer's ETag is no hash, so that the file could not be verified", ErrCorrupt)
	}
	size := response.Header.Get("X-Linked-Size")
	if size == "" && !redirected {
		size = response.Header.Get("Content-Length")
	}
	if bytes, err := strconv.ParseInt(size, 10, 64); err == nil && bytes >= 0 {
		out.size = bytes
	}
	return out, nil
}
