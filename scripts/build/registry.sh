# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# Talking to registries through the docker CLI: what is there, pulling and pushing with patience, Amazon's ways.

# A registry's no, which another try would only repeat.
REFUSED='denied|unauthorized|authentication required|no basic auth|manifest unknown|name unknown|no such manifest'
REFUSED+='|not found|does not exist|no matching manifest|invalid reference'
readonly REFUSED

# For a manifest, of which a registry takes 4 MB, and an index names some.
readonly ANSWER_SECONDS=60 MOST_MANIFESTS=$((32 * 1024 * 1024))
readonly MOST_MEMORY=$((4 * 1024 * 1024)) # kB of addresses, of which programs in Go take one at their start

# Prints "digest os/arch" for each image of what `docker manifest inspect -v` printed: one for a plain image, several
# for an index. Only the descriptors count; the manifests quoted after them have digests of their own.
descriptors() {
  tr '{},[]' '\n' | awk -F '"' '
    function flush() { if (digest != "") print digest, os "/" arch; digest = os = arch = "" }
    $2 == "Ref" { flush(); inside = 0 }
    $2 == "Descriptor" { inside = 1 }
    $2 == "Raw" || $2 ~ /Manifest$/ { inside = 0 }
    inside && $2 == "digest" && digest == "" { digest = $4 }
    inside && $2 == "architecture" { arch = $4 }
    inside && $2 == "os" { os = $4 }
    END { flush() }'
}

# The docker command itself reads all that a registry sends. Not every system has this limit.
with_little_memory() { # COMMAND...
  ulimit -v "$MOST_MEMORY" 2>/dev/null || true
  "$@"
}

# Sets REMOTE_DIGEST to the digest of a reference's image for our platform, without pulling it. Returns 1 where the
# registry says that there is none, and 2 where it couldn't be asked; REMOTE_ERROR has the reason.
remote_digest() { # REFERENCE
  local registry flags=(-v) digest platform seen='' status=0
  registry=$(registry_of "$1")
  REMOTE_DIGEST='' REMOTE_ERROR=''
  if [[ -e $WORK/unreachable/$registry ]]; then
    REMOTE_ERROR=$(cat "$WORK/unreachable/$registry")
    return 2
  fi
  # Plain HTTP, as docker itself takes for granted on the loopback.
  if is_loopback "$registry"; then flags+=(--insecure); fi
  # The list and the reasons are apart: the CLI may add warnings.
  kept_apart "$MOST_MANIFESTS" "$JOB/manifest" within "$ANSWER_SECONDS" with_little_memory \
    docker manifest inspect "${flags[@]}" -- "$1" </dev/null || status=$?
  if ((status != 0)); then
    REMOTE_ERROR=$(why)
    ((status != NO_END)) || REMOTE_ERROR="no answer in $ANSWER_SECONDS s"
    if grep -Eqi "$REFUSED" "$JOB/out"; then return 1; fi
    # Found out once, not for each of forty images: looking up a name that doesn't answer can take seconds.
    printf '%s' "$REMOTE_ERROR" >"$WORK/unreachable/$registry"
    return 2
  fi
  ask_for_more
  while read -r digest platform; do
    matches "$digest" "$DIGEST" || continue
    seen+=" $platform"
    # A plain image may not say what it is for.
    if [[ $platform == / || "$PLATFORM/" == "$platform/"* ]]; then
      REMOTE_DIGEST=$digest
      return 0
    fi
  done < <(descriptors <"$JOB/manifest")
  REMOTE_ERROR="there is none for $PLATFORM, only for:${seen:- nothing} (see --platform)"
  return 1
}

# Asking a registry is mostly waiting: once one has answered, more images are asked for at one time than are built, but
# where what happens should be seen in order.
ask_for_more() {
  local i
  if ((DRY_RUN || FAIL_FAST)) || [[ -d $WORK/answered ]] || ! mkdir -- "$WORK/answered" 2>/dev/null; then return; fi
  for ((i = JOBS; i < ASKED_AT_ONCE; i++)); do printf '.' >&9; done
}

# Pulls and pushes fail for passing reasons and are the only commands worth another try.
patiently() { # WHAT COMMAND...
  local what=$1 attempt=0 delay=$RETRY_DELAY
  shift
  if ((DRY_RUN)); then
    show "$@"
    return
  fi
  until logged "$@"; do
    if ((++attempt > RETRIES)) || grep -Eqi "$REFUSED|no such host" "$JOB/out"; then return 1; fi
    say "$what failed: $(why); try $attempt of $RETRIES in $delay s"
    sleep "$delay"
    delay=$((delay * 4 + (delay > 0 ? RANDOM % (delay + 1) : 0)))
  done
}

ecr_region() { # REGISTRY; fails for any other registry
  matches "$1" '[0-9]{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?' || return 1
  printf '%s' "${BASH_REMATCH[3]}"
}

# Amazon's passwords last for hours, so each run logs in anew. The password goes through a pipe, never into a command.
ecr_login() { # REGISTRY
  local region
  region=$(ecr_region "$1") || return 0
  if ((DRY_RUN)); then
    printf 'aws ecr get-login-password --region %s | docker login --username AWS --password-stdin %s\n' "$region" "$1"
    return
  fi
  command -v aws >/dev/null || die "$1 is Amazon's registry: its login needs the aws command, which isn't on the PATH"
  aws ecr get-login-password --region "$region" </dev/null |
    docker login --username AWS --password-stdin "$1" >"$WORK/login" 2>&1 ||
    die "login to $1 failed: $(tail -n 1 "$WORK/login"). Is the aws command configured (aws sts get-caller-identity)?"
}

# Other registries make a repository with its first push; Amazon's wants it made before.
ecr_repository() { # REPOSITORY
  local registry region options
  registry=$(registry_of "$1")
  region=$(ecr_region "$registry") || return 0
  options=(--registry-id "${registry%%.*}" --region "$region")
  if ! logged aws ecr describe-repositories "${options[@]}" --repository-names "${1#*/}"; then
    # create-repository has no --registry-id: it is always the caller's own.
    act aws ecr create-repository --region "$region" --repository-name "${1#*/}" || fail "creating the repository: $(why)"
  fi
}
