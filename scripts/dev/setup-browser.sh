#!/bin/sh
# Makes sure that the browser tests find Chromium: CHROMIUM, or /usr/bin/chromium. As root
# on Debian it is installed; elsewhere what is missing is named.
set -eu

[ -x "${CHROMIUM:-/usr/bin/chromium}" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing Chromium..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
  exit 0
fi
echo "Chromium is missing. Install it (Debian: sudo apt-get install chromium), or set CHROMIUM" >&2
echo "to the path of a Chrome or Chromium." >&2
exit 1
