#!/bin/sh
# Makes sure that tests find a PostgreSQL server (15 or later), TEST_DATABASE_URL or its
# programs on this machine, and pgbouncer. As root on Debian they are installed;
# elsewhere what is missing is named.
set -eu

server() {
  [ -n "${TEST_DATABASE_URL:-}" ] || command -v initdb >/dev/null ||
    ls /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql@*/bin/initdb >/dev/null 2>&1
}
pooler() { PATH=$PATH:/usr/sbin:/opt/homebrew/bin command -v pgbouncer >/dev/null; }

if server && pooler; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing PostgreSQL and pgbouncer..."
  apt-get update -qq
  # No cluster of its own: tests start theirs.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql pgbouncer >/dev/null
  exit 0
fi
echo "PostgreSQL's server or pgbouncer is missing. Install them (Debian: sudo apt-get install" >&2
echo "postgresql pgbouncer; macOS: brew install postgresql@15 pgbouncer), or set" >&2
echo "TEST_DATABASE_URL for the server." >&2
exit 1
