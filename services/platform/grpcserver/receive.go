package grpcserver

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"

	"github.com/futurisys/futurisys/proto/policy"
	"github.com/futurisys/futurisys/services/platform/access"
	"github.com/futurisys/futurisys/services/platform/apierr"
	"github.com/futurisys/futurisys/services/platform/inflight"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

const (
	// maxReceiving is how many calls may wait for their message at once, and how many streams
	// for the next of theirs.
	maxReceiving = 4096
	// maxWatches is how many streams there may be of those who watch the process, by health
	// or reflection: the oldest is ended for the next.
	maxWatches = 1024
	// maxReceivingBytes is how much of unfinished messages there may be: one of the largest.
	maxReceivingBytes = 64 << 20
)

// reception receives messages. grpc-go has one size for all methods, reads a message as a
// whole before anybody may refuse it, and waits for it for as long as its connection lives; so
// the bytes are read here: of who may call the method at all, as many as its policy allows,
// within what the process has for unfinished messages, and in the time that the call has.
type reception struct {
	calls, streams, watches *inflight.Receiving
	decoder                 decoder
	policies                policy.Policies
	gate                    *access.Gate    // nil: everybody may do all
	unary                   map[string]bool // methods, by full name
}

func newReception(registry prometheus.Registerer, gate *access.Gate) *reception {
	r := &reception{gate: gate, calls: inflight.NewReceiving(maxReceiving, maxReceivingBytes), streams: inflight.NewReceiving(maxReceiving, streamBytes), watches: inflight.NewReceiving(maxWatches, maxReceivingBytes)}
	inflight.RegisterReceiving(registry, map[string]*inflight.Receiving{"calls": r.calls, "streams": r.streams, "watches": r.watches})
	return r
}

// learn takes the policies of methods, and the services that are registered.
func (r *reception) learn(policies policy.Policies, services map[string]grpc.ServiceInfo) {
	r.policies, r.unary = policies, map[string]bool{}
	for name, service := range services {
		for _, method := range service.Methods {
			if !method.IsClientStream && !method.IsServerStream {
				r.unary["/"+name+"/"+method.Name] = true
			}
		}
	}
}

// messageReader is what a call has in grpc-go's transport. It is no part of its API: without
// it every call fails, and so does every test.
type messageReader interface {
	ReadMessageHeader(header []byte) error
	Read(size int) (mem.BufferSlice, error)
}

// call is a call whose messages are received.
type call struct {
	*inflight.Incoming

	max   int64       // bytes of a message
	watch bool        // it counts for as long as it lasts
	stay  func() bool // keeps it from leaving when its context ends
	leave func()
}

type callKey struct{}

// begin is asked before grpc-go makes anything of a call. What it enters leaves at the latest
// when the call's context ends.
func (r *reception) begin(ctx context.Context, about *tap.Info) (context.Context, error) {
	known, receiving := r.policies[about.FullMethodName], r.streams
	switch {
	case r.unary[about.FullMethodName]:
		receiving = r.calls
	case !ours(about.FullMethodName):
		receiving = r.watches
	}
	var end context.CancelFunc
	if receiving == r.calls || known.GetDeadline() != nil {
		ctx, end = context.WithTimeout(ctx, timeFor(ctx, known))
	} else {
		ctx, end = context.WithCancel(ctx)
	}
	incoming := receiving.Begin(end)
	leave := incoming.Done
	if from, is := peer.FromContext(ctx); is {
		if occupied, is := from.LocalAddr.(interface{ Occupy() (free func()) }); is { // see lifecycle.Listener
			free := occupied.Occupy()
			leave = func() { incoming.Done(); free() }
		}
	}
	return context.WithValue(ctx, callKey{}, &call{
		Incoming: incoming, max: policy.MaxRequestBytes(known), watch: receiving == r.watches,
		stay: context.AfterFunc(ctx, leave), leave: leave,
	}), nil
}

