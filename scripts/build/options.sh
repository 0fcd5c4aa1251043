# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# Options, from flags and environment, and their checks. --help is the one place that lists them.

print_help() {
  cat <<'HELP'
Wraps packaged models as OpenWhisk actions: builds, tests and pushes one image for each.

  MODELS="max-ocr max-object-detector me/other:1.2" USERNAME=me ./build.sh
  ./build.sh --username me max-ocr max-object-detector me/other:1.2

A bare name is a MAX model: codait/NAME, or quay.io/codait/NAME where that can't be had. A name with a slash or a tag is
an image reference as it stands. An image that no registry has is taken from this machine (for a bare name, NAME itself
too), and the output says so. The wrapper is [REGISTRY/]USERNAME/NAME, tagged with a version, `latest`, and `mw-HASH`,
which names base and adapter by content: what the registry has under it already is not built again. Where that would be the
model's own repository, as for me/other above, the wrapper is NAME-action.

Needs bash and the docker command, logged in to the registry. Changes nothing in the model's image but adds one layer.

Every option can be given as a flag or as the environment variable in brackets; the flag wins. Switches are on with 1,
true or yes.

What to wrap
  MODEL...              models; or --models "A B" [MODELS]; `all` is every published model of models/catalogue.tsv
  --models-from FILE    one model a line: IMAGE [NAME] [SETTING=VALUE...], # begins a comment     [MODELS_FROM]
  --local               take the models' images from this machine, ask no registry for them       [LOCAL]
  --platform OS/ARCH    linux/amd64, which is what MAX images are                                 [PLATFORM]
  --build-arg K=V       setting of the proxy for all, as MODELPROXY_PATH=/predict; repeatable     [BUILD_ARGS, a line each]

Where to
  --username NAME       your name on the registry (required, but with --registry)                 [USERNAME]
  --registry HOST[:PORT][/PATH]  Docker Hub; for Amazon's (*.dkr.ecr.*.amazonaws.com) it logs in through the aws
                        command and creates missing repositories                                  [REGISTRY]
  --tag TAG             version tag, repeatable; default: the model's own tag, else the adapter's version
                                                                                                  [TAGS, separated by blanks]
  --no-push             keep the images on this machine                                           [NO_PUSH]

How
  --jobs N              images at one time: 2                                                     [JOBS]
  --retries N           more tries for a pull or push that fails, after 1, 4, 16… s: 3            [RETRIES]
  --retry-delay S       seconds before the first of them: 1                                       [RETRY_DELAY]
  --force               build and push also what is up to date                                    [FORCE]
  --fail-fast           start no further image after a failure                                    [FAIL_FAST]
  --no-test             don't start the wrapper before it is pushed                               [NO_TEST]
  --test-path PATH      what the test asks the model for: /model/metadata                         [TEST_PATH]
  --memory MB           limit in the test: the catalogue's, else 2048                             [MEMORY]
  --init-timeout S      seconds that the model may take to load in the test: 300                  [INIT_TIMEOUT]

What is shown
  --dry-run             print the commands instead of running them                                [DRY_RUN]
  --print               print the Dockerfile and stop
  --list                print the names of the catalogue and stop
  --summary FILE        write the results as JSON                                                 [SUMMARY]
  --verbose             show what docker prints, too                                              [VERBOSE]
  --help, --version

Also read: SOURCE_DATE_EPOCH (the date in the labels), SOURCE_URL (this project's address in the labels; default: git's
origin), NO_COLOR, and HTTP_PROXY, HTTPS_PROXY, FTP_PROXY, NO_PROXY and ALL_PROXY, which the builds get too.

Exit status: the number of images that failed, at most 125; 2 also for a wrong option, before anything runs.
HELP
}

