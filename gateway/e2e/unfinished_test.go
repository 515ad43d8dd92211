package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"testing"
	"time"
)

// unfinishedPeer is a connection of calls whose messages do not end.
type unfinishedPeer struct {
	t       *testing.T
	address string
	web     *http.Client
}

func unfinished(t *testing.T, address string) *unfinishedPeer {
	t.Helper()
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &unfinishedPeer{t, address, &http.Client{Transport: transport}}
}

// begin sends so many bytes of a message that is to have more, for as long as they are taken,
// and at most for a few seconds.
func (p *unfinishedPeer) begin(method string, declared uint32, sent int64) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	header := binary.BigEndian.AppendUint32([]byte{0}, declared)
	read, write := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+method, read)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		answer, err := p.web.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
		_ = read.Close()
	}()
	stop := time.AfterFunc(5*time.Second, func() { _ = read.Close() })
	_, _ = write.Write(header)
	_, _ = io.CopyN(write, zeros{}, sent)
	stop.Stop()
	p.t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// reset begins a call and gives it up at once.
func (p *unfinishedPeer) reset(method string, declared uint32, sent int) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	message := append(binary.BigEndian.AppendUint32([]byte{0}, declared), make([]byte, sent)...)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+method, &cancelledBody{bytes.NewReader(message), cancel})
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	if answer, err := p.web.Do(request); err == nil {
		_ = answer.Body.Close()
	}
	cancel()
}

// cancelledBody is a body whose request is given up when it was read.
type cancelledBody struct {
	*bytes.Reader

	cancel func()
}

func (c *cancelledBody) Read(p []byte) (int, error) {
	if c.Len() == 0 {
		c.cancel()
		return 0, context.Canceled
	}
	return c.Reader.Read(p)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
