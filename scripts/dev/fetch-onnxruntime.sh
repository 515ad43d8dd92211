#!/bin/sh
# Puts ONNX Runtime's shared library under .cache/ and prints its path.
#
# ONNXRUNTIME_LIB wins when it is set. Otherwise the library comes out of PyPI's wheel
# `onnxruntime`, of the one version that training and serving use, and is held to its
# SHA-256. Without pip, as root on Debian, that is installed.
set -eu

VERSION=1.32.0

root=$(cd "$(dirname "$0")/../.." && pwd)
say() { echo "$@" >&2; }

if [ -n "${ONNXRUNTIME_LIB:-}" ]; then
  echo "$ONNXRUNTIME_LIB"
  exit 0
fi

# For each platform: the wheel's tag and the library's SHA-256.
case "$(uname -s)-$(uname -m)" in
Linux-x86_64)
  extension=so wheel=manylinux_2_28_x86_64
  sum=6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f
  ;;
Linux-aarch64)
  extension=so wheel=manylinux_2_28_aarch64
  sum=49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a
  ;;
Darwin-arm64)
  extension=dylib wheel=macosx_14_0_arm64
  sum=fa585fabbea65b823b9a8f7e27d46aee3989d1be7e36b528203d3a1fd613aae7
  ;;
*)
  say "no ONNX Runtime is pinned for $(uname -s) $(uname -m): set ONNXRUNTIME_LIB to its shared library"
  exit 1
  ;;
esac

library=$root/.cache/onnxruntime/libonnxruntime.$extension

checksum() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}
known() { [ -f "$1" ] && [ "$(checksum "$1")" = $sum ]; }

if known "$library"; then
  echo "$library"
  exit 0
fi

has_pip() { python3 -m pip --version >/dev/null 2>&1; }
if ! has_pip && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing pip..."
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip >/dev/null
fi
if ! has_pip; then
  say "ONNX Runtime could not be fetched: pip is needed (Debian: sudo apt-get install python3-pip), or set ONNXRUNTIME_LIB"
  exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
say "fetching ONNX Runtime $VERSION from PyPI..."
# pip takes the wheel of a fixed Python version, whichever one runs pip here.
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 \
  --platform $wheel --dest "$scratch" "onnxruntime==$VERSION" >&2
python3 -m zipfile -e "$scratch"/onnxruntime-*.whl "$scratch/wheel"
cp "$scratch"/wheel/onnxruntime/capi/libonnxruntime.*"$extension"* "$scratch/library"
if ! known "$scratch/library"; then
  say "the fetched ONNX Runtime has SHA-256 $(checksum "$scratch/library"), which is not the pinned one: refused"
  exit 1
fi
mkdir -p "$(dirname "$library")"
mv "$scratch/library" "$library"
echo "$library"
