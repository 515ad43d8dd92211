package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// Access serves AccessService, and to the other services KeyService.
type Access struct {
	futurisysv1.UnimplementedAccessServiceServer
	internalv1.UnimplementedKeyServiceServer

	store store.Keys
}

// NewAccess returns the services.
func NewAccess(keys store.Keys) *Access { return &Access{store: keys} }

// CreateKey makes a key.
func (s *Access) CreateKey(ctx context.Context, request *futurisysv1.CreateKeyRequest) (*futurisysv1.CreateKeyResponse, error) {
	kept := store.Key{
		Name: request.GetName(), Owner: cmp.Or(request.GetOwner(), request.GetName()), Roles: slices.Clone(request.GetRoles()),
		CreatedBy: access.Subject(ctx), CreateTime: time.Now().UTC().Truncate(time.Microsecond),
	}
	slices.Sort(kept.Roles)
	kept.Roles = slices.Compact(kept.Roles)
	if days := request.GetLifetimeDays(); days > 0 {
		kept.ExpireTime = new(kept.CreateTime.AddDate(0, 0, int(days)))
	}
	key, err := access.NewKey()
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	roles := make([]access.Role, len(kept.Roles))
	for i, role := range kept.Roles {
		roles[i] = access.Role(role)
	}
	entry := access.NewEntry(key, kept.Name, kept.Owner, roles, kept.ExpireTime)
	kept.ID, kept.SHA256 = entry.ID, entry.SHA256
	tell(ctx, map[string]string{"key": kept.ID, "owner": kept.Owner, "roles": strings.Join(kept.Roles, ",")})
	if err := s.store.CreateKey(ctx, kept); err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	return &futurisysv1.CreateKeyResponse{Key: keyMessage(&kept), Secret: key.Secret}, nil
}

// ListKeys lists all keys.
func (s *Access) ListKeys(ctx context.Context, _ *futurisysv1.ListKeysRequest) (*futurisysv1.ListKeysResponse, error) {
	keys, err := s.store.ListKeys(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	out := &futurisysv1.ListKeysResponse{}
	for i := range keys {
		out.Keys = append(out.Keys, keyMessage(&keys[i]))
	}
	return out, nil
}

// RevokeKey revokes a key.
func (s *Access) RevokeKey(ctx context.Context, request *futurisysv1.RevokeKeyRequest) (*futurisysv1.ApiKey, error) {
	tell(ctx, map[string]string{"key": request.GetKey()})
	key, err := s.store.RevokeKey(ctx, request.GetKey())
	if errors.Is(err, store.ErrNotFound) {
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_KEY_NOT_FOUND, "key", request.GetKey())
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // the store says what it was doing
	}
	return keyMessage(key), nil
}

// tell puts what was changed into the event of a change.
func tell(ctx context.Context, what map[string]string) {
	if change := store.ChangeOf(ctx); change != nil {
		written, _ := json.Marshal(what) //nolint:errchkjson // texts
		change.Filter = string(written)
	}
}

// FollowKeys reads the keys, if they are others than those that are known.
func (s *Access) FollowKeys(ctx context.Context, request *internalv1.FollowKeysRequest) (*internalv1.FollowKeysResponse, error) {
	entries, change, err := s.Keys(ctx, request.GetChange(), request.GetUsedIds())
	if err != nil {
		return nil, err
	}
	out := &internalv1.FollowKeysResponse{Change: change}
	for _, entry := range entries {
		key := &internalv1.KnownKey{Id: entry.ID, Name: entry.Name, Owner: entry.Owner, Sha256: entry.SHA256}
		for _, role := range entry.Roles {
			key.Roles = append(key.Roles, string(role))
		}
		if entry.Expires != nil {
			key.ExpireTime = timestamppb.New(*entry.Expires)
		}
		out.Keys = append(out.Keys, key)
	}
	return out, nil
}

// Keys are the keys that are good, for this process itself; see access.KeySource.
func (s *Access) Keys(ctx context.Context, known int64, used []string) (entries []access.Entry, change int64, err error) {
	if err := s.store.UseKeys(ctx, used); err != nil {
		return nil, 0, err //nolint:wrapcheck // the store says what it was doing
	}
	// First the change: what comes between is read again, and not missed.
	if change, err = s.store.KeysChange(ctx); err != nil || change == known {
		return nil, change, err //nolint:wrapcheck // the store says what it was doing
	}
	keys, err := s.store.ListKeys(ctx)
	if err != nil {
		return nil, 0, err //nolint:wrapcheck // the store says what it was doing
	}
	for _, key := range keys {
		if key.RevokeTime != nil {
			continue
		}
		entry := access.Entry{ID: key.ID, Name: key.Name, Owner: key.Owner, SHA256: key.SHA256, Expires: key.ExpireTime}
		for _, role := range key.Roles {
			entry.Roles = append(entry.Roles, access.Role(role))
		}
		entries = append(entries, entry)
	}
	return entries, change, nil
}

func keyMessage(k *store.Key) *futurisysv1.ApiKey {
	out := &futurisysv1.ApiKey{Id: k.ID, Name: k.Name, Owner: k.Owner, Roles: k.Roles, CreatedBy: k.CreatedBy, CreateTime: timestamppb.New(k.CreateTime)}
	for _, one := range []struct {
		into **timestamppb.Timestamp
		of   *time.Time
	}{{&out.ExpireTime, k.ExpireTime}, {&out.RevokeTime, k.RevokeTime}, {&out.LastUseTime, k.LastUseTime}} {
		if one.of != nil {
			*one.into = timestamppb.New(*one.of)
		}
	}
	return out
}
