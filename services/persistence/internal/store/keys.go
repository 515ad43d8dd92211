package store

import (
	"context"
	"time"
)

// Key is what is kept of a caller's key.
type Key struct {
	ID, Name, Owner, SHA256 string
	Roles                   []string
	CreatedBy               string
	CreateTime              time.Time
	ExpireTime              *time.Time // nil: never
	RevokeTime              *time.Time // nil: it is not revoked
	LastUseTime             *time.Time // nil: never
}

// Keys keeps the keys of callers.
type Keys interface {
	// CreateKey adds one.
	CreateKey(ctx context.Context, key Key) error
	// ListKeys reads all, the newest first.
	ListKeys(ctx context.Context) ([]Key, error)
	// RevokeKey revokes one; one that is revoked stays as it is. ErrNotFound: there is none.
	RevokeKey(ctx context.Context, id string) (*Key, error)
	// KeysChange counts the changes of the keys, but for their use.
	KeysChange(ctx context.Context) (int64, error)
	// UseKeys says that keys were used now.
	UseKeys(ctx context.Context, ids []string) error
}
