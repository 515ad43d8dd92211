// Command errordocs writes the tables of docs/errors.md from the contract: the reasons of
// errors with their codes, and the methods with their policies.
//
// Usage: errordocs docs/errors.md
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/proto/policy"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "errordocs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("one document is needed, not %d", len(args))
	}
	document, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	policies, err := policy.Load()
	if err != nil {
		return err //nolint:wrapcheck // it says all there is to say
	}
	for name, table := range map[string]string{"reasons": reasons(), "violations": violations(), "methods": methods(policies)} {
		if document, err = replace(document, name, table); err != nil {
			return err
		}
	}
	return os.WriteFile(args[0], document, 0o644) //nolint:wrapcheck,gosec // it names the file; a document is for all to read
}

// replace puts a table between the marks of its name.
func replace(document []byte, name, table string) ([]byte, error) {
	before, rest, opened := bytes.Cut(document, []byte("<!-- "+name+" -->\n"))
	_, after, closed := bytes.Cut(rest, []byte("<!-- /"+name+" -->"))
	if !opened || !closed {
		return nil, fmt.Errorf("the document has no place for %s", name)
	}
	return slices.Concat(before, []byte("<!-- "+name+" -->\n"+table+"<!-- /"+name+" -->"), after), nil
}

func reasons() string {
	var out strings.Builder
	out.WriteString("| reason | HTTP | gRPC | message |\n|---|---|---|---|\n")
	all := slices.SortedFunc(maps.Keys(futurisysv1.ErrorReason_name), func(a, b int32) int {
		return cmp.Or(cmp.Compare(catalogue.Code(futurisysv1.ErrorReason(a)).GetHttp(), catalogue.Code(futurisysv1.ErrorReason(b)).GetHttp()), cmp.Compare(a, b))
	})
	for _, number := range all {
		reason := futurisysv1.ErrorReason(number)
		if code := catalogue.Code(reason); code != nil {
			fmt.Fprintf(&out, "| %s | %d | %s | %s |\n", catalogue.Name(reason), code.GetHttp(), codes.Code(code.GetGrpc()),
				catalogue.Sentence(catalogue.English, reason, nil))
		}
	}
	return out.String()
}

func violations() string {
	var out strings.Builder
	out.WriteString("| reason | message |\n|---|---|\n")
	for _, number := range slices.Sorted(maps.Keys(futurisysv1.ViolationReason_name)) {
		if reason := futurisysv1.ViolationReason(number); number != 0 {
			fmt.Fprintf(&out, "| %s | %s |\n", catalogue.Name(reason), catalogue.Sentence(catalogue.English, reason, nil))
		}
	}
	return out.String()
}

func methods(policies policy.Policies) string {
	var out strings.Builder
	out.WriteString("| method | permission | seconds | MiB | errors besides |\n|---|---|---|---|---|\n")
	for _, name := range policies.Names() {
		p := policies[name]
		if !strings.HasPrefix(name, "/futurisys.v1.") {
			continue
		}
		errors := make([]string, 0, len(p.GetErrors()))
		for _, reason := range p.GetErrors() {
			errors = append(errors, catalogue.Name(reason))
		}
		fmt.Fprintf(&out, "| %s | %s | %g | %g | %s |\n", strings.TrimPrefix(name, "/futurisys.v1."),
			catalogue.Name(p.GetPermission()), policy.Deadline(p).Seconds(), float64(policy.MaxRequestBytes(p))/(1<<20), strings.Join(errors, ", "))
	}
	return out.String()
}