// only receives the one message of a unary call.
func (r *reception) only(ctx context.Context, into any) error {
	call, reader, err := received(ctx)
	if err != nil {
		return err
	}
	defer call.Done()
	method, _ := grpc.Method(ctx)
	if err := r.gate.Screen(ctx, method); err != nil {
		return err //nolint:wrapcheck // the gate's interceptor says it, and counts it
	}
	if err := r.message(ctx, call, reader, into); errors.Is(err, io.EOF) {
		return notAMessage("there is none")
	} else if err != nil {
		return err
	}
	var more [headerBytes]byte
	switch err := reader.ReadMessageHeader(more[:]); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return notAMessage("there are several")
	default:
		return call.interrupted(ctx, err)
	}
}

// stream is the interceptor by which the messages of streams are received here.
func (r *reception) stream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return next(service, &receivingStream{stream, r})
}

type receivingStream struct {
	grpc.ServerStream

	reception *reception
}

// RecvMsg receives the next message. io.EOF: there is none.
func (s *receivingStream) RecvMsg(message any) error {
	ctx := s.Context()
	call, reader, err := received(ctx)
	if err != nil {
		return err
	}
	if !call.watch {
		call.Resume()
		defer call.Pause()
	}
	return s.reception.message(ctx, call, reader, message)
}

// received is a call as begin entered it, and what its bytes come from.
func received(ctx context.Context) (*call, messageReader, error) {
	call, entered := ctx.Value(callKey{}).(*call)
	reader, is := grpc.ServerTransportStreamFromContext(ctx).(messageReader)
	if !entered || !is {
		return nil, nil, errors.New("this call's transport is not known")
	}
	return call, reader, nil
}

// message receives a message into a value. io.EOF: there is none.
func (r *reception) message(ctx context.Context, call *call, reader messageReader, into any) error {
	defer call.Free()
	data, err := call.read(reader)
	if err != nil {
		return call.interrupted(ctx, err)
	}
	defer data.Free()
	return r.decoder.decode(data, into)
}

// end says that a unary call is over.
func end(ctx context.Context) {
	if call, entered := ctx.Value(callKey{}).(*call); entered && call.stay() {
		call.leave()
	}
}

const headerBytes = 5

// read reads a message piece by piece.
func (c *call) read(from messageReader) (data mem.BufferSlice, err error) {
	var header [headerBytes]byte
	if err := from.ReadMessageHeader(header[:]); err != nil {
		return nil, err //nolint:wrapcheck // told apart by interrupted
	}
	if header[0] != 0 {
		return nil, notAMessage("it is compressed, and no compression was agreed on")
	}
	left := int64(binary.BigEndian.Uint32(header[1:]))
	if left > c.max {
		return nil, apierr.New(futurisysv1.ErrorReason_ERROR_REASON_TOO_LARGE, "max", c.max)
	}
	if err := c.Reserve(left); err != nil {
		return nil, err //nolint:wrapcheck // what the caller gets
	}
	for left > 0 {
		size := min(left, inflight.FreeBytes)
		piece, err := from.Read(int(size))
		if err == nil {
			err = c.Came(size)
		}
		if err != nil {
			data.Free()
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err //nolint:wrapcheck // told apart by interrupted
		}
		data = append(data, piece...)
		left -= size
	}
	return data, nil
}

// interrupted is why a message did not come.
func (c *call) interrupted(ctx context.Context, err error) error {
	if _, ours := errors.AsType[*apierr.Error](err); ours || errors.Is(err, io.EOF) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return notAMessage("it ends too early")
	}
	if slow := c.Came(0); slow != nil {
		return slow //nolint:wrapcheck // what the caller gets
	}
	if ended := ctx.Err(); ended != nil {
		return ended //nolint:wrapcheck // told apart by who asks
	}
	return err
}

func notAMessage(cause string) error {
	return apierr.InvalidArgument(futurisysv1.ViolationReason_VIOLATION_REASON_MALFORMED, "", "cause", cause)
}
