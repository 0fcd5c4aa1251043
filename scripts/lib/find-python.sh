#!/usr/bin/env bash
# Prints the path of a working interpreter for each given Python version ("3.7"), or fails for the first one missing.
#
# A version manager's shim is on the PATH whether or not its version is selected, so a name alone proves nothing: each
# candidate is started once.
set -euo pipefail

usage="usage: find-python.sh [--prefix] VERSION...
  --prefix  only interpreters with a prefix of their own (not /usr), and print that prefix: such a one can be copied"

candidates() { # VERSION
  local root
  type -aP "python$1" || true
  for root in "${PYENV_ROOT-}" "$(pyenv root 2>/dev/null || true)" "${HOME:-/nonexistent}/.pyenv"; do
    [ -n "$root" ] || continue
    # The newest patch release first.
    find "$root/versions" -mindepth 3 -maxdepth 3 -path "*/versions/$1.*/bin/python$1" 2>/dev/null | sort -rV
  done
}

find_one() { # VERSION
  local path found
  while IFS= read -r path; do
    found=$("$path" -I -c '
import os, sys
if sys.version_info[:2] == tuple(map(int, sys.argv[1].split("."))) and sys.prefix == sys.base_prefix:
    print(sys.base_prefix if sys.argv[2] else os.path.realpath(sys.executable))
' "$1" "$want_prefix" </dev/null 2>/dev/null) || continue
    case "$found" in
      '' | /usr) continue ;;
      *) printf '%s\n' "$found" && return ;;
    esac
  done < <(candidates "$1")
  return 1
}

want_prefix=''
case "${1-}" in
  --prefix) want_prefix=1 && shift ;;
  -h | --help) printf '%s\n' "$usage" && exit ;;
esac
[ $# -gt 0 ] || { printf '%s\n' "$usage" >&2 && exit 2; }
for version; do
  find_one "$version" || { printf 'find-python.sh: no Python %s here\n' "$version" >&2 && exit 1; }
done
