package scoring

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/google/uuid"
)

// OwnBatchID is the id of a subject's batch for an id that he, or we, chose: what somebody
// else calls by the same id is another batch. It is a UUID (version 8), of which one half
// says whose it is, so that the subject's own batch keeps its id when he goes on with it.
// Nobody's ("") stays as it is.
func OwnBatchID(subject, id string) string {
	given, err := uuid.Parse(id)
	if subject == "" || err != nil {
		return id
	}
	if own := ofSubject(subject, given); subtle.ConstantTimeCompare(own[:], given[:]) == 1 {
		return id
	}
	seed := sha256.Sum256(given[:])
	return ofSubject(subject, uuid.UUID(seed[:len(given)])).String()
}

// ofSubject is an id whose first half is the seed's, and whose second says whose it is.
func ofSubject(subject string, seed uuid.UUID) (id uuid.UUID) {
	const half = len(id) / 2
	copy(id[:half], seed[:half])
	const versionAt, version, variantAt, variant = 6, 0x80, 8, 0x80 // RFC 9562
	id[versionAt] = id[versionAt]&0x0f | version
	mark := sha256.Sum256(append([]byte("batch\x00"+subject+"\x00"), id[:half]...))
	copy(id[half:], mark[:half])
	id[variantAt] = id[variantAt]&0x3f | variant
	return id
}
