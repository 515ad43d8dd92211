package journal

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/futurisys/futurisys/services/inference/internal/registry"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func fromMessage(c *futurisysv1.AliasChange) registry.Change {
	return registry.Change{
		Alias: c.GetAlias(), Kind: kindOf(c.GetKind()), From: c.GetFromVersion(), To: c.GetToVersion(), Revision: c.GetToRevision(),
		By: c.GetChangedBy(), Comment: c.GetComment(), Forced: c.GetForced(), Time: c.GetChangeTime().AsTime(),
	}
}

func toMessage(c registry.Change) *futurisysv1.AliasChange {
	return &futurisysv1.AliasChange{
		Alias: c.Alias, Kind: c.Kind.Message(), FromVersion: c.From, ToVersion: c.To, ToRevision: c.Revision,
		ChangedBy: c.By, Comment: c.Comment, Forced: c.Forced, ChangeTime: timestamppb.New(c.Time),
	}
}

// kindOf is the kind of a message; one that a later version of the service brought counts
// as a change like any other.
func kindOf(message futurisysv1.AliasChangeKind) registry.ChangeKind {
	for _, kind := range []registry.ChangeKind{registry.Initial, registry.Rollback, registry.Removed} {
		if kind.Message() == message {
			return kind
		}
	}
	return registry.Set
}
