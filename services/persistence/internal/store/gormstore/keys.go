package gormstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// counterKeys counts the changes of the keys.
const counterKeys = "api_keys"

// keyRow is a row of api_keys.
type keyRow struct {
	ID          string `gorm:"primaryKey"`
	Name        string
	Owner       string
	SHA256      string `gorm:"column:sha256"`
	Roles       string
	CreatedBy   string
	CreateTime  instant
	ExpireTime  *instant
	RevokeTime  *instant
	LastUseTime *instant
}

// TableName is the table's name.
func (keyRow) TableName() string { return "api_keys" }

func (r *keyRow) key() store.Key {
	return store.Key{
		ID: r.ID, Name: r.Name, Owner: r.Owner, SHA256: r.SHA256, Roles: strings.Split(r.Roles, ","), CreatedBy: r.CreatedBy,
		CreateTime: r.CreateTime.Time, ExpireTime: timeOrNil(r.ExpireTime), RevokeTime: timeOrNil(r.RevokeTime), LastUseTime: timeOrNil(r.LastUseTime),
	}
}

func timeOrNil(t *instant) *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}

// CreateKey adds one; see store.Keys.
func (s *Store) CreateKey(ctx context.Context, key store.Key) error {
	row := keyRow{
		ID: key.ID, Name: key.Name, Owner: key.Owner, SHA256: key.SHA256, Roles: strings.Join(key.Roles, ","),
		CreatedBy: key.CreatedBy, CreateTime: at(key.CreateTime),
	}
	if key.ExpireTime != nil {
		row.ExpireTime = new(at(*key.ExpireTime))
	}
	return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error { //nolint:wrapcheck // said inside
		if err := tx.Create(&row).Error; err != nil {
			return fmt.Errorf("keep a key: %w", err)
		}
		return keysChanged(tx)
	})
}

// keysChanged counts a change of the keys, and keeps who made it.
func keysChanged(tx *gorm.DB) error {
	if _, err := advance(tx, counterKeys, 1); err != nil {
		return err
	}
	return keepChange(tx)
}

// ListKeys reads all; see store.Keys.
func (s *Store) ListKeys(ctx context.Context) ([]store.Key, error) {
	var rows []keyRow
	if err := s.read.WithContext(ctx).Order("create_time DESC, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	keys := make([]store.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].key()
	}
	return keys, nil
}

// RevokeKey revokes one; see store.Keys.
func (s *Store) RevokeKey(ctx context.Context, id string) (*store.Key, error) {
	var row keyRow
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		err := tx.Take(&row, "id = ?", id).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return store.ErrNotFound
		}
		if err != nil || row.RevokeTime != nil {
			return err
		}
		row.RevokeTime = new(at(time.Now()))
		if err := tx.Model(&row).Select("revoke_time").Updates(&row).Error; err != nil {
			return fmt.Errorf("revoke key %s: %w", id, err)
		}
		return keysChanged(tx)
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // said inside
	}
	key := row.key()
	return &key, nil
}

// KeysChange counts the changes; see store.Keys.
func (s *Store) KeysChange(ctx context.Context) (int64, error) {
	var change int64
	if err := scan(s.read.WithContext(ctx).Raw("SELECT value FROM counters WHERE name = ?", counterKeys), &change); err != nil {
		return 0, fmt.Errorf("read the change of the keys: %w", err)
	}
	return change, nil
}

// useInterval is how often it is written that a key is used.
const useInterval = time.Minute

// UseKeys says that keys were used; see store.Keys.
func (s *Store) UseKeys(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	now := time.Now()
	err := s.write.WithContext(ctx).Model(&keyRow{}).Where("id IN ? AND (last_use_time IS NULL OR last_use_time < ?)", ids, at(now.Add(-useInterval))).
		Update("last_use_time", at(now)).Error
	if err != nil {
		return fmt.Errorf("write that keys were used: %w", err)
	}
	return nil
}
