# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# Proxies, which may have passwords: a folder's build, which downloads, gets them; an image's code never does.

readonly PROXIES=(HTTP_PROXY HTTPS_PROXY FTP_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy ftp_proxy no_proxy all_proxy)

# The standard variables for builds behind a proxy, by name alone: docker reads the values, which may hold passwords.
find_proxies() {
  local name
  PROXY_ARGS=() PIP_ARGS=() BUILT_WITHOUT=() RUN_WITHOUT=()
  for name in "${PIP_SETTINGS[@]}"; do [[ -z ${!name-} ]] || PIP_ARGS+=("$name"); done
  for name in "${PROXIES[@]}"; do [[ -z ${!name-} ]] || PROXY_ARGS+=("$name"); done
  # Those of its own configuration the docker command names to whatever it builds and runs, unless they are named here.
  if grep -qis '"proxies"' -- "$(docker_config)"; then
    for name in "${PROXIES[@]}"; do BUILT_WITHOUT+=(--build-arg "$name=") RUN_WITHOUT+=(--env "$name="); done
  fi
}

# Where the docker command has its configuration: without a HOME in the user's home by the system's list.
docker_config() {
  printf '%s/config.json' "${DOCKER_CONFIG:-${HOME:-$(unset HOME && echo ~)}/.docker}"
}
