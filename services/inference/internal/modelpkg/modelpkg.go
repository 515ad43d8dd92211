// Package modelpkg reads a model package from a folder and checks that it is
// whole and what its manifest says. What the graph answers is not its business.
package modelpkg

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Files of a package.
const (
	ManifestFile         = "manifest.json"
	GraphFile            = "model.onnx"
	GoldenFile           = "golden.json"
	BackgroundFile       = "background.json"
	ReferenceProfileFile = "reference_profile.json"
	CardFile             = "README.md"
)

// Files are the names of all files of a package.
func Files() []string {
	return []string{ManifestFile, GraphFile, GoldenFile, BackgroundFile, ReferenceProfileFile, CardFile}
}

// MaxFileBytes is the largest file that is read.
const MaxFileBytes = 256 << 20

// FewestGoldenRows is how many golden rows a package must have at least.
const FewestGoldenRows = 64

// ErrPackage says that a folder is not a package that can be served, and why.
var ErrPackage = errors.New("not a valid model package")

//go:embed manifest.schema.json
var manifestSchema []byte

// Package is a version of a model as its folder holds it.
type Package struct {
	Manifest   Manifest
	Graph      []byte // ONNX
	Golden     Golden
	Background Background
	Card       string // Markdown
	// Revision is that of its manifest.
	Revision string
}

// Revision says what exactly a package is: "sha256:" and the digest of its
// manifest, which holds the digests of all other files.
func Revision(manifest []byte) string { return "sha256:" + digest(manifest) }

// Read reads and checks the package in a folder. ErrPackage: it is not one.
func Read(folder fs.FS) (*Package, error) {
	raw, err := readFile(folder, ManifestFile)
	if err != nil {
		return nil, err
	}
	manifest, err := ParseManifest(raw)
	if err != nil {
		return nil, err
	}
	files, err := readListed(folder, manifest.Files)
	if err != nil {
		return nil, err
	}
	golden, err := parseGolden(files[GoldenFile])
	if err != nil {
		return nil, err
	}
	if golden.PositiveLabel != manifest.PositiveLabel || golden.NegativeLabel != manifest.NegativeLabel {
		return nil, fmt.Errorf("%w: the manifest's labels are %q and %q, those of %s %q and %q", ErrPackage,
			manifest.PositiveLabel, manifest.NegativeLabel, GoldenFile, golden.PositiveLabel, golden.NegativeLabel)
	}
	var background Background
	if err := decode(BackgroundFile, files[BackgroundFile], &background); err != nil {
		return nil, err
	}
	return &Package{
		Manifest:   *manifest,
		Graph:      files[GraphFile],
		Golden:     *golden,
		Background: background,
		Card:       string(files[CardFile]),
		Revision:   Revision(raw),
	}, nil
}

// ParseManifest reads a manifest and holds it to the JSON schema and to what a
// schema cannot say.
func ParseManifest(raw []byte) (*Manifest, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPackage, ManifestFile, err)
	}
	schema, err := compileSchema()
	if err != nil {
		return nil, err
	}
	if err := schema.Validate(document); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPackage, ManifestFile, err)
	}
	var manifest Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPackage, ManifestFile, err)
	}
	if err := manifest.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrPackage, ManifestFile, err)
	}
	return &manifest, nil
}

func (m *Manifest) check() error {
	seen := map[string]bool{}
	for _, feature := range m.Features {
		if seen[feature.Name] {
			return fmt.Errorf("feature %s stands twice", feature.Name)
		}
		seen[feature.Name] = true
		if feature.Min != nil && feature.Max != nil && *feature.Min > *feature.Max {
			return fmt.Errorf("feature %s: min is above max", feature.Name)
		}
	}
	if m.Bands[0].From != 0 {
		return errors.New("the first band must be from 0")
	}
	if !slices.IsSortedFunc(m.Bands, func(a, b Band) int { return cmp.Compare(a.From, b.From) }) {
		return errors.New("the bands must ascend")
	}
	return nil
}

func compileSchema() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(manifestSchema))
	if err != nil {
		return nil, fmt.Errorf("read the manifest's schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("manifest.schema.json", document); err != nil {
		return nil, fmt.Errorf("read the manifest's schema: %w", err)
	}
	schema, err := compiler.Compile("manifest.schema.json")
	if err != nil {
		return nil, fmt.Errorf("compile the manifest's schema: %w", err)
	}
	return schema, nil
}

func readListed(folder fs.FS, listed map[string]string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		data, err := readFile(folder, name)
		if err != nil {
			return nil, err
		}
		if got := digest(data); got != listed[name] {
			return nil, fmt.Errorf("%w: %s has SHA-256 %s, the manifest says %s", ErrPackage, name, got, listed[name])
		}
		files[name] = data
	}
	return files, nil
}

// lfsPointer is how the text begins that Git LFS leaves in the place of a file.
const lfsPointer = "version https://git-lfs.github.com/spec/"

// readFile reads a file of the package, whole.
func readFile(folder fs.FS, name string) ([]byte, error) {
	file, err := folder.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w", ErrPackage, name, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w", ErrPackage, name, err)
	}
	if bytes.HasPrefix(data, []byte(lfsPointer)) {
		return nil, fmt.Errorf("%w: %s is a Git LFS pointer and not the file itself: fetch it with git lfs pull", ErrPackage, name)
	}
	if len(data) > MaxFileBytes {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrPackage, name, MaxFileBytes)
	}
	return data, nil
}

// decode reads a file of JSON strictly.
func decode(name string, raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrPackage, name, err)
	}
	return nil
}

func parseGolden(raw []byte) (*Golden, error) {
	var golden Golden
	if err := decode(GoldenFile, raw, &golden); err != nil {
		return nil, err
	}
	for _, row := range golden.Rows {
		if !(row.Probability >= 0 && row.Probability <= 1) {
			return nil, fmt.Errorf("%w: %s: row %q has the probability %g, which is not from 0 to 1", ErrPackage, GoldenFile, row.Name, row.Probability)
		}
	}
	if len(golden.Rows) < FewestGoldenRows {
		return nil, fmt.Errorf("%w: %s has %d rows, at least %d are needed", ErrPackage, GoldenFile, len(golden.Rows), FewestGoldenRows)
	}
	return &golden, nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
