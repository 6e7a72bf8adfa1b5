#!/bin/sh
# Create one environment with pinned versions: environment.sh FOLDER REQUIREMENT [pip install flags …]
# Reads PYTHON, TORCH, PIP_ARGS, GOAL and ALLOW_CUDA from the environment (the Makefile sets them).
set -eu
folder=$1
requirement=$2
shift 2

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "penchant needs Python 3.11 or newer; $PYTHON is $("$PYTHON" --version 2>&1). Set it: make $GOAL PYTHON=python3.11" >&2
    exit 1
}
# An environment without pip comes from an interrupted run: create it again.
"$folder/bin/python" -m pip --version >/dev/null 2>&1 || "$PYTHON" -m venv --clear "$folder"

# torch first and alone, so that later installations keep it.
if ! "$folder/bin/python" -c 'import importlib.metadata as m; m.version("torch")' 2>/dev/null; then
    # shellcheck disable=SC2086
    "$folder/bin/python" tools/look_first.py "$TORCH" $PIP_ARGS
    # shellcheck disable=SC2086
    "$folder/bin/python" -m pip install --quiet -c constraints.txt $PIP_ARGS "$TORCH"
fi
# shellcheck disable=SC2086
"$folder/bin/python" -m pip install --quiet -c constraints.txt $PIP_ARGS "$@" "$requirement"
