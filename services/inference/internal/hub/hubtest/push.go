package hubtest

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
)

// maxUploadBytes bounds a line of a commit and an uploaded file.
const maxUploadBytes = 256 << 20

// read reads the body; else it has answered.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(io.LimitReader(r.Body, maxUploadBytes)).Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, "", err.Error())
		return false
	}
	return true
}

func (h *Hub) createRepository(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Name         string `json:"name"`
		Organization string `json:"organization"`
		Visibility   string `json:"visibility"`
	}
	if !read(w, r, &request) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !h.tokens[token] {
		refuse(w, http.StatusUnauthorized, "", "Invalid username or password.")
		return
	}
	name := request.Organization + "/" + request.Name
	made := map[string]string{"url": "http://" + r.Host + "/" + name, "name": name}
	if _, ok := h.repos[name]; ok {
		made["error"] = "You already created this model repo"
		w.WriteHeader(http.StatusConflict)
	} else {
		h.create(name).private = request.Visibility == "private"
	}
	answer(w, made)
}

// validateCard judges the front matter of a card that is about to be pushed.
func validateCard(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Content string `json:"content"`
	}
	if !read(w, r, &request) {
		return
	}
	warnings := []map[string]string{}
	if !strings.HasPrefix(request.Content, "---\n") {
		warnings = append(warnings, map[string]string{"message": "empty or missing yaml metadata in repo card"})
	}
	answer(w, map[string]any{"errors": []string{}, "warnings": warnings})
}

// changing is with, for a caller with a token.
func (h *Hub) changing(f func(w http.ResponseWriter, r *http.Request, repo *repository)) http.HandlerFunc {
	return h.with(func(w http.ResponseWriter, r *http.Request, repo *repository) {
		if r.Header.Get("Authorization") == "" {
			refuse(w, http.StatusUnauthorized, "", "Invalid username or password.")
			return
		}
		f(w, r, repo)
	})
}

// preupload says of each file whether it goes into the commit or beside it.
func (h *Hub) preupload(w http.ResponseWriter, r *http.Request, _ *repository) {
	var request struct {
		Files []struct {
			Path string `json:"path"`
			Size int    `json:"size"`
		} `json:"files"`
	}
	if !read(w, r, &request) {
		return
	}
	files := []map[string]any{}
	for _, file := range request.Files {
		mode := "regular"
		if isLarge(file.Path, file.Size) {
			mode = "lfs"
		}
		files = append(files, map[string]any{"path": file.Path, "uploadMode": mode, "shouldIgnore": false, "oid": nil})
	}
	answer(w, map[string]any{"files": files})
}

// batch says where to put large files, as Git LFS does.
func (h *Hub) batch(w http.ResponseWriter, r *http.Request, _ *repository) {
	var request struct {
		Objects []struct {
			OID  string `json:"oid"`
			Size int    `json:"size"`
		} `json:"objects"`
	}
	if !read(w, r, &request) {
		return
	}
	objects := []map[string]any{}
	for _, object := range request.Objects {
		entry := map[string]any{"oid": object.OID, "size": object.Size}
		if _, ok := h.objects[object.OID]; !ok {
			entry["actions"] = map[string]any{"upload": map[string]any{"href": h.cdn + "/cdn/" + object.OID}}
		}
		objects = append(objects, entry)
	}
	answer(w, map[string]any{"transfer": "basic", "objects": objects})
}

func (h *Hub) upload(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(io.LimitReader(r.Body, maxUploadBytes))
	sum := sha256.Sum256(content)
	if err != nil || hex.EncodeToString(sum[:]) != r.PathValue("oid") {
		refuse(w, http.StatusBadRequest, "", "not the content that was announced")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.objects[r.PathValue("oid")] = content
}

// operation is one line of a commit.
type operation struct {
	Key   string `json:"key"`
	Value struct {
		Path    string `json:"path"`
		Content string `json:"content"`
		OID     string `json:"oid"`
	} `json:"value"`
}

func (h *Hub) commit(w http.ResponseWriter, r *http.Request, repo *repository) {
	files := maps.Clone(repo.commits[repo.branches["main"]])
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, maxUploadBytes)
	for lines.Scan() {
		var line operation
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			refuse(w, http.StatusBadRequest, "", err.Error())
			return
		}
		switch line.Key {
		case "file":
			content, err := base64.StdEncoding.DecodeString(line.Value.Content)
			if err != nil {
				refuse(w, http.StatusBadRequest, "", err.Error())
				return
			}
			files[line.Value.Path] = blob{content: content}
		case "lfsFile":
			content, ok := h.objects[line.Value.OID]
			if !ok {
				refuse(w, http.StatusBadRequest, "", "LFS pointer pointed to a file that does not exist")
				return
			}
			files[line.Value.Path] = blob{content: content, lfs: true}
		case "deletedFile":
			delete(files, line.Value.Path)
		}
	}
	commit := repo.add(files)
	answer(w, map[string]any{
		"success": true, "commitOid": commit, "hookOutput": "",
		"commitUrl": "http://" + r.Host + "/" + r.PathValue("org") + "/" + r.PathValue("name") + "/commit/" + commit,
	})
}

func (h *Hub) tag(w http.ResponseWriter, r *http.Request, repo *repository) {
	var request struct {
		Tag string `json:"tag"`
	}
	if !read(w, r, &request) {
		return
	}
	commit, _, ok := repo.files(w, r.PathValue("revision"))
	if !ok {
		return
	}
	if _, taken := repo.tags[request.Tag]; taken {
		refuse(w, http.StatusConflict, "", "Tag reference exists already")
		return
	}
	repo.tags[request.Tag] = commit
	answer(w, map[string]any{})
}
