package store

import (
	"context"
	"time"
)

// AliasChange is one change of an alias of a model, as inference says it.
type AliasChange struct {
	Alias      string
	Kind       int16 // the number of the API's AliasChangeKind
	From, To   int32 // versions; 0: nothing
	ToRevision string
	ChangedBy  string
	Comment    string
	Forced     bool
	ChangeTime time.Time // UTC, microseconds
}

// AliasJournal is entries of the journal of a model, in order.
type AliasJournal struct {
	Model      string
	FirstEntry int32 // the number of the first of them, from 1; without any that of the next
	Changes    []AliasChange
}

// AliasFollower is a copy of inference and how far its answers follow the journals.
type AliasFollower struct {
	Copy    string
	Applied map[string]int32 // model to entry
	Seen    time.Time
}

// Aliases keeps the journals of the changes of aliases, one for each model of a model
// repository, and who follows them.
type Aliases interface {
	// AppendAliasChanges adds entries behind the last one, which the caller knows by its
	// number (0: the journal is empty). ErrChanged: another one is the last.
	AppendAliasChanges(ctx context.Context, repository, model string, last int32, changes []AliasChange) error
	// AliasChanges reads, by model, the entries after those that the caller knows; of each
	// model that has a journal at least the number that the next entry will have.
	AliasChanges(ctx context.Context, repository string, known map[string]int32) ([]AliasJournal, error)
	// SeeAliasFollower says that a copy is there now, and how far it is.
	SeeAliasFollower(ctx context.Context, repository string, follower AliasFollower) error
	// ForgetAliasFollower says that a copy has ended.
	ForgetAliasFollower(ctx context.Context, repository, copyName string) error
	// AliasFollowers reads the copies that were there since then, by name.
	AliasFollowers(ctx context.Context, repository string, since time.Time) ([]AliasFollower, error)
}
