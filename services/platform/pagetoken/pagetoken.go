// Package pagetoken makes the opaque tokens of lists. A token is bound to the
// request it came from: with another filter or order it is refused, because its
// page would be a wrong answer.
package pagetoken

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Sizes of pages.
const (
	DefaultSize = 50
	MaximumSize = 1000
)

// ErrInvalid says that a token is not one of this list's.
var ErrInvalid = errors.New("not a page token of this list")

type token[K any] struct {
	Bound string `json:"b"`
	Key   K      `json:"k"`
}

// Size returns how many rows a page has when so many are asked for.
func Size(asked int32) int {
	switch {
	case asked <= 0:
		return DefaultSize
	case asked > MaximumSize:
		return MaximumSize
	default:
		return int(asked)
	}
}

// Encode returns a token that leads to the page after key. query is all that
// must not change between pages.
func Encode[K any](query any, key K) (string, error) {
	data, err := json.Marshal(token[K]{Bound: bind(query), Key: key})
	if err != nil {
		return "", fmt.Errorf("encode a page token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(data), nil
}

// Decode returns the key of a token, or nil for the first page. ErrInvalid: it
// is not a token of this query.
func Decode[K any](query any, text string) (*K, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no token means no key: the first page
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrInvalid
	}
	var out token[K]
	if err := json.Unmarshal(data, &out); err != nil || out.Bound != bind(query) {
		return nil, ErrInvalid
	}
	return &out.Key, nil
}

func bind(query any) string {
	const enough = 9 // bytes: no accident, and the token stays short
	sum := sha256.Sum256(fmt.Appendf(nil, "%T%+v", query, query))
	return base64.RawURLEncoding.EncodeToString(sum[:enough])
}
