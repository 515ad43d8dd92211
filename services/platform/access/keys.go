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
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"
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

// Keys are the keys of a file, which is read again when it changes, and those of a source. Many goroutines may use
// them at once.
type Keys struct {
	path string
	read atomic.Pointer[snapshot]

	source   KeySource // of those in the database; nil: there is none
	followed atomic.Pointer[followed]
	used     sync.Map // ids of those in the database, since it was asked last
}

// KeySource has keys besides those of the file. It answers with all that are good, unless they
// are those of the change that is known, and is told which were used since.
type KeySource func(ctx context.Context, known int64, used []string) (entries []Entry, change int64, err error)

// followed is the keys of the database as they were read.
type followed struct {
	keys   map[string]known
	change int64
	asked  time.Time // when it was heard last that these are they
}

const (
	// followTimeout is how long the source may take.
	followTimeout = 5 * time.Second
	// followedLife is for how long keys are good that nobody could be asked about.
	followedLife = 10 * time.Minute
)

// ErrKeysUnavailable says that a key is not known here, and may be one of the database's, which
// cannot be asked.
var ErrKeysUnavailable = errors.New("the keys in the database are unavailable")

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

// maxSubject is how many characters the name of a principal has at most: it stands in records.
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
	case utf8.RuneCountInString(e.Owner) > maxSubject || utf8.RuneCountInString(e.Name) > maxSubject || strings.ContainsFunc(e.Owner+e.Name, unicode.IsControl):
		return known{}, fmt.Errorf("name and owner have at most %d characters, and no control characters", maxSubject)
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

// Run reads the file again whenever it changes, and asks the source, until ctx ends. What does
// not read leaves the keys as they are.
func (k *Keys) Run(ctx context.Context, log *slog.Logger) {
	var reading, following complaint
	for {
		following.about(log, "the keys of the database stay as they are", k.follow(ctx))
		select {
		case <-time.After(reloadInterval):
		case <-ctx.Done():
			return
		}
		reading.about(log, "the keys stay as they are: their file does not read", k.reload())
	}
}

// complaint is logged once, until something else is wrong.
type complaint string

func (c *complaint) about(log *slog.Logger, what string, err error) {
	if err == nil {
		*c = ""
	} else if said := complaint(err.Error()); said != *c {
		*c = said
		log.Error(what, "error", err)
	}
}

// follow asks the source whether there are other keys by now.
func (k *Keys) follow(ctx context.Context) error {
	if k.source == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	var used []string
	k.used.Range(func(id, _ any) bool {
		used = append(used, id.(string)) //nolint:forcetypeassert // see Authenticate
		k.used.Delete(id)
		return true
	})
	before := k.followed.Load()
	if before == nil {
		before = &followed{}
	}
	entries, change, err := k.source(ctx, before.change, used)
	if err != nil {
		return err
	}
	now := &followed{before.keys, change, time.Now()}
	if change != before.change {
		if now.keys, err = index(entries); err != nil {
			return err
		}
	}
	k.followed.Store(now)
	return nil
}

// ofSource is a key of the database. ErrKeysUnavailable: whether it is one is not known.
func (k *Keys) ofSource(id string) (found known, ok bool, err error) {
	followed := k.followed.Load()
	if followed == nil || time.Since(followed.asked) > followedLife {
		return known{}, false, ErrKeysUnavailable
	}
	found, ok = followed.keys[id]
	return found, ok, nil
}

// Authenticate returns whose a key is. ErrKeysUnavailable: it may be somebody's. ErrUnauthenticated: nobody's.
func (k *Keys) Authenticate(secret string) (*Principal, error) {
	id, hash, err := ParseKey(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnauthenticated, err)
	}
	found, ok := k.read.Load().keys[id]
	followed := !ok && k.source != nil
	if followed {
		if found, ok, err = k.ofSource(id); err != nil {
			return nil, err
		}
	}
	same := subtle.ConstantTimeCompare(hash[:], found.hash[:]) == 1
	if !ok || !same || !found.expires.IsZero() && time.Now().After(found.expires) {
		return nil, ErrUnauthenticated
	}
	if followed {
		k.used.Store(id, struct{}{})
	}
	return found.principal, nil
}
