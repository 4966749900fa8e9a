#!/usr/bin/env bash
# Makes the virtual environment $1 with the Python $2; Debian keeps what that takes in a package of its own.
set -euo pipefail
venv=$1
python=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed, '$python' is not: install it, or run make with PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "'$python -m venv' does not work here: install it first, on Debian with: sudo apt-get install python3-venv" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv >/dev/null
fi
"$python" -m venv --clear "$venv"
