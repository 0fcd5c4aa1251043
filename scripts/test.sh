#!/usr/bin/env bash
# All of Modelwhisk's checks and tests, on a machine with Python 3.10 or newer and nothing else.
set -euo pipefail

usage="usage: scripts/test.sh [OPTION]... [PART]... [-- PYTEST ARGUMENTS]
       scripts/test.sh fuzz|mutants|properties|soak [OPTION]...

Makes .venv, then runs all parts, or those that are named:

  lint         ruff and strict mypy; shellcheck and shfmt where they are installed
  tools        the tests of everything on the user's machine, of the images and of the sample models
  proxy        the tests of what goes into the image (tests/runtime), on every Python from 3.6 to 3.13 that is found here

Run only by their names, with options of their own (scripts/test.sh soak --help):

  fuzz         coverage-guided fuzzing of what reads a caller's bytes, some minutes for each
  mutants      mutation testing of the proxy's pure modules
  properties   100,000 requests and answers through the platform, the proxy and back, or as many as --count says
  soak         a million activations of all kinds in one container, every answer checked

  --no-docker  leave out the tests that need a docker engine; else they run if one answers
  --fast       no docker, and the proxy's tests only on the oldest and the newest Python here
  --coverage   measure modelwhisk/ too, of which nothing is demanded; takes longer
  -k EXPR      only tests whose names match, as pytest takes it
  -h, --help   this text

  MODELWHISK_REQUIRE_DOCKER=1   a docker test that can't run is a failure (CI sets it)
  MODELWHISK_REQUIRE_PYTHONS=1  so is a missing Python
  MODELWHISK_REQUIRE_LINT=1     and a missing shellcheck or shfmt"

cd "$(dirname "${BASH_SOURCE[0]}")/.."
all_versions=(3.6 3.7 3.8 3.9 3.10 3.11 3.12 3.13)
case "${1-}" in
  fuzz | mutants)
    python=$(scripts/lib/tool-venv.sh "$1")
    exec "$python" "tests/$1/run.py" "${@:2}"
    ;;
  properties | soak)
    python=$(scripts/lib/venv.sh test,samples,interfaces)
    program=tests/soak
    [ "$1" = soak ] || program=tests/roundtrip/long_run.py
    exec "$python" "$program" "${@:2}"
    ;;
esac
parts='' fast='' docker=1 measure='' selection=() failed=()
while [ $# -gt 0 ]; do
  case "$1" in
    --no-docker) docker='' ;;
    --fast) fast=1 docker='' ;;
    --coverage) measure=1 ;;
    -k) selection+=(-k "${2:?-k needs an expression}") && shift ;;
    -h | --help) printf '%s\n' "$usage" && exit ;;
    --) shift && selection+=("$@") && break ;;
    lint | tools | proxy) parts+=" $1" ;;
    *) printf 'test.sh: no such option or part: %s\n%s\n' "$1" "$usage" >&2 && exit 2 ;;
  esac
  shift
done

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
heading() { printf '\n%s== %s%s (%d s)\n' "$bold" "$*" "$plain" "$SECONDS"; }

