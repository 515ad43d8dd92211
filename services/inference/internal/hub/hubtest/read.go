package hubtest

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// treePage is how many entries a page of a tree has; few, so that clients page.
const treePage = 3

func (h *Hub) fileRoutes() {
	h.files.HandleFunc("GET /{org}/{name}/resolve/{revision}/{file...}", h.with(h.resolve))
	h.files.HandleFunc("GET /cdn/{oid}", h.download)
	h.files.HandleFunc("PUT /cdn/{oid}", h.upload)
	h.files.HandleFunc("POST /{org}/{name}/info/lfs/objects/batch", h.changing(h.batch))
}

func (h *Hub) apiRoutes() {
	h.api.HandleFunc("GET /api/models/{org}/{name}", h.with(h.info))
	h.api.HandleFunc("GET /api/models/{org}/{name}/revision/{revision}", h.with(h.info))
	h.api.HandleFunc("GET /api/models/{org}/{name}/refs", h.with(h.refs))
	h.api.HandleFunc("GET /api/models/{org}/{name}/tree/{revision}", h.with(h.tree))
	h.api.HandleFunc("POST /api/repos/create", h.createRepository)
	h.api.HandleFunc("POST /api/validate-yaml", validateCard)
	h.api.HandleFunc("POST /api/models/{org}/{name}/preupload/{revision}", h.changing(h.preupload))
	h.api.HandleFunc("POST /api/models/{org}/{name}/commit/{revision}", h.changing(h.commit))
	h.api.HandleFunc("POST /api/models/{org}/{name}/tag/{revision}", h.changing(h.tag))
}

// resolve answers with a small file, and with where a large one is.
func (h *Hub) resolve(w http.ResponseWriter, r *http.Request, repo *repository) {
	commit, files, ok := repo.files(w, r.PathValue("revision"))
	if !ok {
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	file, ok := files[r.PathValue("file")]
	if !ok {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	if !file.lfs {
		w.Header().Set("ETag", strconv.Quote(file.etag()))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.content))
		return
	}
	h.objects[file.etag()] = file.content
	w.Header().Set("X-Linked-Etag", strconv.Quote(file.etag()))
	w.Header().Set("X-Linked-Size", strconv.Itoa(len(file.content)))
	w.Header().Set("ETag", `"`+commit+`-redirect"`)
	w.Header().Set("Location", h.cdn+"/cdn/"+file.etag())
	w.WriteHeader(http.StatusFound)
}

// download is the CDN. A token that reaches it has leaked.
func (h *Hub) download(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		refuse(w, http.StatusBadRequest, "", "the token was sent to the CDN")
		return
	}
	h.mu.Lock()
	content, ok := h.objects[r.PathValue("oid")]
	h.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func (h *Hub) info(w http.ResponseWriter, r *http.Request, repo *repository) {
	revision := r.PathValue("revision")
	if revision == "" {
		revision = "main"
	}
	commit, files, ok := repo.files(w, revision)
	if !ok {
		return
	}
	siblings := []map[string]any{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		siblings = append(siblings, map[string]any{"rfilename": path})
	}
	name := r.PathValue("org") + "/" + r.PathValue("name")
	answer(w, map[string]any{
		"_id": commit, "id": name, "modelId": name, "sha": commit, "private": repo.private, "gated": repo.gated,
		"disabled": false, "tags": []string{}, "downloads": 0, "likes": 0, "siblings": siblings,
	})
}

func (h *Hub) refs(w http.ResponseWriter, _ *http.Request, repo *repository) {
	list := func(kind string, refs map[string]string) []map[string]string {
		out := []map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(refs)) {
			out = append(out, map[string]string{"name": name, "ref": "refs/" + kind + "/" + name, "targetCommit": refs[name]})
		}
		return out
	}
	answer(w, map[string]any{
		"branches": list("heads", repo.branches), "tags": list("tags", repo.tags), "converts": []string{}, "pullRequests": []string{},
	})
}

func (h *Hub) tree(w http.ResponseWriter, r *http.Request, repo *repository) {
	_, files, ok := repo.files(w, r.PathValue("revision"))
	if !ok {
		return
	}
	paths := slices.Sorted(maps.Keys(files))
	start, _ := strconv.Atoi(r.URL.Query().Get("cursor")) // none: the first page
	end := min(start+treePage, len(paths))
	entries := []map[string]any{}
	for _, path := range paths[min(start, end):end] {
		file := files[path]
		entry := map[string]any{"type": "file", "path": path, "size": len(file.content), "oid": file.oid()}
		if file.lfs {
			entry["lfs"] = map[string]any{"oid": file.etag(), "size": len(file.content), "pointerSize": 130}
		}
		entries = append(entries, entry)
	}
	if end < len(paths) {
		query := r.URL.Query()
		query.Set("cursor", strconv.Itoa(end))
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="next"`, r.Host, r.URL.EscapedPath(), query.Encode()))
	}
	answer(w, entries)
}
