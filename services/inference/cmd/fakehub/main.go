// Command fakehub is a Hugging Face Hub on loopback that forgets everything when
// it ends: to try the way of a version without an account, and for tests. Point
// HF_ENDPOINT at what it prints.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/hub/hubtest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8090", "address to listen on")
	token := flag.String("token", "hf_local", "the token that may push")
	flag.Parse()
	if err := run(*addr, *token); err != nil {
		fmt.Fprintln(os.Stderr, "fakehub:", err)
		os.Exit(1)
	}
}

func run(addr, token string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	hub := hubtest.New("http://localhost:" + port)
	hub.AddToken(token)
	fmt.Printf("HF_ENDPOINT=http://%s\n", listener.Addr())
	server := &http.Server{Handler: hub, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener) //nolint:wrapcheck // it says what it was doing
}
