package hub

import (
	"crypto/sha1" //nolint:gosec // what git, and so the Hub, names a blob by
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// store is one repository's part of the cache:
//
//	models--org--name/blobs/ETAG                the content, named by its hash
//	models--org--name/blobs/ETAG.HEX.incomplete a download under way, or cut off
//	models--org--name/snapshots/COMMIT/FILE ->  ../../blobs/ETAG
//	models--org--name/refs/REVISION             the commit, bare
//	.locks/models--org--name/ETAG.lock
type store struct {
	folder string
	locks  string
}

const folderMode = 0o777 // less the umask, as the Python library makes them

func (c *Client) store(repository string) store {
	name := "models--" + strings.ReplaceAll(repository, "/", "--")
	return store{folder: filepath.Join(c.cache, name), locks: filepath.Join(c.cache, ".locks", name)}
}

func (s store) blob(etag string) string { return filepath.Join(s.folder, "blobs", etag) }

func (s store) pointer(commit, name string) string {
	return filepath.Join(s.folder, "snapshots", commit, filepath.FromSlash(name))
}

// cached returns the path of a file that is there and whole. One that is not what
// its blob's name says was damaged on the disk: it is removed, to be fetched anew.
func (s store) cached(commit, name string) (string, bool) {
	pointer := s.pointer(commit, name)
	content, err := filepath.EvalSymlinks(pointer)
	if err != nil {
		return "", false
	}
	etag := filepath.Base(content)
	if !knownEtag.MatchString(etag) {
		return pointer, true // a cache without links: the package's own digests must do
	}
	if err := verify(content, etag, -1); err != nil {
		_ = os.Remove(pointer)
		_ = os.Remove(content)
		return "", false
	}
	return pointer, true
}

// symlink is for tests to take away: a file system without links is not at hand there.
var symlink = renameio.Symlink //nolint:gochecknoglobals // see above

// link makes a commit's file point at a blob. On a file system without links it becomes a
// copy of it, as the Python library does.
func (s store) link(commit, name, etag string) (string, error) {
	pointer := s.pointer(commit, name)
	if err := os.MkdirAll(filepath.Dir(pointer), folderMode); err != nil {
		return "", cacheError("write", err)
	}
	target, err := filepath.Rel(filepath.Dir(pointer), s.blob(etag))
	if err != nil {
		return "", cacheError("write", err)
	}
	linked := symlink(target, pointer)
	if linked == nil {
		return pointer, nil
	}
	if err := copyFile(s.blob(etag), pointer); err != nil {
		return "", cacheError("write", errors.Join(linked, err))
	}
	return pointer, nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err //nolint:wrapcheck // the caller says what it was doing
	}
	defer source.Close()
	target, err := renameio.NewPendingFile(to, renameio.WithPermissions(0o644))
	if err != nil {
		return err //nolint:wrapcheck // the caller says what it was doing
	}
	defer target.Cleanup() //nolint:errcheck // what is left after a failure is a temporary file
	if _, err := io.Copy(target, source); err != nil {
		return err //nolint:wrapcheck // the caller says what it was doing
	}
	return target.CloseAtomicallyReplace() //nolint:wrapcheck // the caller says what it was doing
}

// KeepRef remembers which commit a tag or branch stands for, for when the Hub is
// away. Keep it when all that is needed of the commit has been fetched.
func (c *Client) KeepRef(repository, revision, commit string) error {
	if IsCommit(revision) {
		return nil
	}
	path := filepath.Join(c.store(repository).folder, "refs", filepath.FromSlash(revision))
	if cached, err := os.ReadFile(path); err == nil && string(cached) == commit {
		return nil // also in a cache that cannot be written
	}
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return cacheError("write", err)
	}
	if err := renameio.WriteFile(path, []byte(commit), 0o644); err != nil {
		return cacheError("write", err)
	}
	return nil
}

// CachedRefs are the tags and branches that the cache remembers, with their commits.
func (c *Client) CachedRefs(repository string) (map[string]string, error) {
	root := filepath.Join(c.store(repository).folder, "refs")
	refs := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		commit, err := os.ReadFile(path) //nolint:gosec // the cache is the user's own
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if hash := strings.TrimSpace(string(commit)); IsCommit(hash) {
			refs[filepath.ToSlash(name)] = hash
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, cacheError("read", err)
	}
	return refs, nil
}

// verify compares a file with its etag: 64 hexadecimal digits are the SHA-256 of
// the content, 40 the SHA-1 of a git blob of it. A size of -1 is not compared.
func verify(path, etag string, size int64) error {
	file, err := os.Open(path)
	if err != nil {
		return cacheError("read", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return cacheError("read", err)
	}
	if size >= 0 && info.Size() != size {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrCorrupt, info.Size(), size)
	}
	var sum hash.Hash
	if len(etag) == hex.EncodedLen(sha256.Size) {
		sum = sha256.New()
	} else {
		sum = sha1.New()                                    //nolint:gosec // see the import
		_, _ = fmt.Fprintf(sum, "blob %d\x00", info.Size()) // a hash takes everything
	}
	if _, err := io.Copy(sum, file); err != nil {
		return cacheError("read", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != etag {
		return fmt.Errorf("%w: its hash is %s instead of %s", ErrCorrupt, got, etag)
	}
	return nil
}
