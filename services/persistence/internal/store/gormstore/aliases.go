package gormstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// aliasChangeRow is a row of alias_changes.
type aliasChangeRow struct {
	Repository  string `gorm:"primaryKey"`
	Model       string `gorm:"primaryKey"`
	Entry       int32  `gorm:"primaryKey;autoIncrement:false"`
	Alias       string
	Kind        int16
	FromVersion int32
	ToVersion   int32
	ToRevision  string
	ChangedBy   string
	Comment     string
	Forced      bool
	ChangeTime  instant
}

// TableName is the table's name.
func (aliasChangeRow) TableName() string { return "alias_changes" }

// AppendAliasChanges adds entries to a journal; see store.Aliases.
func (s *Store) AppendAliasChanges(ctx context.Context, repository, model string, last int32, changes []store.AliasChange) error {
	rows := make([]aliasChangeRow, len(changes))
	for i, c := range changes {
		rows[i] = aliasChangeRow{
			Repository: repository, Model: model, Entry: last + int32(i) + 1, Alias: c.Alias, Kind: c.Kind, FromVersion: c.From, ToVersion: c.To,
			ToRevision: c.ToRevision, ChangedBy: c.ChangedBy, Comment: c.Comment, Forced: c.Forced, ChangeTime: at(c.ChangeTime),
		}
	}
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var newest int32
		err := scan(tx.Model(&aliasChangeRow{}).Select("coalesce(max(entry), 0)").Where("repository = ? AND model = ?", repository, model), &newest)
		if err != nil {
			return fmt.Errorf("read the journal of aliases: %w", err)
		}
		if newest != last {
			return store.ErrChanged
		}
		// Of two at once the key lets one in.
		if err := tx.CreateInBatches(&rows, s.rowsPerInsert()).Error; errors.Is(err, gorm.ErrDuplicatedKey) {
			return store.ErrChanged
		} else if err != nil {
			return fmt.Errorf("write the journal of aliases: %w", err)
		}
		return keepChange(tx)
	})
	return err //nolint:wrapcheck // said inside
}

// AliasChanges reads new entries; see store.Aliases.
func (s *Store) AliasChanges(ctx context.Context, repository string, known map[string]int32) ([]store.AliasJournal, error) {
	var models []struct {
		Model string
		Last  int32
	}
	read := s.read.WithContext(ctx).Model(&aliasChangeRow{}).Where("repository = ?", repository)
	if err := read.Select("model, max(entry) AS last").Group("model").Order("model").Find(&models).Error; err != nil {
		return nil, fmt.Errorf("read the journals of aliases: %w", err)
	}
	var out []store.AliasJournal
	for _, m := range models {
		if m.Last <= known[m.Model] {
			out = append(out, store.AliasJournal{Model: m.Model, FirstEntry: m.Last + 1})
			continue
		}
		var rows []aliasChangeRow
		err := s.read.WithContext(ctx).Where("repository = ? AND model = ? AND entry > ?", repository, m.Model, known[m.Model]).
			Order("entry").Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("read the journal of aliases of %s: %w", m.Model, err)
		}
		journal := store.AliasJournal{Model: m.Model, FirstEntry: known[m.Model] + 1}
		for i := range rows {
			journal.Changes = append(journal.Changes, rows[i].change())
		}
		out = append(out, journal)
	}
	return out, nil
}

func (r *aliasChangeRow) change() store.AliasChange {
	return store.AliasChange{
		Alias: r.Alias, Kind: r.Kind, From: r.FromVersion, To: r.ToVersion, ToRevision: r.ToRevision,
		ChangedBy: r.ChangedBy, Comment: r.Comment, Forced: r.Forced, ChangeTime: r.ChangeTime.Time,
	}
}

// followerRow is a row of alias_followers.
type followerRow struct {
	Repository     string `gorm:"primaryKey"`
	Copy           string `gorm:"primaryKey"`
	AppliedEntries string // JSON
	SeenTime       instant
}

// TableName is the table's name.
func (followerRow) TableName() string { return "alias_followers" }

func (r *followerRow) follower() (store.AliasFollower, error) {
	out := store.AliasFollower{Copy: r.Copy, Seen: r.SeenTime.Time}
	if err := json.Unmarshal([]byte(r.AppliedEntries), &out.Applied); err != nil {
		return store.AliasFollower{}, fmt.Errorf("read how far %s is: %w", r.Copy, err)
	}
	return out, nil
}

const (
	// seenEvery is how often it is written that a copy is still there, and nothing new.
	seenEvery = 5 * time.Second
	// forgottenAfter is how long a copy that ended without a word stays in the table.
	forgottenAfter = time.Hour
)

// SeeAliasFollower says that a copy is there; see store.Aliases. Most often there is
// nothing to write.
func (s *Store) SeeAliasFollower(ctx context.Context, repository string, follower store.AliasFollower) error {
	var row followerRow
	err := s.read.WithContext(ctx).Take(&row, "repository = ? AND copy = ?", repository, follower.Copy).Error
	if err == nil {
		before, err := row.follower()
		if err == nil && maps.Equal(before.Applied, follower.Applied) && follower.Seen.Sub(before.Seen) < seenEvery {
			return nil
		}
	} else if !errors.Is(err, gorm.ErrRecordNotFound) {
		return fmt.Errorf("read the followers of aliases: %w", err)
	}
	applied, err := json.Marshal(follower.Applied)
	if err != nil {
		return fmt.Errorf("write how far %s is: %w", follower.Copy, err)
	}
	row = followerRow{Repository: repository, Copy: follower.Copy, AppliedEntries: string(applied), SeenTime: at(follower.Seen)}
	write := s.write.WithContext(ctx)
	if err := write.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return fmt.Errorf("write the followers of aliases: %w", err)
	}
	if err := write.Delete(&followerRow{}, "seen_time < ?", at(follower.Seen.Add(-forgottenAfter))).Error; err != nil {
		return fmt.Errorf("forget old followers of aliases: %w", err)
	}
	return nil
}

// ForgetAliasFollower says that a copy has ended; see store.Aliases.
func (s *Store) ForgetAliasFollower(ctx context.Context, repository, copyName string) error {
	err := s.write.WithContext(ctx).Delete(&followerRow{}, "repository = ? AND copy = ?", repository, copyName).Error
	if err != nil {
		return fmt.Errorf("forget a follower of aliases: %w", err)
	}
	return nil
}

// AliasFollowers reads the copies; see store.Aliases.
func (s *Store) AliasFollowers(ctx context.Context, repository string, since time.Time) ([]store.AliasFollower, error) {
	var rows []followerRow
	if err := s.read.WithContext(ctx).Where("repository = ? AND seen_time >= ?", repository, at(since)).Order("copy").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the followers of aliases: %w", err)
	}
	out := make([]store.AliasFollower, len(rows))
	for i := range rows {
		var err error
		if out[i], err = rows[i].follower(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
