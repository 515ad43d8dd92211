// Package hubtest is a Hugging Face Hub on loopback, for tests and for trying the
// way of a version by hand. The official Python library works with it unmodified,
// to read and to push, which is how it is known to be true.
package hubtest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Hub is a Hub in memory. Its zero value is not usable: call New.
type Hub struct {
	mu      sync.Mutex
	repos   map[string]*repository
	renamed map[string]string
	objects map[string][]byte // what was uploaded, by SHA-256
	tokens  map[string]bool
	// before sees every request first; true: it has answered.
	before func(http.ResponseWriter, *http.Request) bool
	cdn    string // its address under another host name
	// Two sets of routes, whose patterns would be at odds in one.
	api, files *http.ServeMux
}

type repository struct {
	private, gated bool
	commits        map[string]map[string]blob // commit to its files
	branches, tags map[string]string          // to commits
}

// blob is a file of a commit. A large one (lfs) is served by the CDN.
type blob struct {
	content []byte
	lfs     bool
}

// New returns an empty Hub. cdn is its own address under another host name than
// the one that clients ask (localhost beside 127.0.0.1): they tell the two apart
// by the host, to keep the token to themselves.
func New(cdn string) *Hub {
	hub := &Hub{
		repos: map[string]*repository{}, renamed: map[string]string{}, objects: map[string][]byte{},
		tokens: map[string]bool{}, cdn: cdn, api: http.NewServeMux(), files: http.NewServeMux(),
	}
	hub.apiRoutes()
	hub.fileRoutes()
	return hub
}

// Before makes f see every request first; where it returns true it has answered.
func (h *Hub) Before(f func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = f
}

// AddToken makes a token known. Without any, none is asked for but by private and
// gated repositories.
func (h *Hub) AddToken(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens[token] = true
}

// Restrict makes a repository private, or gated.
func (h *Hub) Restrict(name string, private, gated bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repos[name].private, h.repos[name].gated = private, gated
}

// Rename makes a repository be found under a new name, and the old one redirect.
func (h *Hub) Rename(from, to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.repos[to] = h.repos[from]
	delete(h.repos, from)
	h.renamed[from] = to
}

// Commit puts the files of a folder on the branch main, and moves the tags to it.
// It returns the commit.
func (h *Hub) Commit(name, folder string, tags ...string) (string, error) {
	files := map[string]blob{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(folder, path))
		files[path] = blob{content: content, lfs: isLarge(path, len(content))}
		return err //nolint:wrapcheck // wrapped below
	})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", folder, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	repo := h.create(name)
	commit := repo.add(files)
	for _, tag := range tags {
		repo.tags[tag] = commit
	}
	return commit, nil
}

// isLarge is the Hub's rule: by the name, or by the size.
func isLarge(path string, size int) bool {
	return strings.HasSuffix(path, ".onnx") || size > 10<<20
}

func (h *Hub) create(name string) *repository {
	repo, ok := h.repos[name]
	if !ok {
		repo = &repository{commits: map[string]map[string]blob{}, branches: map[string]string{}, tags: map[string]string{}}
		repo.branches["main"] = repo.name(nil)
		repo.commits[repo.branches["main"]] = map[string]blob{}
		h.repos[name] = repo
	}
	return repo
}

// add makes a commit of these files on main.
func (r *repository) add(files map[string]blob) string {
	commit := r.name(files)
	r.commits[commit] = files
	r.branches["main"] = commit
	return commit
}

// name is the hash of a commit: of its parent and its files.
func (r *repository) name(files map[string]blob) string {
	sum := sha1.New()
	fmt.Fprintln(sum, r.branches["main"])
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintln(sum, path, files[path].etag())
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// etag is what the Hub says of the content: SHA-256 of a large file, else the
// hash of the git blob.
func (b blob) etag() string {
	if b.lfs {
		sum := sha256.Sum256(b.content)
		return hex.EncodeToString(sum[:])
	}
	return b.oid()
}

func (b blob) oid() string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(b.content), b.content))
	return hex.EncodeToString(sum[:])
}

// ServeHTTP answers as the Hub does.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	before := h.before
	h.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		h.api.ServeHTTP(w, r)
		return
	}
	h.files.ServeHTTP(w, r)
}

// with gives f the repository of the path, where the caller may see it. Nothing else
// changes meanwhile.
func (h *Hub) with(f func(w http.ResponseWriter, r *http.Request, repo *repository)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if repo, ok := h.find(w, r); ok {
			f(w, r, repo)
		}
	}
}

// find returns a repository that the caller may see; else it has answered.
func (h *Hub) find(w http.ResponseWriter, r *http.Request) (*repository, bool) {
	name := r.PathValue("org") + "/" + strings.TrimSuffix(r.PathValue("name"), ".git")
	if to, ok := h.renamed[name]; ok {
		w.Header().Set("Location", strings.Replace(r.URL.EscapedPath(), name, to, 1))
		w.WriteHeader(http.StatusTemporaryRedirect)
		return nil, false
	}
	token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if given && !h.tokens[token] {
		refuse(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return nil, false
	}
	repo, ok := h.repos[name]
	switch {
	case !ok && !given, ok && repo.private && !given:
		refuse(w, http.StatusUnauthorized, "", "Invalid username or password.")
	case !ok:
		refuse(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
	case repo.gated && !given:
		refuse(w, http.StatusUnauthorized, "GatedRepo", "Access to model "+name+" is restricted.")
	default:
		return repo, true
	}
	return nil, false
}

// files are those of a branch, a tag or a commit; else it has answered.
func (r *repository) files(w http.ResponseWriter, revision string) (commit string, files map[string]blob, ok bool) {
	commit = revision
	if c, found := r.branches[revision]; found {
		commit = c
	} else if c, found := r.tags[revision]; found {
		commit = c
	}
	files, ok = r.commits[commit]
	if !ok {
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
	}
	return commit, files, ok
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	if reason != "" {
		w.Header().Set("X-Error-Code", reason)
	}
	w.Header().Set("X-Error-Message", message)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // a caller that went away needs no answer
}
