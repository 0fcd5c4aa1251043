# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# One image from its base to the registry: resolve, compare, build, test, push. Runs in a job of its own.

# Ends of builds: byte-code is made in seconds, also where the engine has to get the base itself; packages may be compiled.
readonly IMAGE_SECONDS=1800 FOLDER_SECONDS=14400

# Ends the job, not the run: each image has a row of its own in the table.
fail() {
  say "failed: $*"
  note status failed
  note reason "$*"
  touch "$WORK/failed"
  exit 1
}

# For what a line can't explain: a build, a model that doesn't load.
fail_with_log() {
  if ((!VERBOSE)); then tail -n "$LOG_TAIL" "$JOB/log" | cut -b "1-$((MOST_SHOWN + 1))" | prefixed; fi
  fail "$@"
}

wrap() { # INDEX
  local source=${SOURCES[$1]} target=${TARGETS[$1]} tag measuring
  CONTEXT=$ROOT MODEL_DIGEST='' DRIFT_DIGEST=''
  [[ -z ${SOURCE_ERRORS[$1]} ]] || fail "${SOURCE_ERRORS[$1]}"
  if ((DRY_RUN)); then printf '# %s\n' "$target"; fi
  if ((SOURCE_PATHS[$1])); then
    take_place
    resolve_base "$FOLDER_BASE" 0
    make_context "$source"
  else
    resolve_base "$source" 1
  fi
  read_source_args "${SOURCE_ARGS[$1]}"
  [[ -z ${SOURCE_DRIFTS[$1]} ]] || add_reference "${SOURCE_DRIFTS[$1]}"
  name_result "$target"
  if ((!FORCE)) && up_to_date; then
    sbom_of_published "$target"
    note status 'up to date'
    say 'up to date'
    return
  fi
  take_place
  build "$target"
  # The test mostly waits, for the engine and for the model.
  measure &
  measuring=$!
  [[ -z $DRIFT_DIGEST ]] || check_reference "$UNTESTED"
  ((NO_TEST)) || smoke_test "$UNTESTED"
  write_sbom "$target" "$UNTESTED"
  wait "$measuring" || fail "docker history: $(cat "$JOB/measure.err")"
  for tag in "${ALL_TAGS[@]}"; do act docker tag -- "$UNTESTED" "$target:$tag" || fail "docker tag: $(why)"; done
  act docker rmi --no-prune -- "$UNTESTED" || say "the tag $UNTESTED stays: $(why)"
  ((NO_PUSH)) || push "$target"
  if ((DRY_RUN)); then note status 'would be built'; else note status built; fi
}

# Waits until one of the --jobs places is free, for what needs this machine.
take_place() {
  local place
  ((!BUILDING)) || return 0
  IFS= read -r -n 1 place <&8
  BUILDING=1
}

# Sets BASE (a reference that always means the same image), BASE_NAME, BASE_DIGEST ('' for an image that no registry
# has) and BASE_ID, which tells one base from another.
resolve_base() { # SOURCE IS-A-MODEL
  local candidate candidates=("$1") unasked=() errors='' status
  if (($2)); then
    candidates=()
    while IFS= read -r candidate; do candidates+=("$candidate"); done < <(candidates_of "$1")
  fi
  if ((!LOCAL)); then
    for candidate in "${candidates[@]}"; do
      status=0
      remote_digest "$candidate" || status=$?
      if ((status == 0)); then
        take_remote "$candidate" "$REMOTE_DIGEST"
        return
      fi
      if ((status == 1)); then errors+="; $candidate: $REMOTE_ERROR"; else unasked+=("$candidate"); fi
    done
  fi
  if (($2)) && is_bare "$1"; then candidates+=("$1"); fi
  for candidate in "${candidates[@]}"; do
    if take_local "$candidate"; then return; fi
  done
  if ((LOCAL)); then fail "no image for $1 on this machine (--local asks no registry)"; fi
  # A registry that couldn't be asked may answer the engine, which has its own proxy and mirrors, or answer later.
  for candidate in ${unasked[@]+"${unasked[@]}"}; do
    if ((DRY_RUN)); then
      errors+="; $candidate: its registry can't be asked: $(cat "$WORK/unreachable/$(registry_of "$candidate")")"
    elif patiently "pulling $candidate" docker pull --platform "$PLATFORM" -- "$candidate"; then
      take_local "$candidate"
      return
    else
      errors+="; $candidate: $(why)"
    fi
  done
  [[ ! -d $1 ]] || (($2 == 0)) || errors+="; for the folder $1 write ./$1"
  fail "no image for $1: ${errors#; }"
}

