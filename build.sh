#!/usr/bin/env bash
# Wraps packaged models as OpenWhisk actions: builds, tests and pushes one image for each. See --help.
#
# bash (3.2 will do, which is what macOS has) and the docker command are all it needs. The parts, by what they know:
# options, reference (names of images), sources (what to wrap), folder (models that are no image yet), watch (whether one
# in which others may write stays as it is), proxies, drift (what they were trained on), wrap (one image's way), registry, within
# (what others could keep from ending), question (what an image's own Python is asked), smoke, sbom, output, place (where
# others may write, too).
set -Eeuo pipefail
set -f # no word here is ever a pattern for file names

# The grammar's a-z must not depend on the user's language, and neither must sorting.
export LC_ALL=C
# Engines before 20.10 count `docker manifest` among the experiments.
export DOCKER_CLI_EXPERIMENTAL=enabled
# One image, not an index with an attestation beside it, which older platforms can't run.
export BUILDX_NO_DEFAULT_ATTESTATIONS=1

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
readonly ROOT HERE="$ROOT/scripts/build" DOCKERFILE="$ROOT/Dockerfile" CATALOGUE="$ROOT/models/catalogue.tsv"
readonly LOG_TAIL=15 ASKED_AT_ONCE=8
PREFIX=build WIDTH=5 COLOUR_ON='' COLOUR_OFF='' WORK='' RUN='' INDEX=''

# shellcheck source=scripts/build/output.sh
source "$HERE/output.sh"
# shellcheck source=scripts/build/place.sh
source "$HERE/place.sh"
# shellcheck source=scripts/build/reference.sh
source "$HERE/reference.sh"
# shellcheck source=scripts/build/options.sh
source "$HERE/options.sh"
# shellcheck source=scripts/build/sources.sh
source "$HERE/sources.sh"
# shellcheck source=scripts/build/folder.sh
source "$HERE/folder.sh"
# shellcheck source=scripts/build/proxies.sh
source "$HERE/proxies.sh"
# shellcheck source=scripts/build/watch.sh
source "$HERE/watch.sh"
# shellcheck source=scripts/build/registry.sh
source "$HERE/registry.sh"
# shellcheck source=scripts/build/within.sh
source "$HERE/within.sh"
# shellcheck source=scripts/build/question.sh
source "$HERE/question.sh"
# shellcheck source=scripts/build/smoke.sh
source "$HERE/smoke.sh"
# shellcheck source=scripts/build/sbom.sh
source "$HERE/sbom.sh"
# shellcheck source=scripts/build/drift.sh
source "$HERE/drift.sh"
# shellcheck source=scripts/build/wrap.sh
source "$HERE/wrap.sh"

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

# What goes into a wrapper besides its base, and what puts it there.
adapter_digest() {
  cd -- "$ROOT"
  { find runtime -name '*.py' -type f && printf '%s\n' Dockerfile scripts/build/install.py; } | sort | digest_of_files
}

# The digest of the files whose paths it reads, a line each: of their contents and paths. One program for all of them.
digest_of_files() {
  local program=(sha256sum)
  command -v sha256sum >/dev/null || program=(shasum -a 256)
  tr '\n' '\0' | xargs -0 "${program[@]}" | sha256 | cut -c 1-64
}

