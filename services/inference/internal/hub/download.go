package hub

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 100 * time.Millisecond

// download puts a file's content among the blobs, unless it is there. One process
// at a time fetches a blob; the others wait and find it.
func (c *Client) download(ctx context.Context, s store, file *metadata) error {
	for _, folder := range []string{s.locks, filepath.Join(s.folder, "blobs")} {
		if err := os.MkdirAll(folder, folderMode); err != nil {
			return cacheError("write", err)
		}
	}
	lock := flock.New(filepath.Join(s.locks, file.etag+".lock"))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return cacheError("lock", err)
	}
	defer lock.Close()
	if err := verify(s.blob(file.etag), file.etag, file.size); err == nil {
		return nil
	}
	incomplete, err := s.incomplete(file.etag)
	if err != nil {
		return err
	}
	_, err = retry(ctx, func() (struct{}, error) { return struct{}{}, c.fetch(ctx, incomplete, file) })
	if err != nil {
		return err
	}
	if err := os.Rename(incomplete, s.blob(file.etag)); err != nil {
		return cacheError("write", err)
	}
	return nil
}

// incomplete is the file that a download is written to: what an earlier one left
// behind when it was cut off, the longest, else a new one. The lock is held, so
// nobody writes to it. (The Python library makes a new one each time.)
func (s store) incomplete(etag string) (string, error) {
	found, err := filepath.Glob(filepath.Join(s.folder, "blobs", etag+".*.incomplete"))
	if err != nil {
		return "", cacheError("read", err)
	}
	longest, length := "", int64(-1)
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.Size() > length {
			longest, length = path, info.Size()
		}
	}
	if longest != "" {
		return longest, nil
	}
	var unique [4]byte
	_, _ = rand.Read(unique[:]) // it never fails
	return s.blob(etag) + "." + hex.EncodeToString(unique[:]) + ".incomplete", nil
}

// fetch makes path hold the whole file, continuing what it holds already. When
// that turns out wrong it is removed, so that the next try starts again.
func (c *Client) fetch(ctx context.Context, path string, file *metadata) error {
	target, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666) //nolint:gosec // less the umask, as the Python library
	if err != nil {
		return backoff.Permanent(cacheError("write", err))
	}
	defer target.Close()
	have, err := target.Seek(0, io.SeekEnd)
	if err != nil {
		return backoff.Permanent(cacheError("write", err))
	}
	if file.size < 0 || have < file.size {
		if err := c.receive(ctx, target, have, file); err != nil {
			return err
		}
	}
	if err := errors.Join(target.Sync(), target.Close()); err != nil {
		return backoff.Permanent(cacheError("write", err))
	}
	if err := verify(path, file.etag, file.size); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// receive appends what is missing of the file to target, which holds have bytes.
func (c *Client) receive(ctx context.Context, target *os.File, have int64, file *metadata) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(answerTimeout+connectTimeout, func() {
		cancel(fmt.Errorf("%w: it sends nothing", ErrUnavailable))
	})
	defer stalled.Stop()
	header := http.Header{}
	if have > 0 {
		header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	response, err := c.send(ctx, http.MethodGet, file.location, header, true)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if have > 0 && response.StatusCode != http.StatusPartialContent { // it starts again from the first byte
		if err := errors.Join(target.Truncate(0), rewind(target)); err != nil {
			return backoff.Permanent(cacheError("write", err))
		}
		have = 0
	}
	c.log.InfoContext(ctx, "fetching from the Hub", "file", file.name, "bytes", file.size, "resumed_at", have)
	body := io.Reader(response.Body)
	if file.size >= 0 {
		body = io.LimitReader(response.Body, file.size-have+1) // no more than was said, and one to notice
	}
	_, err = io.Copy(target, watched{body, stalled})
	var onDisk *os.PathError
	switch {
	case errors.As(err, &onDisk): // full, most likely: what was written stays to go on from
		return backoff.Permanent(cacheError("write", onDisk))
	case err != nil && context.Cause(ctx) != nil && !errors.Is(context.Cause(ctx), ErrUnavailable):
		return backoff.Permanent(context.Cause(ctx)) // the caller gave up
	case err != nil:
		return fmt.Errorf("%w: the download was cut off: %w", ErrUnavailable, withoutAddress(err))
	}
	return nil
}

func rewind(file *os.File) error {
	_, err := file.Seek(0, io.SeekStart)
	return err //nolint:wrapcheck // the caller says what it was doing
}

// watched puts the alarm off with each byte that comes.
type watched struct {
	io.Reader

	alarm *time.Timer
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.alarm.Reset(stallTimeout)
	}
	return n, err //nolint:wrapcheck // io.EOF must stay what it is
}