take_remote() { # REFERENCE DIGEST
  BASE="$(repository_of "$1")@$2"
  BASE_NAME=$(full_name "$1")
  BASE_DIGEST=$2
  BASE_ID=$2
  BASE_LOCAL=0
}

take_local() { # REFERENCE; fails where there is no such image
  local facts id platform digests
  facts=$(docker image inspect --format '{{.Id}}{{range .RepoDigests}} {{.}}{{end}}{{"\n"}}{{.Os}}/{{.Architecture}}' -- "$1" 2>/dev/null) ||
    return 1
  # The first line is the engine's, all that follows the image's own words.
  read -r id digests <<<"${facts%%$'\n'*}"
  platform=${facts#*$'\n'}
  matches "$platform" '[a-z0-9]+/[a-z0-9_]+' || fail "the local image $1 says of itself no platform as linux/amd64 is one"
  if [[ "$PLATFORM/" != "$platform/"* ]]; then
    say "the local image $1 is for $platform, not $PLATFORM"
    ((!PLATFORM_GIVEN)) || return 1
    PLATFORM=$platform # in this job only: the default is a guess, the image a fact
  fi
  BASE=$1
  BASE_NAME=$(full_name "$1")
  # Where it was pulled it has a digest, and is the same base as when its registry can be asked.
  BASE_DIGEST=$(tr ' ' '\n' <<<"$digests" | sed -n "s|^$(repository_of "$1")@||p" | head -n 1)
  BASE_ID=${BASE_DIGEST:-$id}
  BASE_LOCAL=1
  if ((LOCAL)); then say "using the local image $1"; else say "using the local image $1: no registry gives it"; fi
}

# Sets ARGS, the build arguments that decide what the wrapper does: the user's, the source's own winning.
read_source_args() { # LINES
  local line
  ARGS=(${BUILD_ARGS[@]+"${BUILD_ARGS[@]}"})
  while IFS= read -r line; do
    [[ -z $line ]] || ARGS+=("$line")
  done <<<"$1"
}

# Sets MW_TAG and ALL_TAGS. The tag names all that is in the wrapper, so that a registry which has it has the wrapper.
name_result() { # TARGET
  local version=${TAGS[0]-}
  MW_TAG=$(printf '%s\n' wrapper-1 "$BASE_ID" "$PLATFORM" "$ADAPTER_DIGEST" ${MODEL_DIGEST:+"$MODEL_DIGEST"} ${DRIFT_DIGEST:+"$DRIFT_DIGEST"} ${ARGS[@]+"${ARGS[@]}"} | sha256)
  MW_TAG=mw-${MW_TAG:0:16}
  if [[ -z $version ]]; then
    [[ -n $MODEL_DIGEST ]] || version=$(tag_of "${SOURCES[INDEX]}")
    [[ -n $version && $version != latest ]] || version=$ADAPTER_VERSION
    VERSION_TAGS=("$version")
  else
    VERSION_TAGS=("${TAGS[@]}")
  fi
  # Last the one that `up_to_date` asks for: a push that breaks off half way is then done again.
  ALL_TAGS=("${VERSION_TAGS[@]}" latest "$MW_TAG")
  TARGET=$1
  UNTESTED="$1:untested-${MW_TAG#mw-}"
  note base_name "$BASE_NAME"
  note base_digest "$BASE_DIGEST"
  note tags "${ALL_TAGS[*]}"
  # A folder changes under its version, as does a reference, and a platform pulls a tag once.
  if [[ -n $MODEL_DIGEST$DRIFT_DIGEST ]]; then version=$MW_TAG; else version=${VERSION_TAGS[0]}; fi
  note version_image "$1:$version"
}

# It may be only in the registry.
sbom_of_published() { # TARGET
  local image="$1:$MW_TAG"
  [[ -n $SBOM ]] || return 0
  if ((!NO_PUSH)); then
    image="$1@$(noted "$INDEX" digest)"
    docker image inspect --format '{{.Id}}' -- "$image" >/dev/null 2>&1 ||
      patiently 'pulling' docker pull --platform "$PLATFORM" -- "$image" || fail "pulling $image: $(why)"
  fi
  write_sbom "$1" "$image"
}

up_to_date() {
  local tag digest stale=()
  if ((NO_PUSH)); then
    digest=$(docker image inspect --format '{{.Id}}' -- "$TARGET:$MW_TAG" 2>/dev/null) || return 1
    note digest "$digest"
    for tag in "${ALL_TAGS[@]}"; do act docker tag -- "$TARGET:$MW_TAG" "$TARGET:$tag" || fail "docker tag: $(why)"; done
    return 0
  fi
  remote_digest "$TARGET:$MW_TAG" || return 1
  digest=$REMOTE_DIGEST
  note digest "$digest"
  for tag in "${VERSION_TAGS[@]}" latest; do
    remote_digest "$TARGET:$tag" || true
    [[ $REMOTE_DIGEST == "$digest" ]] || stale+=("$tag")
  done
  ((${#stale[@]} == 0)) || move_tags "$digest" "${stale[@]}"
}

# Lets more tags name what the registry has already, which buildx can do there; else the image has to come here once.
move_tags() { # DIGEST TAG...
  local image="$TARGET@$1" tag options=()
  shift
  say "moving to it: $*"
  if ! docker image inspect --format '{{.Id}}' -- "$image" >/dev/null 2>&1; then
    if docker buildx version >/dev/null 2>&1; then
      for tag; do options+=(--tag "$TARGET:$tag"); done
      patiently 'tagging' docker buildx imagetools create "${options[@]}" -- "$image" || fail "tagging $image: $(why)"
      return
    fi
    patiently 'pulling' docker pull --platform "$PLATFORM" -- "$image" || fail "pulling $image: $(why)"
  fi
  for tag; do
    act docker tag -- "$image" "$TARGET:$tag" || fail "docker tag: $(why)"
    patiently 'pushing' docker push -- "$TARGET:$tag" || fail "pushing $TARGET:$tag: $(why)"
  done
}

build() { # TARGET
  local options=() argument label started=$SECONDS
  if ((!BASE_LOCAL)) && ! docker image inspect --format '{{.Id}}' -- "$BASE" >/dev/null 2>&1; then
    say "pulling $BASE"
    patiently "pulling $BASE" docker pull --platform "$PLATFORM" -- "$BASE" || fail "pulling $BASE: $(why)"
  fi
  if [[ -n $(base_config 'index .Config.Labels "modelwhisk.adapter.digest"') ]]; then
    fail "$BASE is a wrapper itself: give the model's own image, $(base_config 'index .Config.Labels "org.opencontainers.image.base.name"')"
  fi
  # They would run in each stage, see its build arguments, and leave in the wrapper what they made of them.
  read_base_command OnBuild || BASE_COMMAND='' # a dry run's base may not be here
  [[ $BASE_COMMAND != '['* ]] ||
    fail "$BASE has ONBUILD instructions, which a wrapper doesn't carry out: give an image that was built FROM it"
  options+=(--build-arg "MODEL_IMAGE=$BASE")
  OPEN_WORDS=()
  add_base_command MODELPROXY_BASE_ENTRYPOINT Entrypoint
  add_base_command MODELPROXY_BASE_CMD Cmd
  for argument in ${ARGS[@]+"${ARGS[@]}"}; do options+=(--build-arg "$argument"); done
  if [[ -n $MODEL_DIGEST ]]; then
    # Nothing is downloaded for an image, whose own Python the build runs.
    for argument in ${PROXY_ARGS[@]+"${PROXY_ARGS[@]}"} ${PIP_ARGS[@]+"${PIP_ARGS[@]}"}; do options+=(--build-arg "$argument"); done
    ((!DRY_RUN)) || printf '# %s is a copy of %s, made and removed by build.sh\n' "$(quoted "$CONTEXT")" "$(quoted "${SOURCES[INDEX]}")"
    label_context "$1"
  else
    options+=(${BUILT_WITHOUT[@]+"${BUILT_WITHOUT[@]}"})
    while IFS= read -r label; do options+=(--label "$label"); done < <(labels_of "$1")
  fi
  say "building on $BASE"
  run_build docker build --platform "$PLATFORM" --file "$CONTEXT/Dockerfile" --tag "$UNTESTED" "${options[@]}" -- "$CONTEXT"
  if ((!DRY_RUN)); then
    [[ -z $MODEL_DIGEST ]] || show_notes
    say "built in $((SECONDS - started)) s"
  fi
}

# It runs the image's own Python, or what a folder's requirements name.
run_build() { # COMMAND...
  local status=0 seconds=$IMAGE_SECONDS
  if ((DRY_RUN)); then
    show "$@"
    return
  fi
  [[ -z $MODEL_DIGEST ]] || seconds=$FOLDER_SECONDS
  logged within "$seconds" "$@" || status=$?
  ((status != NO_END)) || fail_with_log "docker build: it hadn't ended after $seconds s"
  ((status == 0)) || fail_with_log "docker build: $(why)"
}

base_config() { # GO TEMPLATE
  local value
  value=$(docker image inspect --format "{{$1}}" -- "$BASE" 2>/dev/null) || return 0
  [[ $value == '<no value>' ]] || printf '%s' "$value"
}

# Adds to the options of `build`.
add_base_command() { # ARGUMENT Entrypoint|Cmd
  read_base_command "$2" || OPEN_WORDS+=("$1=$BASE_COMMAND")
  options+=(--build-arg "$1=$BASE_COMMAND")
}

# Sets BASE_COMMAND to the base's own ENTRYPOINT, CMD or ONBUILD as JSON, '' for none. Fails where a dry run hasn't got the
# base, with the command that tells.
read_base_command() { # Entrypoint|Cmd|OnBuild
  local format="{{if .Config.$1}}{{json .Config.$1}}{{end}}"
  if BASE_COMMAND=$(docker image inspect --format "$format" -- "$BASE" 2>/dev/null); then
    # As one word of a command Linux takes no more than 128 KiB.
    ((${#BASE_COMMAND} <= MOST_WORDS)) || fail "$BASE has an ENTRYPOINT, CMD or ONBUILD of more than $MOST_WORDS bytes"
    return
  fi
  ((DRY_RUN)) || fail "docker image inspect: no $BASE"
  BASE_COMMAND="\$(docker image inspect --format '$format' $(quoted "$BASE"))"
  return 1
}

# An empty value is better than none: a wrapper would inherit its base's, and say of itself what is true of the base.
labels_of() { # TARGET
  local prefix=org.opencontainers.image
  printf '%s\n' "$prefix.title=${1##*/}" "$prefix.version=${VERSION_TAGS[0]}" "$prefix.created=$CREATED" \
    "$prefix.source=$SOURCE_URL" "$prefix.revision=$REVISION" \
    "$prefix.base.name=$BASE_NAME" "$prefix.base.digest=$BASE_DIGEST" "modelwhisk.base.id=$BASE_ID" \
    "modelwhisk.adapter.version=$ADAPTER_VERSION" "modelwhisk.adapter.digest=$ADAPTER_DIGEST" \
    "modelwhisk.model.digest=$MODEL_DIGEST" "modelwhisk.drift.digest=$DRIFT_DIGEST"
}

# What the wrapper adds to its base, unpacked: the sizes of the history's lines that the base hasn't.
measure() {
  local own base
  ((!DRY_RUN)) || return 0
  exec 2>"$JOB/measure.err"
  own=$(docker history --human=false --format '{{.Size}}' -- "$UNTESTED") || return
  base=$(docker history --human=false --format '{{.Size}}' -- "$BASE") || return
  note added_bytes "$(printf '%s\n' "$own" | head -n "$(($(wc -l <<<"$own") - $(wc -l <<<"$base")))" | awk '{ sum += $1 } END { printf "%.0f", sum }')"
  note digest "$(docker image inspect --format '{{.Id}}' -- "$UNTESTED")"
}

push() { # TARGET
  local tag digest
  ecr_repository "$1"
  for tag in "${ALL_TAGS[@]}"; do
    say "pushing $1:$tag"
    patiently "pushing $1:$tag" docker push -- "$1:$tag" || fail "pushing $1:$tag: $(why)"
  done
  ((!DRY_RUN)) || return 0
  digest=$(sed -n 's/^.*digest: \(sha256:[0-9a-f]*\).*$/\1/p' "$JOB/out" | tail -n 1)
  [[ -z $digest ]] || note digest "$digest"
}
