#!/usr/bin/env bash
# Asks the public databases of vulnerabilities for every version that requirements/*.lock pins. Needs a network.
#
# usage: scripts/audit.sh [PIP-AUDIT ARGUMENTS], as --fix or --format json
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
case "${1-}" in -h | --help) sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit ;; esac
python=$(scripts/lib/venv.sh audit)
status=0
# One file after the other, since two may pin the same package.
for file in requirements/*.lock; do
  printf '%s\n' "$file" >&2
  "$python" -m pip_audit --disable-pip --require-hashes --progress-spinner off --requirement "$file" "$@" || status=1
done
exit "$status"
