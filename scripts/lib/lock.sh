#!/usr/bin/env bash
# Pins, with hashes, what venv.sh installs into .venv: requirements/EXTRA.lock for each extra of pyproject.toml and
# requirements/base.lock for what all need, for every Python from 3.10 on and any platform.
#
# To be run after a change of pyproject.toml's dependencies, which keeps the versions that are pinned already, and with
# --upgrade to take newer ones. Needs uv (pip install uv) and a package index.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v uv >/dev/null || { echo 'lock.sh needs uv: pip install uv, or https://docs.astral.sh/uv' >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() { # OUT ARGUMENTS...
  local out=$1
  shift
  # No index is named, since everybody has their own.
  uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --output-file "$out" "$@"
}

names() { sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' "$1" | sort -u; }

extras=$(sed -n '/^\[project.optional-dependencies\]$/,/^\[project.scripts\]$/s/^\([a-z-]*\) = \[.*/\1/p' pyproject.toml)
# All at once first, so that the files agree. What a file pins already is kept.
[ "${1-}" = --upgrade ] || cat requirements/*.lock >"$work/all.lock" 2>/dev/null || true
compile "$work/all.lock" --all-extras pyproject.toml requirements/build.in
for file in requirements/*.lock; do [ ! -f "$file" ] || rm -- "$file"; done
compile requirements/base.lock --constraints "$work/all.lock" pyproject.toml requirements/build.in
in_base=()
for name in $(names requirements/base.lock); do in_base+=(--no-emit-package "$name"); done
for extra in $extras; do
  compile "requirements/$extra.lock" --constraints "$work/all.lock" --extra "$extra" "${in_base[@]}" pyproject.toml
done
wc -l requirements/*.lock
