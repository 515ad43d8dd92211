package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/persistence/internal/store"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// followerKnown is how long a copy of inference that says nothing is still waited for.
const followerKnown = time.Minute

// Alias serves AliasService.
type Alias struct {
	internalv1.UnimplementedAliasServiceServer

	store store.Aliases
}

// NewAlias returns the service.
func NewAlias(aliases store.Aliases) *Alias { return &Alias{store: aliases} }

// AppendAliasChange adds to a model's journal.
func (s *Alias) AppendAliasChange(ctx context.Context, request *internalv1.AppendAliasChangeRequest) (*internalv1.AppendAliasChangeResponse, error) {
	changes := make([]store.AliasChange, len(request.GetChanges()))
	for i, c := range request.GetChanges() {
		changes[i] = store.AliasChange{
			Alias: c.GetAlias(), Kind: int16(c.GetKind()), From: c.GetFromVersion(), To: c.GetToVersion(), ToRevision: c.GetToRevision(),
			ChangedBy: c.GetChangedBy(), Comment: c.GetComment(), Forced: c.GetForced(), ChangeTime: c.GetChangeTime().AsTime(),
		}
	}
	if change := store.ChangeOf(ctx); change != nil { // inference calls as itself
		change.Principal, change.PrincipalName = changes[len(changes)-1].ChangedBy, ""
	}
	err := s.store.AppendAliasChanges(ctx, request.GetRepository(), request.GetModel(), request.GetLastEntry(), changes)
	if errors.Is(err, store.ErrChanged) {
		return nil, changed("the journal of aliases of model " + request.GetModel())
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	return &internalv1.AppendAliasChangeResponse{LastEntry: request.GetLastEntry() + int32(len(changes))}, nil
}

// FollowAliasChanges reads what is new, and keeps how far the copy is.
func (s *Alias) FollowAliasChanges(ctx context.Context, request *internalv1.FollowAliasChangesRequest) (*internalv1.FollowAliasChangesResponse, error) {
	now := time.Now()
	if request.GetLeaving() {
		err := s.store.ForgetAliasFollower(ctx, request.GetRepository(), request.GetCopy())
		return &internalv1.FollowAliasChangesResponse{}, err //nolint:wrapcheck // the store says what it was doing
	}
	follower := store.AliasFollower{Copy: request.GetCopy(), Applied: request.GetAppliedEntries(), Seen: now}
	if err := s.store.SeeAliasFollower(ctx, request.GetRepository(), follower); err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	journals, err := s.store.AliasChanges(ctx, request.GetRepository(), request.GetReadEntries())
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	followers, err := s.store.AliasFollowers(ctx, request.GetRepository(), now.Add(-followerKnown))
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	out := &internalv1.FollowAliasChangesResponse{LastEntries: map[string]int32{}}
	for _, journal := range journals {
		out.LastEntries[journal.Model] = journal.FirstEntry + int32(len(journal.Changes)) - 1
		if len(journal.Changes) == 0 {
			continue
		}
		message := &internalv1.AliasJournal{Model: journal.Model, FirstEntry: journal.FirstEntry}
		for i := range journal.Changes {
			message.Changes = append(message.Changes, aliasChangeMessage(&journal.Changes[i]))
		}
		out.Journals = append(out.Journals, message)
	}
	for _, known := range followers {
		out.Followers = append(out.Followers, &internalv1.AliasFollower{Copy: known.Copy, AppliedEntries: known.Applied})
	}
	return out, nil
}

func aliasChangeMessage(c *store.AliasChange) *futurisysv1.AliasChange {
	return &futurisysv1.AliasChange{
		Alias: c.Alias, Kind: futurisysv1.AliasChangeKind(c.Kind), FromVersion: c.From, ToVersion: c.To, ToRevision: c.ToRevision,
		ChangedBy: c.ChangedBy, Comment: c.Comment, Forced: c.Forced, ChangeTime: timestamppb.New(c.ChangeTime),
	}
}
