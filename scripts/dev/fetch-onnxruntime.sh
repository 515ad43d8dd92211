#!/bin/sh
# Puts ONNX Runtime's shared library under .cache/ and prints its path.
#
# ONNXRUNTIME_LIB wins when it is set. Otherwise the library comes out of the
# package of whichever client is there: PyPI's wheel `onnxruntime` (pip) or npm's
# `onnxruntime-node`. Both are pinned by version and the library by its SHA-256.
set -eu

PYPI_VERSION=1.32.0
NPM_VERSION=1.30.0

root=$(cd "$(dirname "$0")/../.." && pwd)
say() { echo "$@" >&2; }

if [ -n "${ONNXRUNTIME_LIB:-}" ]; then
  echo "$ONNXRUNTIME_LIB"
  exit 0
fi

# For each platform: the wheel's tag, npm's folder, and the library's SHA-256 in either.
case "$(uname -s)-$(uname -m)" in
Linux-x86_64)
  extension=so wheel=manylinux_2_28_x86_64 folder=linux/x64
  pypi_sum=6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f
  npm_sum=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23
  ;;
Linux-aarch64)
  extension=so wheel=manylinux_2_28_aarch64 folder=linux/arm64
  pypi_sum=49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a
  npm_sum=1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76
  ;;
Darwin-arm64)
  extension=dylib wheel=macosx_14_0_arm64 folder=darwin/arm64
  pypi_sum=fa585fabbea65b823b9a8f7e27d46aee3989d1be7e36b528203d3a1fd613aae7
  npm_sum=685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d
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
known() { [ -f "$1" ] && { [ "$(checksum "$1")" = $pypi_sum ] || [ "$(checksum "$1")" = $npm_sum ]; }; }

if known "$library"; then
  echo "$library"
  exit 0
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# pip takes the wheel of a fixed Python version, whichever one runs pip here.
from_pypi() {
  python3 -m pip --version >/dev/null 2>&1 || return 1
  say "fetching ONNX Runtime $PYPI_VERSION from PyPI..."
  python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 \
    --platform $wheel --dest "$scratch" "onnxruntime==$PYPI_VERSION" >&2 || return 1
  python3 -m zipfile -e "$scratch"/onnxruntime-*.whl "$scratch/wheel"
  cp "$scratch"/wheel/onnxruntime/capi/libonnxruntime.*"$extension"* "$scratch/library"
}

from_npm() {
  command -v npm >/dev/null || return 1
  say "fetching ONNX Runtime $NPM_VERSION from npm..."
  (cd "$scratch" && npm pack --silent "onnxruntime-node@$NPM_VERSION" >/dev/null) || return 1
  tar -xzf "$scratch/onnxruntime-node-$NPM_VERSION.tgz" -C "$scratch"
  library_in=$(find "$scratch/package/bin" -path "*$folder/libonnxruntime*" | head -n 1)
  cp "$library_in" "$scratch/library"
}

if ! from_pypi && ! from_npm; then
  say "ONNX Runtime could not be fetched: pip (python3) or npm is needed, or set ONNXRUNTIME_LIB"
  exit 1
fi
if ! known "$scratch/library"; then
  say "the fetched ONNX Runtime has SHA-256 $(checksum "$scratch/library"), which is not the pinned one: refused"
  exit 1
fi
mkdir -p "$(dirname "$library")"
mv "$scratch/library" "$library"
echo "$library"