read_options() {
  local models='' tags='' text value
  MODELS=${MODELS-} MODELS_FROM=${MODELS_FROM-} USERNAME=${USERNAME-} REGISTRY=${REGISTRY-} SUMMARY=${SUMMARY-}
  JOBS=${JOBS:-2} RETRIES=${RETRIES:-3} RETRY_DELAY=${RETRY_DELAY:-1} TEST_PATH=${TEST_PATH:-/model/metadata}
  MEMORY=${MEMORY-} INIT_TIMEOUT=${INIT_TIMEOUT:-300}
  PLATFORM_GIVEN=1
  [[ -n ${PLATFORM-} ]] || PLATFORM=linux/amd64 PLATFORM_GIVEN=0
  text=${BUILD_ARGS-}
  BUILD_ARGS=()
  while IFS= read -r value; do [[ -z $value ]] || BUILD_ARGS+=("$value"); done <<<"$text"
  for value in LOCAL NO_PUSH NO_TEST FORCE FAIL_FAST DRY_RUN VERBOSE; do read_switch "$value" "${!value-}"; done

  while (($# > 0)); do
    if [[ $1 == --?*=* ]]; then
      case ${1%%=*} in
        --local | --no-push | --no-test | --force | --fail-fast | --dry-run | --verbose)
          value=${1%%=*} value=${value#--}
          read_switch "$(tr 'a-z-' 'A-Z_' <<<"$value")" "${1#*=}"
          shift
          continue
          ;;
      esac
      value=$1
      shift
      set -- "${value%%=*}" "${value#*=}" "$@"
    fi
    case $1 in
      --models | --models-from | --platform | --build-arg | --username | --registry | --tag | --jobs | --retries | \
        --retry-delay | --test-path | --memory | --init-timeout | --summary)
        (($# > 1)) || die "$1 needs a value (see --help)"
        ;;
    esac
    case $1 in
      --models) models+=" $2" && shift ;;
      --models-from) MODELS_FROM=$2 && shift ;;
      --platform) PLATFORM=$2 PLATFORM_GIVEN=1 && shift ;;
      --build-arg) BUILD_ARGS+=("$2") && shift ;;
      --username) USERNAME=$2 && shift ;;
      --registry) REGISTRY=$2 && shift ;;
      --tag) tags+=" $2" && shift ;;
      --jobs) JOBS=$2 && shift ;;
      --retries) RETRIES=$2 && shift ;;
      --retry-delay) RETRY_DELAY=$2 && shift ;;
      --test-path) TEST_PATH=$2 && shift ;;
      --memory) MEMORY=$2 && shift ;;
      --init-timeout) INIT_TIMEOUT=$2 && shift ;;
      --summary) SUMMARY=$2 && shift ;;
      --local) LOCAL=1 ;;
      --no-push) NO_PUSH=1 ;;
      --no-test) NO_TEST=1 ;;
      --force) FORCE=1 ;;
      --fail-fast) FAIL_FAST=1 ;;
      --dry-run) DRY_RUN=1 ;;
      --verbose) VERBOSE=1 ;;
      --print) cat -- "$DOCKERFILE" && exit ;;
      --list) catalogue_names && exit ;;
      --version) printf '%s\n' "$ADAPTER_VERSION" && exit ;;
      -h | --help) print_help && exit ;;
      --) shift && models+=" $*" && break ;;
      -*) die "no such option: $1 (see --help)" ;;
      *) models+=" $1" ;;
    esac
    shift
  done
  # Models named by flags or as words replace those of the environment, and so do tags.
  MODELS=${models:-$MODELS}
  # shellcheck disable=SC2206 # words by definition
  TAGS=(${tags:-${TAGS-}})
  check_options
}

read_switch() { # NAME VALUE
  case $2 in
    '' | 0 | false | no) printf -v "$1" 0 ;;
    1 | true | yes) printf -v "$1" 1 ;;
    *) die "$1 is a switch, 1 or 0, not: $2" ;;
  esac
}

check_number() { # OPTION VALUE LEAST
  if ! matches "$2" '[0-9]{1,9}' || ((10#$2 < $3)); then die "$1 must be a whole number from $3, not: $2"; fi
}

check_options() {
  local tag argument error
  check_number --jobs "$JOBS" 1
  check_number --retries "$RETRIES" 0
  check_number --retry-delay "$RETRY_DELAY" 0
  check_number --init-timeout "$INIT_TIMEOUT" 1
  [[ -z $MEMORY ]] || check_number --memory "$MEMORY" 64
  matches "$PLATFORM" '[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?' ||
    die "--platform is OS/ARCH, as linux/amd64, not: $PLATFORM"
  matches "$TEST_PATH" '/[A-Za-z0-9._~/%-]*' ||
    die "--test-path is the path of a URL, as /model/metadata, not: $TEST_PATH"
  [[ $REGISTRY != *://* ]] || die "--registry is HOST[:PORT], without http:// or https://: $REGISTRY"
  REGISTRY=${REGISTRY%/}
  if [[ -n $REGISTRY ]]; then
    is_name "$REGISTRY/x" || die "--registry is not the name of a registry: $REGISTRY"
    [[ $(registry_of "$REGISTRY/x") != docker.io || $REGISTRY == docker.io* ]] ||
      die "--registry needs a host with a dot or a port, else it would be taken for a user of Docker Hub: $REGISTRY"
  fi
  if [[ -n $USERNAME ]]; then
    is_name "$USERNAME" || die "--username can't be part of an image's name (small letters and digits): $USERNAME"
  elif [[ -z $REGISTRY || $REGISTRY == docker.io ]]; then
    die "whose images? Give your name on the registry, as in USERNAME=me or --username me"
  fi
  for tag in ${TAGS[@]+"${TAGS[@]}"}; do
    is_tag "$tag" || die "--tag is not a tag, up to 128 letters, digits and _.- : $tag"
    [[ $tag != latest && $tag != mw-* && $tag != untested-* ]] || die "--tag: $tag is a tag that build.sh sets itself"
  done
  for argument in ${BUILD_ARGS[@]+"${BUILD_ARGS[@]}"}; do
    error=$(build_arg_error "$argument")
    [[ -z $error ]] || die "--build-arg: $error"
  done
  if ((DRY_RUN)); then JOBS=1; fi # one image's commands after the other's
}
