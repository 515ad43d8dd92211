package hub_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/hub/hubtest"
)

// python runs the official library on this world's Hub and cache.
func (w *world) python(t *testing.T, script string, environment ...string) string {
	t.Helper()
	command := exec.Command(hubtest.Python(t), "-c", "import huggingface_hub as hub\n"+script)
	command.Env = append([]string{
		"HF_ENDPOINT=" + w.endpoint, "HF_HUB_CACHE=" + w.cache, "HF_HOME=" + t.TempDir(),
		"HF_HUB_DISABLE_PROGRESS_BARS=1", "HF_HUB_DISABLE_TELEMETRY=1",
	}, environment...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func TestPythonReadsTheCacheThatGoWrote(t *testing.T) {
	w := start(t)
	for _, name := range []string{"manifest.json", "model.onnx", "README.md"} {
		if _, err := w.client.File(t.Context(), repo, w.commit, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.client.KeepRef(repo, tag, w.commit); err != nil {
		t.Fatal(err)
	}
	w.endpoint = "http://127.0.0.1:1" // nobody is there
	folder := w.python(t, `print(hub.snapshot_download("`+repo+`", revision="`+tag+`"))`, "HF_HUB_OFFLINE=1")
	for _, name := range []string{"manifest.json", "model.onnx", "README.md"} {
		w.same(t, filepath.Join(folder, name), name)
		w.same(t, w.python(t, `print(hub.hf_hub_download("`+repo+`", "`+name+`", revision="`+tag+`"))`, "HF_HUB_OFFLINE=1"), name)
	}
}

func TestGoReadsTheCacheThatPythonWrote(t *testing.T) {
	w := start(t)
	w.python(t, `hub.snapshot_download("`+repo+`", revision="`+tag+`")`)
	client := w.open(t, hub.Settings{HFEndpoint: "http://127.0.0.1:1", HFHubOffline: "1"})
	cached, err := client.CachedRefs(repo)
	if err != nil || cached[tag] != w.commit {
		t.Fatalf("got %v, %v", cached, err)
	}
	for _, name := range []string{"manifest.json", "model.onnx", "README.md"} {
		path, err := client.File(t.Context(), repo, cached[tag], name)
		if err != nil {
			t.Fatal(err)
		}
		w.same(t, path, name)
	}
}

// Both write the same files, but for what is Python's own: the list of a tree and
// the mark for backup programs.
func TestBothWriteTheSameCache(t *testing.T) {
	w := start(t)
	for _, name := range []string{"manifest.json", "model.onnx", "README.md"} {
		if _, err := w.client.File(t.Context(), repo, w.commit, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.client.KeepRef(repo, tag, w.commit); err != nil {
		t.Fatal(err)
	}
	ours := layout(t, w.cache)
	w.cache = t.TempDir()
	w.python(t, `hub.snapshot_download("`+repo+`", revision="`+tag+`")`)
	theirs := layout(t, w.cache)
	maps.DeleteFunc(theirs, func(path, _ string) bool {
		return strings.Contains(path, "/trees/") || filepath.Base(path) == "CACHEDIR.TAG"
	})
	if !maps.Equal(ours, theirs) {
		t.Errorf("ours:\n%s\ntheirs:\n%s", show(ours), show(theirs))
	}
}

// layout is each file of a cache with its content, or where its link leads.
func layout(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			out[name], err = os.Readlink(path)
			return err
		}
		content, err := os.ReadFile(path)
		out[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func show(files map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(files)), "\n")
}

// What the official library reads and says of the fake is what it would of the
// Hub: refs, pages of a tree, errors, renamed and gated repositories.
func TestPythonClientWorksWithTheFake(t *testing.T) {
	w := start(t)
	got := w.python(t, `
api = hub.HfApi()
refs = api.list_repo_refs("`+repo+`")
print([b.name for b in refs.branches], [t.name for t in refs.tags], refs.tags[0].target_commit)
print(sorted(f.path for f in api.list_repo_tree("`+repo+`")), api.model_info("`+repo+`", revision="`+tag+`").sha)
for arguments, error in [
    (dict(repo_id="acme/none", filename="x"), hub.errors.RepositoryNotFoundError),
    (dict(repo_id="`+repo+`", filename="none"), hub.errors.EntryNotFoundError),
    (dict(repo_id="`+repo+`", filename="model.onnx", revision="none"), hub.errors.RevisionNotFoundError),
]:
    try:
        hub.hf_hub_download(**arguments)
        print("no error for", arguments)
    except error:
        pass
`, "HF_TOKEN="+token)
	want := "['main'] ['" + tag + "'] " + w.commit + "\n['README.md', 'manifest.json', 'model.onnx'] " + w.commit
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	w.hub.Restrict(repo, false, true)
	w.python(t, `
try:
    hub.hf_hub_download("`+repo+`", "model.onnx")
    raise SystemExit("a gated repository was read")
except hub.errors.GatedRepoError:
    pass
`)
}
