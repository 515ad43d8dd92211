package dashboard

import "testing"

// A link that says where to go back to leads nowhere but to our own pages.
func TestBackLeadsToOwnPagesOnly(t *testing.T) {
	for asked, want := range map[string]string{
		"/ui/employees?search=a": "/ui/employees?search=a", "": Prefix, "https://evil.example/ui/": Prefix, "//evil.example/ui/": Prefix,
		"/v1/employees": Prefix, `/ui/\evil.example`: Prefix, "javascript:alert(1)": Prefix, "/ui/%zz": Prefix,
	} {
		if got := localPath(asked); got != want {
			t.Errorf("%q leads to %q", asked, got)
		}
	}
}
