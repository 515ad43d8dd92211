#!/bin/sh
# Prints the settings that the programs take, one to a line, from the tags of their structs.
# Called by scripts/dev/generate.sh.
set -eu
cd "$(dirname "$0")/../.."
find gateway/cmd services -name '*.go' ! -name '*_test.go' -exec grep -ho 'env:"[A-Z_,]*"' {} + |
	sed 's/env:"//; s/"//' | tr ',' '\n' | LC_ALL=C sort -u
