// Package batch sends together what arrives together: while one batch is on its
// way, the next one gathers. There is no timer: a lone item leaves at once, and the
// batches of a busy service grow by themselves.
package batch

import (
	"context"
	"errors"
	"sync"

	"github.com/futurisys/futurisys/services/platform/guarded"
)

// ErrClosed says that the batcher takes nothing any more.
var ErrClosed = errors.New("the batcher is closed")

// Options say how a batcher works.
type Options[T any] struct {
	// Send sends a batch, in the order the items came. Its error, or its panic, is
	// that of every item in it. No caller's context ends it.
	Send func(items []T) error
	// Senders is how many batches may be on their way at once, at least 1.
	Senders int
	// Max is the greatest weight of a batch, asked for before each; one item that weighs more
	// goes alone.
	Max func() int
	// Weigh is the weight of an item.
	Weigh func(item T) int
	// Queue is how many items may wait; beyond it callers wait to be let in.
	Queue int
}

// Batcher gathers items into batches. It may be used by many goroutines at once.
type Batcher[T any] struct {
	options Options[T]
	queue   chan *entry[T]
	senders sync.WaitGroup
	// intake keeps Close from closing the queue under a caller.
	intake sync.RWMutex
	closed bool
}

type entry[T any] struct {
	item T
	sent chan error // of one place: nobody need be waiting
}

// New returns a batcher that is at work.
func New[T any](options Options[T]) *Batcher[T] {
	b := &Batcher[T]{options: options, queue: make(chan *entry[T], options.Queue)}
	for range max(options.Senders, 1) {
		b.senders.Go(b.loop)
	}
	return b
}

// Do waits until the item was sent, and returns what its batch came to. When ctx
// ends first it returns that; an item that was let in is sent all the same.
// ErrClosed: it was not let in.
func (b *Batcher[T]) Do(ctx context.Context, item T) error {
	e := &entry[T]{item: item, sent: make(chan error, 1)}
	if err := b.letIn(ctx, e); err != nil {
		return err
	}
	select {
	case err := <-e.sent:
		return err
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller's own
	}
}

// Waiting is how many items wait to be sent.
func (b *Batcher[T]) Waiting() int { return len(b.queue) }

func (b *Batcher[T]) letIn(ctx context.Context, e *entry[T]) error {
	b.intake.RLock()
	defer b.intake.RUnlock()
	if b.closed {
		return ErrClosed
	}
	select {
	case b.queue <- e:
		return nil
	default:
	}
	select {
	case b.queue <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller's own
	}
}

// Close takes nothing more and returns when all that was let in has been sent.
func (b *Batcher[T]) Close() {
	b.intake.Lock()
	first := !b.closed
	b.closed = true
	b.intake.Unlock()
	if first {
		close(b.queue)
	}
	b.senders.Wait()
}

// loop sends batches until the queue is closed and empty.
func (b *Batcher[T]) loop() {
	var held *entry[T] // the first that did not fit into the batch before
	for {
		first := held
		if first == nil {
			var open bool
			if first, open = <-b.queue; !open {
				return
			}
		}
		var batch []*entry[T]
		batch, held = b.gather(first)
		err := b.send(batch)
		for _, e := range batch {
			e.sent <- err
		}
	}
}

// gather takes what waits behind the first, as far as it fits.
func (b *Batcher[T]) gather(first *entry[T]) (batch []*entry[T], held *entry[T]) {
	batch = []*entry[T]{first}
	weight, most := b.options.Weigh(first.item), b.options.Max()
	for weight < most {
		select {
		case next, open := <-b.queue:
			if !open {
				return batch, nil
			}
			if weight += b.options.Weigh(next.item); weight > most {
				return batch, next
			}
			batch = append(batch, next)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

func (b *Batcher[T]) send(batch []*entry[T]) error {
	items := make([]T, len(batch))
	for i, e := range batch {
		items[i] = e.item
	}
	return guarded.Call(func() error { return b.options.Send(items) }) //nolint:wrapcheck // the sender's own
}
