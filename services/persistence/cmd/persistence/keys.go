package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/futurisys/futurisys/services/platform/access"
)

type keysCommand struct {
	Create keysCreateCommand `cmd:"" help:"Make a key, and print its secret, which is shown once."`
	List   keysListCommand   `cmd:"" help:"List the keys."`
	Revoke keysRevokeCommand `cmd:"" help:"Revoke a key."`
}

type keysCreateCommand struct {
	Name    string        `required:"" help:"What it is for."`
	Owner   string        `help:"Who uses it; the name, if nobody is said. A key that takes another's place has the same."`
	Role    []string      `required:"" enum:"viewer,analyst,engineer,auditor,admin,scorer,service" help:"What it may do; several times for several."`
	Expires time.Duration `help:"How long it is good; 0: for ever."`
}

// errNoKeysFile says that there is nowhere to keep keys.
var errNoKeysFile = errors.New("KEYS_FILE: a file is needed")

// Run keeps the key and prints the secret, alone, for scripts.
func (c keysCreateCommand) Run(s *settings) error {
	if s.Access.KeysFile == "" {
		return errNoKeysFile
	}
	if c.Expires < 0 {
		return fmt.Errorf("--expires: %s is over", c.Expires)
	}
	key, err := access.NewKey()
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	roles := make([]access.Role, len(c.Role))
	for i, role := range c.Role {
		roles[i] = access.Role(role)
	}
	var expires *time.Time
	if c.Expires > 0 {
		expires = new(time.Now().Add(c.Expires).UTC().Truncate(time.Second))
	}
	if c.Owner == "" {
		there, err := access.ReadFile(s.Access.KeysFile)
		if err != nil {
			return fmt.Errorf("KEYS_FILE: %w", err)
		}
		if slices.ContainsFunc(there, func(e access.Entry) bool { return e.Owner == c.Name }) {
			return fmt.Errorf("--name: there is a key of %q: say --owner %q if it is the same caller, or another name", c.Name, c.Name)
		}
		c.Owner = c.Name
	}
	if err := access.AddToFile(s.Access.KeysFile, access.NewEntry(key, c.Name, c.Owner, roles, expires)); err != nil {
		return fmt.Errorf("KEYS_FILE: %w", err)
	}
	fmt.Println(key.Secret)
	return nil
}

type keysListCommand struct{}

// Run prints what is kept of each key.
func (keysListCommand) Run(s *settings) error {
	if s.Access.KeysFile == "" {
		return errNoKeysFile
	}
	entries, err := access.ReadFile(s.Access.KeysFile)
	if err != nil {
		return fmt.Errorf("KEYS_FILE: %w", err)
	}
	for _, entry := range entries {
		roles, expires := make([]string, len(entry.Roles)), "never"
		for i, role := range entry.Roles {
			roles[i] = string(role)
		}
		if entry.Expires != nil {
			expires = entry.Expires.Format(time.RFC3339)
		}
		fmt.Printf("%s  %s  %s  %s  expires %s\n", entry.ID, entry.Name, entry.Owner, strings.Join(roles, ","), expires)
	}
	return nil
}

type keysRevokeCommand struct {
	ID string `arg:"" help:"The id that list prints."`
}

// Run takes a key away: the programs know within two seconds.
func (c keysRevokeCommand) Run(s *settings) error {
	if s.Access.KeysFile == "" {
		return errNoKeysFile
	}
	there, err := access.RemoveFromFile(s.Access.KeysFile, c.ID)
	if err != nil {
		return fmt.Errorf("KEYS_FILE: %w", err)
	}
	if !there {
		return fmt.Errorf("there is no key %q", c.ID)
	}
	return nil
}
