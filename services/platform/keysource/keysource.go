// Package keysource asks persistence for the keys of callers that are in its database.
package keysource

import (
	"context"

	"google.golang.org/grpc"

	"github.com/futurisys/futurisys/services/platform/access"

	internalv1 "github.com/futurisys/futurisys/proto/gen/futurisys/internalapi/v1"
)

// Of returns the keys that persistence has; nil: there is no persistence.
func Of(persistence *grpc.ClientConn) access.KeySource {
	if persistence == nil {
		return nil
	}
	client := internalv1.NewKeyServiceClient(persistence)
	return func(ctx context.Context, known int64, used []string) ([]access.Entry, int64, error) {
		answer, err := client.FollowKeys(ctx, &internalv1.FollowKeysRequest{Change: known, UsedIds: used})
		if err != nil {
			return nil, 0, err //nolint:wrapcheck // a status
		}
		entries := make([]access.Entry, len(answer.GetKeys()))
		for i, key := range answer.GetKeys() {
			entries[i] = access.Entry{ID: key.GetId(), Name: key.GetName(), Owner: key.GetOwner(), SHA256: key.GetSha256()}
			for _, role := range key.GetRoles() {
				entries[i].Roles = append(entries[i].Roles, access.Role(role))
			}
			if key.GetExpireTime() != nil {
				entries[i].Expires = new(key.GetExpireTime().AsTime())
			}
		}
		return entries, answer.GetChange(), nil
	}
}
