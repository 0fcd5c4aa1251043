#!/usr/bin/env bash
# Makes the checkout's .venv with Modelwhisk and the given extras ("samples", "test,samples") in it, and prints its
# Python. What is there already, made of the same pyproject.toml and pins, is used as it is.
#
# All comes in the versions and with the hashes of requirements/*.lock, which scripts/lib/lock.sh writes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
extras=${1:?usage: venv.sh EXTRAS}
venv=$PWD/.venv

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

new_enough() { # PYTHON: 3.10 or newer, and able to make a virtual environment (Debian has that in a package of its own)
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' </dev/null 2>/dev/null
}

find_python() {
  local name version
  for name in ${PYTHON:+"$PYTHON"} python3 python; do
    new_enough "$name" && printf '%s\n' "$name" && return
  done
  for version in 3.14 3.13 3.12 3.11 3.10; do
    name=$(scripts/lib/find-python.sh "$version" 2>/dev/null) && new_enough "$name" && printf '%s\n' "$name" && return
  done
  fail "Modelwhisk's own tools need Python 3.10 or newer, with its venv module; this machine has:" \
    "  $(python3 --version 2>&1 || true) ($(command -v python3 || echo 'no python3'))" \
    "Install one (on Debian and Ubuntu: apt-get install python3 python3-venv), or say which: PYTHON=/path/to/python3 $0"
}

locks=(requirements/base.lock)
for extra in ${extras//,/ }; do locks+=("requirements/$extra.lock"); done
made_of() {
  cat pyproject.toml "${locks[@]}" || fail "there must be a file of pins for each extra: scripts/lib/lock.sh writes them"
}

# Interrupted half-way, or for an older pyproject.toml, or of a Python that is gone: the stamp is missing or differs.
stamp=$venv/.modelwhisk-${extras//,/-}
if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null; then
  [ "$(cat "$stamp" 2>/dev/null)" != "$(made_of)" ] || { printf '%s\n' "$venv/bin/python" && exit; }
else
  python=$(find_python)
  rm -rf "$venv"
  printf 'Making .venv with %s\n' "$("$python" --version)" >&2
  "$python" -m venv "$venv" >&2 || fail "could not make $venv"
fi
printf 'Installing Modelwhisk with %s into .venv\n' "$extras" >&2
pip=("$venv/bin/python" -m pip --quiet --disable-pip-version-check install)
"${pip[@]}" --require-hashes --no-deps "${locks[@]/#/--requirement=}" >&2 ||
  fail "pip could not install what Modelwhisk needs into .venv; the reason is above"
# What is there must be all.
"${pip[@]}" --no-index --no-build-isolation --editable ".[$extras]" >&2 ||
  fail "pip could not install Modelwhisk into .venv; the reason is above. Where a package is missing, its pin is:" \
    "  scripts/lib/lock.sh writes it"
made_of >"$stamp"
printf '%s\n' "$venv/bin/python"
