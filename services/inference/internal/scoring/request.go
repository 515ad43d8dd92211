package scoring

import (
	"strconv"

	"github.com/google/uuid"
)

// requestNamespace is where the ids of requests are names; it never changes, or a
// retry would be scored twice.
var requestNamespace = uuid.MustParse("5b0bb8de-5d0e-5b65-9d3c-8c4f0b9c3a11") //nolint:gochecknoglobals // a constant

// Request is the caller's name for a call. Every copy of the service makes the same
// ids of the same name, also while it cannot see what another one answered. The zero
// value is a call without a name.
type Request struct {
	id        string
	requested string
	namespace uuid.UUID
}

// NewRequest returns the request of a request_id; empty: the call has none. requested is
// the alias, or the number of the version, that the call asks for. subject is whose id it is,
// so that two callers cannot meet on one; empty: nobody is known.
func NewRequest(subject, id, requested string) Request {
	namespace := requestNamespace
	if subject != "" && id != "" {
		namespace = uuid.NewSHA1(requestNamespace, []byte("subject\x00"+subject))
	}
	return Request{id: id, requested: requested, namespace: namespace}
}

// Row is the name of the call's only row.
func (r Request) Row() RowName { return r.name("") }

// RowAt is the name of one of many rows.
func (r Request) RowAt(index int) RowName { return r.name("row/" + strconv.Itoa(index)) }

// BatchID is the id that the call's predictions share.
func (r Request) BatchID() (string, error) {
	if r.id == "" {
		return newID()
	}
	return r.name("batch").predictionID, nil
}

func (r Request) name(part string) RowName {
	if r.id == "" {
		return RowName{}
	}
	return RowName{requestID: r.id, requested: r.requested, predictionID: uuid.NewSHA1(r.namespace, []byte(r.id+"\x00"+part)).String()}
}

// RowName says which id a row's prediction must get; the zero value: a new one.
type RowName struct {
	requestID, requested, predictionID string
}

// newID is a UUID of version 7, which sorts by time.
func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err //nolint:wrapcheck // the source of randomness failed: nothing to add
}
