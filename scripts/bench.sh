#!/usr/bin/env bash
# What the proxy adds to a model, beside what one could use instead: one report. See --help.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
exec "$(scripts/lib/venv.sh bench)" -m benchmarks "$@"
