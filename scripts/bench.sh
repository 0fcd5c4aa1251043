#!/usr/bin/env bash
# What the proxy adds to a model, beside what one could use instead: one table. See --help.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
for version in 3.11 3.12 3.13 3.10; do
  if python=$("$root/scripts/lib/find-python.sh" "$version" 2>/dev/null); then
    cd -- "$root"
    exec "$python" -m benchmarks "$@"
  fi
done
printf 'bench.sh: needs a Python 3.10 to 3.13\n' >&2
exit 1
