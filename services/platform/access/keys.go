package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// Entry is what is kept of a key.
type Entry struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Owner   string     `json:"owner"` // the subject of who uses it
	SHA256  string     `json:"sha256"`
	Roles   []Role     `json:"roles"`
	Expires *time.Time `json:"expires,omitempty"`
}

// NewEntry is what is kept of a key that is made now.
func NewEntry(key Key, name, owner string, roles []Role, expires *time.Time) Entry {
	hash := sha256.Sum256([]byte(key.Secret))
	return Entry{ID: key.ID, Name: name, Owner: owner, SHA256: hex.EncodeToString(hash[:]), Roles: roles, Expires: expires}
}

// Keys are the keys of a file, which is read again when it changes. Many goroutines may use
// them at once.
type Keys struct {
	path string
	read atomic.Pointer[snapshot]
}

// snapshot is the keys as they were read.
type snapshot struct {
	info os.FileInfo
	keys map[string]known
}

// known is a key as it is compared.
type known struct {
	hash      [sha256.Size]byte
	principal *Principal
	expires   time.Time // zero: never
}

// maxSubject is how many bytes the name of a principal has at most: it stands in records.
const maxSubject = 200

// reloadInterval is how soon a key that was taken out of the file is one no more.
const reloadInterval = 2 * time.Second

// ErrUnauthenticated says that a credential is nobody's, or not any more.
var ErrUnauthenticated = errors.New("the credential is not known, has expired or was revoked")

// OpenKeys reads the keys of a file: a list in JSON of what is kept of each.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{path: path}
	if err := k.reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// reload reads the file, if it is another one than before.
func (k *Keys) reload() error {
	info, err := os.Stat(k.path)
	if err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	if was := k.read.Load(); was != nil && os.SameFile(was.info, info) && was.info.Size() == info.Size() && was.info.ModTime().Equal(info.ModTime()) {
		return nil
	}
	content, err := os.ReadFile(k.path)
	if err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	_, keys, err := readEntries(content)
	if err != nil {
		return fmt.Errorf("%s: %w", k.path, err)
	}
	k.read.Store(&snapshot{info, keys})
	return nil
}

// readEntries reads what is kept of keys, and how they are compared.
func readEntries(content []byte) (entries []Entry, keys map[string]known, err error) {
	strict := json.NewDecoder(bytes.NewReader(content))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&entries); err != nil {
		return nil, nil, fmt.Errorf("read the keys: %w", err)
	}
	if _, err := strict.Token(); !errors.Is(err, io.EOF) || entries == nil {
		return nil, nil, errors.New("read the keys: they are one list, and nothing else")
	}
	keys, err = index(entries)
	return entries, keys, err
}

// index is how keys are compared, by their ids.
func index(entries []Entry) (map[string]known, error) {
	keys := make(map[string]known, len(entries))
	for _, entry := range entries {
		one, err := entry.known()
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", entry.ID, err)
		}
		if _, twice := keys[entry.ID]; twice {
			return nil, fmt.Errorf("key %s appears more than once", entry.ID)
		}
		keys[entry.ID] = one
	}
	return keys, nil
}

func (e *Entry) known() (known, error) {
	out := known{principal: &Principal{Subject: e.Owner, DisplayName: e.Name, Roles: e.Roles}}
	hash, err := hex.DecodeString(e.SHA256)
	switch {
	case err != nil || len(hash) != len(out.hash):
		return known{}, errors.New("sha256 is not a hash of 64 hexadecimal digits")
	case len(e.ID) != idLength || e.Owner == "":
		return known{}, errors.New("id and owner are required")
	case len(e.Owner) > maxSubject || len(e.Name) > maxSubject || strings.ContainsFunc(e.Owner+e.Name, unicode.IsControl):
		return known{}, fmt.Errorf("name and owner have at most %d bytes, and no control characters", maxSubject)
	}
	for _, role := range e.Roles {
		if !slices.Contains(Roles(), role) {
			return known{}, fmt.Errorf("there is no role %q", role)
		}
	}
	copy(out.hash[:], hash)
	if e.Expires != nil {
		out.expires = *e.Expires
	}
	return out, nil
}

// Run reads the file again whenever it changes, until ctx ends. One that does not read leaves
// the keys as they are.
func (k *Keys) Run(ctx context.Context, log *slog.Logger) {
	said := ""
	for {
		select {
		case <-time.After(reloadInterval):
		case <-ctx.Done():
			return
		}
		err := k.reload()
		switch {
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error()
			log.Error("the keys stay as they are: their file does not read", "error", err)
		}
	}
}

// Authenticate returns whose a key is. ErrUnauthenticated: nobody's.
func (k *Keys) Authenticate(secret string) (*Principal, error) {
	id, hash, err := ParseKey(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnauthenticated, err)
	}
	found, ok := k.read.Load().keys[id]
	same := subtle.ConstantTimeCompare(hash[:], found.hash[:]) == 1
	if !ok || !same || !found.expires.IsZero() && time.Now().After(found.expires) {
		return nil, ErrUnauthenticated
	}
	return found.principal, nil
}
