// Package hub reads models from a Hugging Face Hub into the cache that the
// Python library huggingface_hub uses, in the same layout: either reads what the
// other wrote. The facts about the Hub come from that library's documented
// behaviour; docs/hub.md tells the whole way of a version.
package hub

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Client reads from one Hub into one cache. It may be used by many goroutines
// and, through the cache's locks, by many processes at once.
type Client struct {
	endpoint *url.URL
	token    string
	offline  bool
	cache    string
	log      *slog.Logger
	http     *http.Client
}

var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$`)
	revisionName   = regexp.MustCompile(`^[A-Za-z0-9][\w./+-]{0,254}$`)
	commitHash     = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// CheckRepository says what is wrong with the name of a repository, org/name.
func CheckRepository(name string) error {
	if !repositoryName.MatchString(name) || strings.Contains(name, "..") || strings.Contains(name, "--") {
		return fmt.Errorf("%q is not a repository's name, org/name", name)
	}
	return nil
}

// CheckRevision says what is wrong with the name of a tag, branch or commit. It
// becomes part of a path in the cache.
func CheckRevision(name string) error {
	if !revisionName.MatchString(name) || strings.Contains(name, "..") || strings.Contains(name, "//") || strings.HasSuffix(name, "/") {
		return fmt.Errorf("%q is not the name of a tag, a branch or a commit", name)
	}
	return nil
}

// IsCommit says whether a revision is a whole commit hash, which never moves.
func IsCommit(revision string) bool { return commitHash.MatchString(revision) }

// File returns the path of a file of a commit: from the cache without any
// network, else downloaded. The file is whole: its hash was compared with the
// Hub's. ErrUnavailable, ErrRepository, ErrRevision, ErrFile, ErrGated, ErrToken,
// ErrCorrupt: why it cannot be had.
func (c *Client) File(ctx context.Context, repository, commit, name string) (string, error) {
	store := c.store(repository)
	if path, ok := store.cached(commit, name); ok {
		return path, nil
	}
	if c.offline {
		return "", fmt.Errorf("%w: %s of %s is not in the cache", ErrUnavailable, name, commit)
	}
	file, err := c.stat(ctx, repository, commit, name)
	if err != nil {
		return "", err
	}
	if file.commit != commit {
		return "", fmt.Errorf("%w: asked for %s of commit %s, the Hub answers with %s", ErrCorrupt, name, commit, file.commit)
	}
	if err := c.download(ctx, store, file); err != nil {
		return "", fmt.Errorf("download %s: %w", name, err)
	}
	return store.link(commit, name, file.etag)
}

// Resolve returns the commit that a tag or a branch stands for, by asking for a
// file of it. The errors are those of File.
func (c *Client) Resolve(ctx context.Context, repository, revision, file string) (string, error) {
	if IsCommit(revision) {
		return revision, nil
	}
	if c.offline {
		return "", fmt.Errorf("%w: %s is not asked for", ErrUnavailable, revision)
	}
	found, err := c.stat(ctx, repository, revision, file)
	if err != nil {
		return "", err
	}
	return found.commit, nil
}
