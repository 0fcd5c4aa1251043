# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# The grammar of image references (github.com/distribution/reference) and what follows from a reference alone.

readonly PATH_COMPONENT='[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*'
readonly DOMAIN_COMPONENT='([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
readonly DOMAIN="($DOMAIN_COMPONENT(\\.$DOMAIN_COMPONENT)*|\\[[a-fA-F0-9:]+\\])(:[0-9]+)?"
readonly NAME="($DOMAIN/)?$PATH_COMPONENT(/$PATH_COMPONENT)*"
readonly TAG='[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}'
readonly DIGEST='[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'

# Bash 3.2 takes no pattern with brackets that is written out in the condition itself.
matches() { # TEXT PATTERN; the whole text
  local whole="^($2)\$"
  [[ $1 =~ $whole ]]
}

is_name() { # REPOSITORY, without tag and digest
  ((${#1} <= 255)) && matches "$1" "$NAME" && ! matches "$1" '[a-f0-9]{64}'
}

is_tag() {
  matches "$1" "$TAG"
}

is_reference() {
  local name=$1
  if [[ $name == *@* ]]; then
    matches "${name#*@}" "$DIGEST" || return 1
    name=${name%%@*}
  fi
  if [[ ${name##*/} == *:* ]]; then
    is_tag "${name##*:}" || return 1
    name=${name%:*}
  fi
  is_name "$name"
}

repository_of() {
  local name=${1%%@*}
  [[ ${name##*/} != *:* ]] || name=${name%:*}
  printf '%s' "$name"
}

# Empty where the reference names none.
tag_of() {
  local name=${1%%@*}
  [[ ${name##*/} != *:* ]] || printf '%s' "${name##*:}"
}

# Sets HOST and PATH_THERE, registry and name there as docker completes them: the part before the first slash is a
# registry where docker takes it for one, else the registry is Docker Hub, which docker knows by a second name.
split_name() { # REFERENCE
  local name=${1%%@*}
  [[ ${name##*/} != *:* ]] || name=${name%:*}
  HOST=${name%%/*} PATH_THERE=${name#*/}
  if [[ $name != */* || ($HOST != *.* && $HOST != *:* && $HOST != localhost && $HOST != *[A-Z]*) ]]; then
    HOST=docker.io PATH_THERE=$name
  fi
  [[ $HOST != index.docker.io ]] || HOST=docker.io
  [[ $HOST != docker.io || $PATH_THERE == */* ]] || PATH_THERE=library/$PATH_THERE
}

registry_of() {
  split_name "$1"
  printf '%s' "$HOST"
}

# With registry and tag written out, as the label org.opencontainers.image.base.name has it.
full_name() {
  local tag
  split_name "$1"
  tag=$(tag_of "$1")
  if [[ -z $tag && $1 == *@* ]]; then
    printf '%s/%s@%s' "$HOST" "$PATH_THERE" "${1#*@}"
  else
    printf '%s/%s:%s' "$HOST" "$PATH_THERE" "${tag:-latest}"
  fi
}

# Sets KEPT to registry and name, for comparison with `is_same_text`: Docker Hub answers by more names than docker takes
# for one, and any registry with its port written out. A subshell for each would take forty names half a second.
where_kept() { # REFERENCE
  split_name "$1"
  HOST=${HOST%:443}
  if is_same_text "$HOST" index.docker.io || is_same_text "$HOST" registry-1.docker.io ||
    is_same_text "$HOST" registry.hub.docker.com; then
    HOST=docker.io
  fi
  KEPT=$HOST/$PATH_THERE
}

# In a name only the host may have capitals, which make no difference. Nothing else may run with this option.
is_same_text() {
  local status=0
  shopt -s nocasematch
  [[ $1 == "$2" ]] || status=1
  shopt -u nocasematch
  return "$status"
}

is_loopback() { # REGISTRY
  matches "$1" '(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?'
}