# What the labels say of this checkout, as far as it can be known.
describe_adapter() {
  local epoch=${SOURCE_DATE_EPOCH-}
  ADAPTER_VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$ROOT/pyproject.toml" | head -n 1)
  ADAPTER_DIGEST="sha256:$(adapter_digest)"
  REVISION=$(git -C "$ROOT" rev-parse --verify HEAD 2>/dev/null) || REVISION=''
  SOURCE_URL=${SOURCE_URL-$(git -C "$ROOT" remote get-url origin 2>/dev/null || true)}
  # No password that someone keeps in the address, and no path of this machine.
  if matches "$SOURCE_URL" '(https?)://([^/@]*@)?([A-Za-z0-9._:/~-]+)'; then
    SOURCE_URL="${BASH_REMATCH[2]}://${BASH_REMATCH[4]}"
  else
    SOURCE_URL=''
  fi
  [[ -z $epoch ]] || matches "$epoch" '[0-9]+' || die "SOURCE_DATE_EPOCH is not a number of seconds: $epoch"
  # GNU and BSD spell it differently.
  CREATED=$(date -u ${epoch:+-d "@$epoch"} +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$epoch" +%Y-%m-%dT%H:%M:%SZ)
}

# shellcheck disable=SC2317 # called by a trap
groups_within() {
  [[ ! -e $WORK/groups ]] || ls -- "$WORK/groups"
}

# shellcheck disable=SC2317 # called by a trap
clean_up() {
  local status=$? signal group try
  trap - EXIT INT TERM HUP
  # Each job is a process group of its own (set -m), so its docker commands end with it. What a job still has to write
  # must be written before its folder goes.
  for signal in TERM KILL; do
    for group in $(jobs -p) $(groups_within); do kill "-$signal" -- "-$group" 2>/dev/null || true; done
    for try in 1 2 3 4 5 6 7 8 9 10; do
      [[ -n $(jobs -pr) ]] || break 2
      sleep 0.2
    done
  done
  if [[ -n $WORK ]]; then
    if [[ -e $WORK/containers ]]; then
      docker ps --all --quiet --filter "label=modelwhisk.smoke=$RUN" 2>/dev/null |
        while IFS= read -r container; do docker rm --force --volumes "$container" >/dev/null 2>&1 || true; done
    fi
    rm -rf -- "$WORK"
  fi
  exit "$status"
}

# One image. Whatever ends it, its row tells, and the next image gets its place.
job() { # INDEX
  local started=$SECONDS
  INDEX=$1 JOB="$WORK/$1" PREFIX=${LABELS[$1]} BUILDING=0 COPYING=0
  mkdir -- "$JOB"
  : >"$JOB/log"
  trap 'end_job '"$started" EXIT
  wrap "$1"
  exit # or bash 3.2 forgets the trap
}

# shellcheck disable=SC2317 # called by a trap
end_job() { # STARTED
  # What goes on beside: a container that is being removed.
  wait
  note seconds "$((SECONDS - $1))"
  recall "$INDEX" status
  if [[ -z $NOTED ]]; then
    note status failed
    note reason "build.sh itself broke off; see --verbose"
    touch "$WORK/failed"
  fi
  ((!COPYING)) || printf '.' >&5
  ((!BUILDING)) || printf '.' >&8
  printf '.' >&9
}

run_jobs() {
  local i place
  # As many places as jobs may run, which a pipe must hold; bash 3.2 can't wait for whichever job ends first.
  ((JOBS <= ${#SOURCES[@]})) || JOBS=${#SOURCES[@]}
  mkfifo -- "$WORK/places" "$WORK/builds" "$WORK/copies"
  exec 9<>"$WORK/places" 8<>"$WORK/builds" 5<>"$WORK/copies"
  printf '.' >&5
  for ((i = 0; i < JOBS; i++)); do printf '.' >&8 && printf '.' >&9; done
  for ((i = 0; i < ${#SOURCES[@]}; i++)); do
    IFS= read -r -n 1 place <&9
    if ((FAIL_FAST)) && [[ -e $WORK/failed ]]; then
      JOB="$WORK/$i"
      mkdir -- "$JOB"
      note status skipped
      note reason 'another image failed (--fail-fast)'
      printf '%s' "$place" >&9
      continue
    fi
    set -m
    job "$i" </dev/null &
    set +m
  done
  wait
}

count_failures() {
  local i failures=0
  for ((i = 0; i < ${#SOURCES[@]}; i++)); do
    recall "$i" status
    case $NOTED in
      failed | '') failures=$((failures + 1)) ;;
    esac
  done
  printf '%d' "$failures"
}

main() {
  local label failures
  describe_adapter
  read_options "$@"
  use_colours
  collect_sources
  for label in "${LABELS[@]}"; do ((${#label} <= WIDTH)) || WIDTH=${#label}; done
  command -v docker >/dev/null || die "there is no docker command on the PATH; it is all this script needs"
  docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || die "the docker engine doesn't answer: docker version tells why"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  WORK=$(mktemp -d "${TMPDIR:-/tmp}/modelwhisk-build.XXXXXX")
  [[ $WORK == /* ]] || WORK=$PWD/$WORK
  # By which this run's containers are known. Its process's number may be another's too, where many machines or
  # containers share an engine.
  RUN=${WORK##*.}
  mkdir -- "$WORK/unreachable" "$WORK/groups"
  if [[ -n $SBOM ]] && ((!DRY_RUN)); then
    ! is_another_s_way "$SBOM" || die "--sbom: it leads through what another user has put there, or may have: $SBOM"
    mkdir -p -- "$SBOM" || die "--sbom: the folder can't be made: $SBOM"
  fi
  if [[ $SUMMARY == */* ]] && is_another_s_way "${SUMMARY%/*}"; then
    die "--summary: it leads through what another user has put there, or may have: $SUMMARY"
  fi
  find_proxies
  ((NO_PUSH)) || ecr_login "${REGISTRY%%/*}"
  run_jobs
  failures=$(count_failures)
  if ((!DRY_RUN)); then
    print_table
    print_next_steps
  fi
  [[ -z $SUMMARY ]] || write_summary "$SUMMARY" "$failures"
  exit "$((failures > 125 ? 125 : failures))"
}

main "$@"
