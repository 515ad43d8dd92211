package scoring_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/inference/internal/scoring"
)

func TestBatchesBelongToTheirSubject(t *testing.T) {
	for range 100 {
		chosen := uuid.NewString()
		ana, bob := scoring.OwnBatchID("ana", chosen), scoring.OwnBatchID("bob", chosen)
		if ana == bob || ana == chosen {
			t.Errorf("two callers meet on one batch: %s and %s of %s", ana, bob, chosen)
		}
		if again := scoring.OwnBatchID("ana", chosen); again != ana {
			t.Errorf("the same id is another batch: %s and %s", ana, again)
		}
		if on := scoring.OwnBatchID("ana", ana); on != ana {
			t.Errorf("her batch does not go on: %s after %s", on, ana)
		}
		if taken := scoring.OwnBatchID("bob", ana); taken == ana {
			t.Error("somebody else goes on with her batch")
		}
		if id, err := uuid.Parse(ana); err != nil || id.Version() != 8 || id.Variant() != uuid.RFC4122 {
			t.Errorf("%s is no UUID of version 8: %v", ana, err)
		}
		if nobody := scoring.OwnBatchID("", chosen); nobody != chosen {
			t.Errorf("where nobody is known: %s of %s", nobody, chosen)
		}
	}
}
