# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# Options, from flags and environment, and their checks. --help is the one place that lists them.

print_help() {
  cat <<'HELP'
Wraps packaged models as OpenWhisk actions: builds, tests and pushes one image for each.

  MODELS="max-ocr max-object-detector me/other:1.2" USERNAME=me ./build.sh
  ./build.sh --username me max-ocr max-object-detector me/other:1.2
  ./build.sh --username me ./my-folder ./my-deployment.zip

A bare name is a MAX model: codait/NAME, or quay.io/codait/NAME where that can't be had. A name with a slash or a tag is
an image reference as it stands. An image that no registry has is taken from this machine (for a bare name, NAME itself
too), and the output says so. The wrapper is [REGISTRY/]USERNAME/NAME, tagged with a version, `latest`, and `mw-HASH`,
which names base and adapter by content: what the registry has under it already is not built again. Where that would be the
model's own repository, as for me/other above, the wrapper is NAME-action.

A path (./x, ../x, /x, ~/x, or x.zip) is a folder or zip with a model of any interface that the proxy knows. It becomes an image
on the base that --base names, called after its last word: requirements.txt (also of deployment_package/) is installed
first, in layers that stay while it stays; then the code comes to /model, root's, run by the user 10001 with HOME=/tmp. Left out are
version control, caches, virtual environments and what looks like a secret (.env, *.pem, id_rsa…; scripts/build/exclude
lists them all), and what the folder's .dockerignore names; its line !NAME takes something back. Links may not lead out of the folder.
pip gets PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_TRUSTED_HOST, PIP_DEFAULT_TIMEOUT, PIP_RETRIES and the certificates of
PIP_CERT (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE); none of them gets into the image. A zip's one top folder is stepped into.

Needs bash and the docker command, logged in to the registry. Changes nothing in the model's image but adds one layer.

Every option can be given as a flag or as the environment variable in brackets; the flag wins. Switches are on with 1,
true or yes.

What to wrap
  MODEL...              models; or --models "A B" [MODELS]; `all` is every published model of models/catalogue.tsv
  --models-from FILE    one model a line: IMAGE|PATH [NAME] [SETTING=VALUE...] [DRIFT=FILE], # begins a comment
                                                                                                  [MODELS_FROM]
  --base IMAGE          for folders and zips: an image with Python and pip; python:3.13-slim      [BASE]
  --local               take the models' images from this machine, ask no registry for them       [LOCAL]
  --platform OS/ARCH    linux/amd64, which is what MAX images are                                 [PLATFORM]
  --drift FILE          what modelwhisk drift fit made of the one model's training inputs: each prediction is compared
                        with it, in a header Model-Drift and in the log                           [DRIFT]
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
  --test-path PATH      what the test asks the model for, which must answer 2xx: /model/metadata; of a folder or zip,
                        where nobody knows such a path, / is asked, and any answer of the model will do  [TEST_PATH]
  --memory MB           limit in the test: the catalogue's, else 2048                             [MEMORY]
  --init-timeout S      seconds that the model may take to load in the test: 300                  [INIT_TIMEOUT]

What is shown
  --dry-run             print the commands instead of running them                                [DRY_RUN]
  --print               print the Dockerfile and stop: the one for folders, if one is among the models
  --list                print the names of the catalogue and stop
  --summary FILE        write the results as JSON                                                 [SUMMARY]
  --sbom DIR            write a bill of materials (CycloneDX, JSON) for each image into a folder: Python's packages and
                        Debian's, the base, the proxy                                             [SBOM]
  --verbose             show what docker prints, too                                              [VERBOSE]
  --help, --version

Also read: SOURCE_DATE_EPOCH (the date in the labels), SOURCE_URL (this project's address in the labels; default: git's
origin), NO_COLOR, and HTTP_PROXY, HTTPS_PROXY, FTP_PROXY, NO_PROXY and ALL_PROXY, which the builds get too.

Exit status: the number of images that failed, at most 125; 2 also for a wrong option, before anything runs.
HELP
}

