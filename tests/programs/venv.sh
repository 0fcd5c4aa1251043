#!/usr/bin/env bash
# Makes .venvs/programs with what tests/requirements/programs.txt names, apart from our own environment, whose pins these
# must not touch, and prints its Python.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
installer=${1:?usage: venv.sh PYTHON_WITH_PIP}
venv=$PWD/.venvs/programs
requirements=$PWD/tests/requirements/programs.txt

if ! cmp -s "$requirements" "$venv/.modelwhisk" || ! "$venv/bin/python" -c ''; then
  python=$(scripts/lib/find-python.sh 3.11)
  rm -rf "$venv"
  "$python" -m venv --without-pip "$venv"
  # Byte-code is made of what is imported, which is little of it.
  "$installer" -m pip --python "$venv/bin/python" --quiet --disable-pip-version-check install --no-compile --no-deps \
    -r "$requirements" >&2
  cp "$requirements" "$venv/.modelwhisk"
fi
printf '%s\n' "$venv/bin/python"