run_pytest() { # ARGUMENTS...; status 5, that no test matched, is no failure where only some were asked for
  # Two files at a time, since they mostly wait; measured is one process.
  local status=0 program=(-m pytest -n 2 --dist loadfile)
  [ -z "$measure" ] ||
    program=(-m coverage run --rcfile "$coverage_settings" --source "runtime,modelwhisk" -m pytest)
  "$python" "${program[@]}" "$@" "${selection[@]}" || status=$?
  [ "$status" = 0 ] || { [ "$status" = 5 ] && [ ${#selection[@]} -gt 0 ]; }
}

is_required() { # VARIABLE
  [ -n "${!1-}" ] && [ "${!1}" != 0 ]
}

shell_scripts() { # what is to be executed; the files that it sources are checked with it
  git ls-files --cached --others --exclude-standard -z | while IFS= read -r -d '' file; do
    [ ! -f "$file" ] || ! head -n 1 "$file" | LC_ALL=C grep -qE '^#!.*[/ ](ba)?sh$' || printf '%s\0' "$file"
  done
}

shell_check() { # PROGRAM ARGUMENTS...
  if command -v "$1" >/dev/null; then
    shell_scripts | xargs -0 "$@"
  elif is_required MODELWHISK_REQUIRE_LINT; then
    echo "$1 isn't installed" && return 1
  else
    echo "$1 isn't installed: left out (CI runs it)"
  fi
}

run_lint() { # goes on after a failure, as all that follows does; the last lines name them
  heading Lint
  "$python" -m ruff check . || failed+=(ruff)
  # The sample models are written as the published ones are.
  "$python" -m ruff format --check --config 'format.exclude=["models/**"]' . || failed+=('ruff format')
  "$python" -m mypy || failed+=(mypy)
  shell_check shellcheck -x || failed+=(shellcheck)
  shell_check shfmt -i 2 -ci -s -d || failed+=(shfmt)
}

run_tools() {
  heading 'Tests of the tools'
  if [ -z "$docker" ]; then
    export MODELWHISK_NO_DOCKER=1
    echo 'Without docker: the tests that need it are skipped below.'
  elif docker version >/dev/null 2>&1; then
    # All at once is faster than one by one as the tests come to them.
    tests/docker_bed/bases.sh >/dev/null || failed+=('base images')
  else
    echo 'No docker engine answers: the tests that need one are skipped below (tests/docker_bed/engine.sh start).'
  fi
  run_pytest --ignore=tests/runtime || failed+=('tests of the tools')
}

run_proxy() { # prints why it fails
  local version found=() status=0
  for version in "${all_versions[@]}"; do
    if scripts/lib/find-python.sh "$version" >/dev/null 2>&1; then
      found+=("$version")
    else
      echo "Python $version isn't here: left out"
      ! is_required MODELWHISK_REQUIRE_PYTHONS || status=1
    fi
  done
  [ ${#found[@]} -gt 0 ] || { echo 'There is no Python from 3.6 to 3.13 here.' && return 1; }
  [ -z "$fast" ] || [ ${#found[@]} -lt 3 ] || found=("${found[0]}" "${found[${#found[@]} - 1]}")
  # Three at a time, since they wait for half of theirs.
  printf '%s\n' "${found[@]}" | xargs -P 3 -I '{version}' scripts/lib/matrix.sh '{version}' "${selection[@]}" || status=1
  return "$status"
}

# Both spend half of their time waiting, for processes and containers, so they go at the same time.
run_tools_and_proxy() {
  local proxy said=$PWD/.cache/proxy.log
  set -m # a process group of its own, which ends with this script
  run_proxy >"$said" 2>&1 </dev/null &
  proxy=$!
  set +m
  # shellcheck disable=SC2064 # this process, whatever $! is then
  trap "kill -TERM -- -$proxy 2>/dev/null || true" EXIT
  run_tools
  heading 'Tests of the proxy, on each Python'
  wait "$proxy" || failed+=('tests of the proxy')
  trap - EXIT
  cat "$said"
}

report_coverage() {
  heading 'Branch coverage'
  # Warns of half a file, which a proxy leaves that a test killed while it wrote.
  "$python" -W ignore -m coverage combine --rcfile "$coverage_settings" --quiet "${COVERAGE_FILE%/*}" >/dev/null &&
    rm -f "$COVERAGE_FILE".* &&
    "$python" -m coverage report --rcfile "$coverage_settings" || failed+=('coverage of runtime/')
  [ -z "$measure" ] || printf 'modelwhisk/, of which nothing is demanded: %s %%\n' \
    "$("$python" -m coverage report --rcfile "$coverage_settings" --include 'modelwhisk/*' --format total --fail-under 0)"
}

parts=${parts:- lint tools proxy}
python=$(scripts/lib/venv.sh test,samples,interfaces,drift,bench)
export COVERAGE_FILE=$PWD/.cache/coverage/data
coverage_settings=tests/runtime/coverage.ini
rm -rf "${COVERAGE_FILE%/*}"
mkdir -p "${COVERAGE_FILE%/*}"
case "$parts" in *lint*) run_lint ;; esac
case "$parts" in
  *tools*proxy* | *proxy*tools*) run_tools_and_proxy ;;
  *tools*) run_tools ;;
  *proxy*) heading 'Tests of the proxy, on each Python' && { run_proxy || failed+=('tests of the proxy'); } ;;
esac
# A part of the tests covers a part.
if [ "$parts$fast${selection[*]}" = ' lint tools proxy' ]; then report_coverage; fi

heading 'All in all'
[ ${#failed[@]} -gt 0 ] || { echo 'Everything passed.' && exit; }
printf 'Failed: %s\n' "${failed[@]}"
exit 1
