package access

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Settings are those of who may do what.
type Settings struct {
	Auth           string  `env:"AUTH" enum:"off,on" default:"off" help:"Whether callers must be known. off: everybody may do all."`
	KeysFile       string  `env:"KEYS_FILE" help:"The keys of callers, as persistence keys writes them, for all programs; read again when it changes."`
	RateLimit      float64 `env:"RATE_LIMIT" default:"0" help:"How many requests a second one caller may make, or one address where nobody is known; more are refused with RATE_LIMITED. 0: as many as he likes."`
	ServiceKeyFile string  `env:"SERVICE_KEY_FILE" help:"A file with the key by which this program calls the other services."`
}

// Opened is what the settings lead to.
type Opened struct {
	Gate *Gate
	Own  string // by which this program calls the other services; "": by none
}

// Open reads the keys.
func (s *Settings) Open() (Opened, error) {
	if s.Auth != "on" {
		gate, err := NewGate(nil, NewRates(s.RateLimit))
		return Opened{Gate: gate}, err
	}
	if s.KeysFile == "" || s.ServiceKeyFile == "" {
		return Opened{}, errors.New("AUTH: on needs KEYS_FILE and SERVICE_KEY_FILE")
	}
	keys, err := OpenKeys(s.KeysFile)
	if err != nil {
		return Opened{}, fmt.Errorf("KEYS_FILE: %w", err)
	}
	own, err := os.ReadFile(s.ServiceKeyFile)
	if err != nil {
		return Opened{}, fmt.Errorf("SERVICE_KEY_FILE: %w", err)
	}
	secret := strings.TrimSpace(string(own))
	if _, _, err := ParseKey(secret); err != nil {
		return Opened{}, fmt.Errorf("SERVICE_KEY_FILE: %w", err)
	}
	gate, err := NewGate(keys, NewRates(s.RateLimit))
	return Opened{gate, secret}, err
}
