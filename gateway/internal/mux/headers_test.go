package mux

import "testing"

// What a browser sends for the gateway, a cookie above all, is not handed on.
func TestOnlyListedHeadersReachTheServices(t *testing.T) {
	for name, want := range map[string]bool{
		"Idempotency-Key": true, "Cookie": false, "User-Agent": false, "Referer": false, "X-Forwarded-For": false, "Grpc-Metadata-X": false,
	} {
		if _, passes := forwardHeader(name); passes != want {
			t.Errorf("%s: handed on: %v", name, passes)
		}
	}
}
