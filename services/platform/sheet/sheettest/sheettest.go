// Package sheettest has the same three people in files as spreadsheets, pandas and other
// programs save them. Who reads one of them reads all of them, and alike.
package sheettest

import (
	"embed"
	"testing"
)

//go:embed people
var people embed.FS

// Plain is the file in which they are written as the API writes them.
const Plain = "plain.csv"

// People are the files by name.
func People(t testing.TB) map[string][]byte {
	t.Helper()
	entries, err := people.ReadDir("people")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		if files[entry.Name()], err = people.ReadFile("people/" + entry.Name()); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