read_options() {
  local tags='' text value printing=0
  WORDS=()
  MODELS=${MODELS-} MODELS_FROM=${MODELS_FROM-} USERNAME=${USERNAME-} REGISTRY=${REGISTRY-} SUMMARY=${SUMMARY-} SBOM=${SBOM-}
  DRIFT=${DRIFT-}
  JOBS=${JOBS:-2} RETRIES=${RETRIES:-3} RETRY_DELAY=${RETRY_DELAY:-1} TEST_PATH=${TEST_PATH-}
  FOLDER_BASE=${BASE:-python:3.13-slim}
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
      --models | --models-from | --base | --platform | --build-arg | --username | --registry | --tag | --jobs | --retries | \
        --retry-delay | --test-path | --memory | --init-timeout | --summary | --sbom | --drift)
        (($# > 1)) || die "$1 needs a value (see --help)"
        ;;
    esac
    case $1 in
      --models) add_words "$2" && shift ;;
      --models-from) MODELS_FROM=$2 && shift ;;
      --base) FOLDER_BASE=$2 && shift ;;
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
      --sbom) SBOM=$2 && shift ;;
      --drift) DRIFT=$2 && shift ;;
      --local) LOCAL=1 ;;
      --no-push) NO_PUSH=1 ;;
      --no-test) NO_TEST=1 ;;
      --force) FORCE=1 ;;
      --fail-fast) FAIL_FAST=1 ;;
      --dry-run) DRY_RUN=1 ;;
      --verbose) VERBOSE=1 ;;
      --print) printing=1 ;;
      --list) catalogue_names && exit ;;
      --version) printf '%s\n' "$ADAPTER_VERSION" && exit ;;
      -h | --help) print_help && exit ;;
      --)
        shift
        for value; do add_word "$value"; done
        break
        ;;
      -*) die "no such option: $1 (see --help)" ;;
      *) add_word "$1" ;;
    esac
    shift
  done
  # Models named by flags or as words replace those of the environment, and so do tags.
  ((${#WORDS[@]} > 0)) || add_words "$MODELS"
  if ((printing)); then print_dockerfile && exit; fi
  # shellcheck disable=SC2206 # words by definition
  TAGS=(${tags:-${TAGS-}})
  check_options
}

# A path is one word, blanks and all; other words may be several models.
add_word() { # WORD
  if is_path "$1"; then WORDS+=("$1"); else add_words "$1"; fi
}

add_words() { # WORDS
  local word
  # shellcheck disable=SC2086 # a list of words by definition
  for word in $1; do WORDS+=("$word"); done
}

print_dockerfile() {
  local word
  for word in ${WORDS[@]+"${WORDS[@]}"}; do
    if is_path "$word"; then
      folder_dockerfile
      return
    fi
  done
  cat -- "$DOCKERFILE"
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
  is_reference "$FOLDER_BASE" || die "--base is not the name of an image: $FOLDER_BASE"
  [[ -z $DRIFT || $DRIFT == [./]* ]] || DRIFT=./$DRIFT
  # A path, whatever it begins with.
  [[ -z $SBOM || $SBOM == [./]* ]] || SBOM=./$SBOM
  [[ -z $SUMMARY || $SUMMARY == [./]* ]] || SUMMARY=./$SUMMARY
  [[ -z $TEST_PATH ]] || matches "$TEST_PATH" '/[A-Za-z0-9._~/%-]*' ||
    die "--test-path is the path of a URL, as /model/metadata, not: $TEST_PATH"
  [[ $REGISTRY != *://* ]] || die "--registry is HOST[:PORT], without http:// or https://: $REGISTRY"
  REGISTRY=${REGISTRY%/}
  if [[ -n $REGISTRY ]]; then
    is_name "$REGISTRY/x" || die "--registry is not the name of a registry: $REGISTRY"
    [[ $REGISTRY/ != index.docker.io/* ]] || REGISTRY=${REGISTRY#index.}
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
