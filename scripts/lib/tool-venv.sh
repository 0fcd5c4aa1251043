#!/usr/bin/env bash
# Makes .venvs/NAME of what tests/requirements/NAME.txt names, on Python 3.11, for a tool that is apart from our own
# environment, and prints its Python.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
name=${1:?usage: tool-venv.sh NAME}
venv=$PWD/.venvs/$name
wanted=$(cat "tests/requirements/$name.txt" tests/requirements/*-3.11.txt)

if [ "$(cat "$venv/.modelwhisk" 2>/dev/null)" != "$wanted" ] || ! "$venv/bin/python" -c ''; then
  python=$(scripts/lib/find-python.sh 3.11)
  rm -rf "$venv"
  "$python" -m venv "$venv" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "tests/requirements/$name.txt" >&2
  printf '%s\n' "$wanted" >"$venv/.modelwhisk"
fi
printf '%s\n' "$venv/bin/python"
