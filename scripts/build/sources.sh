# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# What to wrap: from the words of the user to a checked list of sources, each with the name of its wrapper.
#
# A source is an image, or a path (folder.sh).

# One entry for each source, in parallel: what the user wrote, the wrapper's repository, the label in the output, the
# build arguments of this source alone (one a line), why it can't be built ('' where nothing is wrong), whether it is a
# path (1 or 0), and the file of its drift reference ('' for none).
SOURCES=() TARGETS=() LABELS=() SOURCE_ARGS=() SOURCE_ERRORS=() SOURCE_PATHS=() SOURCE_DRIFTS=()

# Sets CATALOGUE_IMAGE, _PATH and _MEMORY for a bare name, '' where the catalogue says nothing.
look_up() { # NAME
  local name image path memory
  CATALOGUE_IMAGE='' CATALOGUE_PATH='' CATALOGUE_MEMORY=''
  while IFS=$'\t' read -r name image path memory; do
    [[ $name == "$1" ]] || continue
    CATALOGUE_IMAGE=${image#-} CATALOGUE_PATH=${path#-} CATALOGUE_MEMORY=${memory#-}
    return 0
  done <"$CATALOGUE"
}

catalogue_names() {
  sed -e '/^#/d' -e 's/[[:space:]].*//' "$CATALOGUE"
}

# A bare name is a MAX model; anything with a slash, a tag or a digest is a reference as it stands.
is_bare() {
  [[ $1 != */* && $1 != *:* && $1 != *@* ]] && ! is_path "$1"
}

# The images that may be meant, the preferred one first. Docker Hub comes first by convention; the catalogue has the
# last word for the few whose published name is another.
candidates_of() { # SOURCE
  if ! is_bare "$1"; then
    printf '%s\n' "$1"
    return
  fi
  look_up "$1"
  case $CATALOGUE_IMAGE in
    '' | "codait/$1" | "quay.io/codait/$1") ;;
    *) printf '%s\n' "$CATALOGUE_IMAGE" ;;
  esac
  printf '%s\n' "codait/$1" "quay.io/codait/$1"
}

add_source() { # SOURCE [NAME] [SETTING=VALUE...] [DRIFT=FILE]
  local source=$1 name='' target='' label error='' args='' path=0 drift='' i
  shift
  if (($# > 0)) && [[ $1 != *=* ]]; then
    name=$1
    shift
  fi
  if is_path "$source"; then
    path=1
    error=$(path_error "$source")
    [[ -n $name ]] || name=$(name_of_path "$source")
    [[ -n $name || -n $error ]] ||
      error="its name can't be an image's: ${source:0:80}; give it one by a line PATH NAME in --models-from"
  elif is_reference "$source"; then
    [[ -n $name ]] || name=$(default_name "$source")
  else
    error="not the name of an image: ${source:0:80}" name=''
  fi
  if [[ -n $name ]]; then
    target="$(target_of "$name")"
    is_name "$target" || error="not the name of an image: ${target:0:80}" target=''
    for ((i = 0; i < ${#TARGETS[@]}; i++)); do
      [[ -z $target || ${TARGETS[i]} != "$target" ]] ||
        error="${SOURCES[i]} is made into $target already; give one of them another name (--models-from)"
    done
    if [[ -z $error ]] && ((!path)) && is_own_repository "$source" "$target"; then
      error="$target is the model's own image, which the wrapper would replace; give the wrapper another name"
    fi
  fi
  if is_bare "$source" && [[ -z $error ]]; then
    look_up "$source"
    [[ -z $CATALOGUE_PATH ]] || args="MODELPROXY_PATH=$CATALOGUE_PATH"$'\n'
  fi
  while (($# > 0)); do
    if [[ $1 == DRIFT=* ]]; then
      drift=${1#DRIFT=}
      [[ $drift == [./]* ]] || drift=./$drift
      [[ -n $error ]] || error=$(drift_error "$drift")
    else
      [[ -n $error ]] || error=$(build_arg_error "$1")
      args+=$1$'\n'
    fi
    shift
  done
  SOURCES+=("$source") TARGETS+=("$target") SOURCE_ARGS+=("$args") SOURCE_ERRORS+=("$error") SOURCE_PATHS+=("$path") SOURCE_DRIFTS+=("$drift")
  # A name tells the wrappers of one run apart; where there is none, what was given is shown, so far as it can be.
  label=${target##*/}
  LABELS+=("${label:-$(plain "${source:0:60}")}")
}

target_of() { # NAME
  printf '%s' "${REGISTRY:+$REGISTRY/}${USERNAME:+$USERNAME/}$1"
}

# The image's last word, but never one that would put the wrapper in the place of the model's own image.
default_name() { # SOURCE
  local name
  name=$(repository_of "$1")
  name=${name##*/}
  if is_own_repository "$1" "$(target_of "$name")"; then name+=-action; fi
  printf '%s' "$name"
}

is_own_repository() { # SOURCE TARGET
  local candidate own
  where_kept "$2"
  own=$KEPT
  while IFS= read -r candidate; do
    where_kept "$candidate"
    if is_same_text "$KEPT" "$own"; then return 0; fi
  done < <(candidates_of "$1")
  return 1
}

# Why a build argument can't be used, or nothing. The Dockerfile's own list says which settings there are.
build_arg_error() { # NAME=VALUE
  local name=${1%%=*}
  if [[ $1 != *=* || $1 == *$'\n'* ]] || ! matches "$name" '[A-Za-z_][A-Za-z0-9_]*'; then
    printf 'not a build argument, NAME=VALUE on one line: %s' "${1:0:80}"
  elif [[ $name == MODEL_IMAGE || $name == MODELPROXY_BASE_* ]]; then
    printf '%s is set by build.sh itself' "$name"
  elif [[ $name == MODELPROXY_* ]] && ! grep -q "^ARG $name\$" "$DOCKERFILE"; then
    printf 'no such setting: %s; there are:%s' "$name" "$(sed -n 's/^ARG \(MODELPROXY_[A-Z_]*\)$/ \1/p' "$DOCKERFILE" | tr -d '\n')"
  fi
}

add_sources_from() { # FILE
  local words=() line number=0
  [[ -r $1 ]] || die "--models-from: no file to read at $1"
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    line=${line%%#*}
    # shellcheck disable=SC2206 # split at blanks; the names of files are not looked for (set -f)
    words=($line)
    ((${#words[@]} == 0)) || add_source "${words[@]}"
  done <"$1"
}

collect_sources() {
  local word
  for word in ${WORDS[@]+"${WORDS[@]}"}; do
    if [[ $word == all ]]; then
      add_catalogue
    else
      add_source "$word"
    fi
  done
  [[ -z $MODELS_FROM ]] || add_sources_from "$MODELS_FROM"
  ((${#SOURCES[@]} > 0)) || die 'nothing to wrap: name models, as in MODELS="max-ocr me/other:1.2" (see --help)'
  [[ -n $DRIFT ]] || return 0
  ((${#SOURCES[@]} == 1)) || die '--drift is for one model; for several write DRIFT=FILE on their lines of --models-from'
  SOURCE_DRIFTS=("$DRIFT")
  [[ -n ${SOURCE_ERRORS[0]} ]] || SOURCE_ERRORS=("$(drift_error "$DRIFT")")
}

# Every model with a published image; the others are named, since forty less one would look like forty.
add_catalogue() {
  local name
  for name in $(catalogue_names); do
    look_up "$name"
    if [[ -n $CATALOGUE_IMAGE ]]; then
      add_source "$name"
    else
      printf 'build.sh: %s has no published image: build it from its repository as codait/%s, then name it in MODELS\n' \
        "$name" "$name" >&2
    fi
  done
}
