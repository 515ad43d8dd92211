package repository

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

// AliasesFile is where a model's folder may say what its aliases stand for until
// somebody sets them: {"champion": 1, "challenger": 2}.
const AliasesFile = "aliases.json"

// folder is a repository as Triton lays it out, NAME/NUMBER/...
type folder struct {
	path string
	log  *slog.Logger
}

func openFolder(path string, log *slog.Logger) (Repository, error) {
	if _, err := os.ReadDir(path); err != nil {
		return nil, fmt.Errorf("MODEL_REPOSITORY: %w", err)
	}
	return &folder{path: path, log: log}, nil
}

// Name says what it is, without the path, which is nobody's business.
func (*folder) Name() string { return "folder" }

// List reads the folders.
func (f *folder) List(context.Context) (*Listing, error) {
	names, err := subfolders(f.path)
	if err != nil {
		return nil, fmt.Errorf("read the folder of models: %w", withoutPath(err))
	}
	out := &Listing{Aliases: map[string]map[string]int32{}}
	for _, name := range names {
		numbers, err := subfolders(filepath.Join(f.path, name))
		if err != nil {
			return nil, fmt.Errorf("read the folder of model %s: %w", name, withoutPath(err))
		}
		for _, entry := range numbers {
			number, err := strconv.ParseInt(entry, 10, 32)
			if err != nil || number < 1 || strconv.FormatInt(number, 10) != entry {
				f.log.Debug("not a version, passed over", "model", name, "folder", entry)
				continue
			}
			candidate := Candidate{Model: name, Number: int32(number)}
			if manifest, err := os.ReadFile(filepath.Join(f.path, name, entry, modelpkg.ManifestFile)); err == nil {
				candidate.Revision = modelpkg.Revision(manifest)
			}
			out.Candidates = append(out.Candidates, candidate)
		}
		if out.Aliases[name], err = f.aliases(name); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out.Candidates, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Number, b.Number))
	})
	return out, nil
}

// Read reads a version's folder; a link cannot lead out of it.
func (f *folder) Read(_ context.Context, c Candidate) (*modelpkg.Package, error) {
	root, err := os.OpenRoot(filepath.Join(f.path, c.Model, strconv.Itoa(int(c.Number))))
	if err != nil {
		return nil, fmt.Errorf("open the package: %w", withoutPath(err))
	}
	defer root.Close()
	return modelpkg.Read(root.FS()) //nolint:wrapcheck // it says all there is to say
}

func (f *folder) aliases(name string) (map[string]int32, error) {
	data, err := os.ReadFile(filepath.Join(f.path, name, AliasesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]int32{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of model %s: %w", AliasesFile, name, withoutPath(err))
	}
	var aliases map[string]int32
	if err := json.Unmarshal(data, &aliases); err != nil {
		return nil, fmt.Errorf("read %s of model %s: %w", AliasesFile, name, err)
	}
	return aliases, nil
}

func subfolders(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it is
	}
	var names []string
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(path, entry.Name())) // through links: volumes are often mounted so
		if err == nil && info.IsDir() && entry.Name()[0] != '.' {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// withoutPath is what went wrong, for callers of the API: a path of the machine is
// none of their business.
func withoutPath(err error) error {
	if whole, ok := errors.AsType[*fs.PathError](err); ok {
		return whole.Err
	}
	return err
}
