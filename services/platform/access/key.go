package access

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
)

// A key is fsk_, its public id, _, 256 random bits and a checksum, in base 62: scanners and
// people recognise one, and a slip of the pen is told from a key that is not known.
const (
	keyPrefix      = "fsk_"
	idLength       = 12 // 71 bits
	secretLength   = 43 // 256 bits
	checksumLength = 6  // 32 bits
	digits         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrNotAKey says that a text is no key: it was cut, or is of something else.
var ErrNotAKey = errors.New("not a key")

// Key is a new key: its secret is shown once, and kept nowhere.
type Key struct {
	ID     string
	Secret string // the whole, as callers send it
}

// NewKey returns a key that nobody has.
func NewKey() (Key, error) {
	id, err := random(idLength)
	if err != nil {
		return Key{}, err
	}
	secret, err := random(secretLength)
	if err != nil {
		return Key{}, err
	}
	text := keyPrefix + id + "_" + secret
	return Key{ID: id, Secret: text + checksum(text)}, nil
}

// ParseKey returns the id of a key and the hash by which it is known. Random bits need no
// slow hash. ErrNotAKey: it is none.
func ParseKey(text string) (id string, hash [sha256.Size]byte, err error) {
	body, isKey := strings.CutPrefix(text, keyPrefix)
	id, rest, _ := strings.Cut(body, "_")
	if !isKey || len(id) != idLength || len(rest) != secretLength+checksumLength ||
		checksum(text[:len(text)-checksumLength]) != text[len(text)-checksumLength:] {
		return "", hash, ErrNotAKey
	}
	return id, sha256.Sum256([]byte(text)), nil
}

// random is a text of so many digits.
func random(length int) (string, error) {
	var out strings.Builder
	for range length {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(digits))))
		if err != nil {
			return "", fmt.Errorf("make a key: %w", err)
		}
		out.WriteByte(digits[at.Int64()])
	}
	return out.String(), nil
}

func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	out := make([]byte, checksumLength)
	for i := range out {
		out[i] = digits[sum%uint32(len(digits))]
		sum /= uint32(len(digits))
	}
	return string(out)
}
