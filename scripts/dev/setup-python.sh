#!/bin/sh
# Makes the virtual environment of the training and of the contract tests:
# setup-python.sh PYTHON FOLDER. Python 3.11 or later is needed; as root on Debian
# it is installed, elsewhere what is missing is named.
set -eu
python=$1 folder=$2

usable() { "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

if ! usable && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing Python..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
fi
if ! usable; then
  echo "Python 3.11 or later with venv is missing (Debian: sudo apt-get install python3 python3-venv)." >&2
  exit 1
fi
echo "making a Python environment in $folder..."
"$python" -m venv "$folder"
