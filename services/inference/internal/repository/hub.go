package repository

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

// hubRepository is a repository of a Hub: one model, named as the repository is.
// Its versions are the tags model-vX.Y.Z, or the one revision that it is pinned to.
type hubRepository struct {
	client   *hub.Client
	name     string // org/name
	revision string // empty: all tags
	model    string
	// resolved are the commits of tags that were asked for, by where the tag pointed.
	resolved map[hub.Tag]string
}

// Name is the location.
func (h *hubRepository) Name() string {
	if h.revision == "" {
		return hubScheme + h.name
	}
	return hubScheme + h.name + "@" + h.revision
}

// List asks the Hub, and the cache where the Hub is away.
func (h *hubRepository) List(ctx context.Context) (*Listing, error) {
	out := &Listing{}
	var err error
	if h.revision == "" {
		err = h.listTags(ctx, out)
	} else {
		err = h.listRevision(ctx, out)
	}
	slices.SortFunc(out.Candidates, func(a, b Candidate) int { return cmp.Compare(a.Number, b.Number) })
	return out, err
}

func (h *hubRepository) listTags(ctx context.Context, out *Listing) error {
	tags, err := h.client.Tags(ctx, h.name)
	if errors.Is(err, hub.ErrUnavailable) {
		kept, cacheErr := h.client.CachedRefs(h.name)
		if cacheErr != nil {
			return errors.Join(err, cacheErr)
		}
		problems := []error{err}
		for _, tag := range slices.Sorted(maps.Keys(kept)) {
			problems = append(problems, h.add(out, tag, kept[tag]))
		}
		if len(out.Candidates) == 0 {
			return err //nolint:wrapcheck // it says what it was doing
		}
		out.FromCache, out.Reason = true, reasons(problems)
		return nil
	}
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	var problems []error
	for _, tag := range tags {
		if _, ok := semanticOf(tag.Name); !ok {
			continue
		}
		commit, err := h.commit(ctx, tag)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		problems = append(problems, h.add(out, tag.Name, commit))
	}
	out.Reason = reasons(problems)
	return nil
}

// reasons puts into one line what is not well; nil is well.
func reasons(problems []error) string {
	var texts []string
	for _, problem := range problems {
		if problem != nil {
			texts = append(texts, problem.Error())
		}
	}
	return strings.Join(texts, "; ")
}

// commit is the commit of a tag, asked for once for each place it points to: an
// annotated tag points to itself, not to a commit.
func (h *hubRepository) commit(ctx context.Context, tag hub.Tag) (string, error) {
	if commit, ok := h.resolved[tag]; ok {
		return commit, nil
	}
	commit, err := h.client.Resolve(ctx, h.name, tag.Name, modelpkg.ManifestFile)
	if err != nil {
		return "", err //nolint:wrapcheck // it says what it was doing
	}
	h.resolved[tag] = commit
	return commit, nil
}

// add lists a tag, if it is one of a version. An error says why such a one has no
// number.
func (h *hubRepository) add(out *Listing, tag, commit string) error {
	semantic, ok := semanticOf(tag)
	if !ok {
		return nil
	}
	number, err := numberOf(semantic)
	if err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	out.Candidates = append(out.Candidates, Candidate{Model: h.model, Number: number, Semantic: semantic, Tag: tag, Revision: commit})
	return nil
}

// listRevision lists the one revision. A tag of a version says its number itself,
// of anything else the manifest does.
func (h *hubRepository) listRevision(ctx context.Context, out *Listing) error {
	commit, err := h.client.Resolve(ctx, h.name, h.revision, modelpkg.ManifestFile)
	if errors.Is(err, hub.ErrUnavailable) {
		kept, cacheErr := h.client.CachedRefs(h.name)
		if cacheErr != nil || kept[h.revision] == "" {
			return errors.Join(err, cacheErr)
		}
		commit, out.FromCache, out.Reason = kept[h.revision], true, err.Error()
	} else if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	if _, ok := semanticOf(h.revision); ok {
		return h.add(out, h.revision, commit)
	}
	path, err := h.client.File(ctx, h.name, commit, modelpkg.ManifestFile)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the Hub's cache: %w", withoutPath(err))
	}
	var manifest struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return fmt.Errorf("%s of %s: %w", modelpkg.ManifestFile, h.Name(), err)
	}
	number, err := numberOf(manifest.Version)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", modelpkg.ManifestFile, h.Name(), err)
	}
	out.Candidates = []Candidate{{Model: h.model, Number: number, Semantic: manifest.Version, Revision: commit}}
	return nil
}

// Read fetches what the cache lacks, and then remembers the tag: what the cache
// remembers is whole.
func (h *hubRepository) Read(ctx context.Context, c Candidate) (*modelpkg.Package, error) {
	var manifest string
	for _, name := range modelpkg.Files() {
		path, err := h.client.File(ctx, h.name, c.Revision, name)
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what it was doing
		}
		if name == modelpkg.ManifestFile {
			manifest = path
		}
	}
	pkg, err := modelpkg.Read(os.DirFS(filepath.Dir(manifest)))
	if err != nil {
		return nil, err //nolint:wrapcheck // it says all there is to say
	}
	if err := h.client.KeepRef(h.name, cmp.Or(c.Tag, h.revision), c.Revision); err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	return pkg, nil
}
