// Package repository finds versions of models and reads their packages: in a
// folder of this machine, or on a Hugging Face Hub.
package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/futurisys/futurisys/services/inference/internal/hub"
	"github.com/futurisys/futurisys/services/inference/internal/modelpkg"
)

// Candidate is a version that a repository has, whether it is loaded or not.
type Candidate struct {
	Model  string
	Number int32 // from 1
	// Semantic is the semantic version that the package must have; empty: any.
	Semantic string
	Tag      string // on the Hub; empty elsewhere
	// Revision says what exactly the version is: the Hub's commit, or "sha256:"
	// and the digest of the manifest. Another revision is another content.
	Revision string
}

// Listing is what a repository has at one moment.
type Listing struct {
	Candidates []Candidate
	// Aliases are, by model, those that hold until somebody sets others.
	Aliases map[string]map[string]int32
	// Reason is why the listing may not be the newest or not whole; empty: it is.
	Reason string
	// FromCache says that the Hub was away and the local cache answered.
	FromCache bool
}

// Repository lists versions and reads them.
type Repository interface {
	// Name says what it is in the API: "folder", or hf://org/name@revision.
	Name() string
	// List says what there is now.
	List(ctx context.Context) (*Listing, error)
	// Read brings a candidate's package to this machine and checks that it is whole.
	Read(ctx context.Context, candidate Candidate) (*modelpkg.Package, error)
}

// hubScheme starts the location of a repository on a Hub.
const hubScheme = "hf://"

// Open opens a model repository: a folder, or hf://org/name with all its tags
// model-vX.Y.Z, or hf://org/name@revision with a tag, a branch or a commit.
func Open(location string, settings hub.Settings, log *slog.Logger) (Repository, error) {
	rest, onHub := strings.CutPrefix(location, hubScheme)
	if address, err := url.Parse(location); err == nil && !onHub && address.Host != "" {
		return nil, fmt.Errorf("MODEL_REPOSITORY: %s is an address: of a repository on the Hub say %s%s", location, hubScheme, strings.Trim(address.Path, "/"))
	}
	if !onHub {
		return openFolder(location, log)
	}
	name, revision, pinned := strings.Cut(rest, "@")
	if err := hub.CheckRepository(name); err != nil {
		return nil, fmt.Errorf("MODEL_REPOSITORY: %w", err)
	}
	if pinned {
		if err := hub.CheckRevision(revision); err != nil {
			return nil, fmt.Errorf("MODEL_REPOSITORY: %w", err)
		}
	}
	client, err := settings.Open(log)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the key
	}
	_, model, _ := strings.Cut(name, "/")
	return &hubRepository{client: client, name: name, revision: revision, model: model, resolved: map[hub.Tag]string{}}, nil
}

// A semantic version X.Y.Z is the number X * 1,000,000 + Y * 1,000 + Z: the same
// on every copy and after every restart, ascending, and legible.
const (
	minorsPerMajor   = 1_000
	patchesPerMinor  = 1_000
	greatestMajor    = 2_146 // the number must fit an int32
	semanticParts    = 4     // the whole and its three parts
	semanticVersions = `(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)`
)

var (
	semanticVersion = regexp.MustCompile(`^` + semanticVersions + `$`)
	modelTag        = regexp.MustCompile(`^model-v(` + semanticVersions + `)$`)
)

// numberOf is the number of a semantic version.
func numberOf(semantic string) (int32, error) {
	parts := semanticVersion.FindStringSubmatch(semantic)
	if len(parts) != semanticParts {
		return 0, fmt.Errorf("%q is not a semantic version X.Y.Z", semantic)
	}
	limits := []int{greatestMajor, minorsPerMajor - 1, patchesPerMinor - 1}
	number := 0
	for i, limit := range limits {
		part, err := strconv.Atoi(parts[i+1])
		if err != nil || part > limit {
			return 0, fmt.Errorf("%s: versions go up to %d.%d.%d", semantic, greatestMajor, minorsPerMajor-1, patchesPerMinor-1)
		}
		number = number*minorsPerMajor + part
	}
	if number == 0 {
		return 0, errors.New("0.0.0 is not a version that can be served")
	}
	return int32(number), nil
}

// semanticOf is the semantic version of a tag model-vX.Y.Z.
func semanticOf(tag string) (string, bool) {
	parts := modelTag.FindStringSubmatch(tag)
	if parts == nil {
		return "", false
	}
	return parts[1], true
}
