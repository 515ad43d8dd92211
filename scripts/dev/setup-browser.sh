#!/bin/sh
# Makes sure that the browser tests find Chromium: CHROMIUM, or a Chromium or Chrome on the
# path. As root on Debian it is installed; elsewhere what is missing is named.
set -eu

[ -n "${CHROMIUM:-}" ] && [ -x "$CHROMIUM" ] && exit 0
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing Chromium..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
  exit 0
fi
echo "Chromium is missing. Install it (Debian: sudo apt-get install chromium), or set CHROMIUM" >&2
echo "to the path of a Chromium or Chrome." >&2
exit 1
