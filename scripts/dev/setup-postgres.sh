#!/bin/sh
# Makes sure that tests find a PostgreSQL server (15 or later): TEST_DATABASE_URL,
# or its programs on this machine. As root on Debian they are installed; elsewhere
# what is missing is named.
set -eu

[ -z "${TEST_DATABASE_URL:-}" ] || exit 0
if command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql@*/bin/initdb >/dev/null 2>&1; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing PostgreSQL..."
  apt-get update -qq
  # No cluster of its own: tests start theirs.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
  exit 0
fi
echo "PostgreSQL's server is missing. Install it (Debian: sudo apt-get install postgresql;" >&2
echo "macOS: brew install postgresql@15), or set TEST_DATABASE_URL." >&2
exit 1
