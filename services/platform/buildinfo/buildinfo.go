// Package buildinfo says which version of a program runs.
package buildinfo

import "runtime/debug"

// version is set by the linker for a release: -X ...buildinfo.version=v1.2.3.
var version string //nolint:gochecknoglobals // the linker needs a variable

// Version returns the release, else the commit it was built from, else "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, setting := range info.Settings {
		const short = 12
		if setting.Key == "vcs.revision" && len(setting.Value) >= short {
			return setting.Value[:short]
		}
	}
	return "devel"
}
