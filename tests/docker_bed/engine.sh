#!/usr/bin/env bash
# A docker engine for the tests: `start` uses the one that answers, or installs and starts one; `stop` ends only what
# `start` started.
#
# An engine is started on Debian as root (a fresh machine, CI); a developer's own engine is left alone.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=${MODELWHISK_ENGINE_STATE:-$here/../../.cache/docker_bed}
packages=(docker.io iptables iproute2 mmdebstrap docker-registry shellcheck shfmt)
usage="usage: engine.sh start|stop|status

  DOCKER_HOST               where the engine is, or shall be (unix:// only for one that is started here)
  MODELWHISK_ENGINE_STATE   where the started engine's pid and log are kept (default: .cache/docker_bed)
  MODELWHISK_DOCKERD_ARGS   further arguments for a dockerd that is started here"

say() { printf 'engine.sh: %s\n' "$*" >&2; }
fail() {
  say "$@"
  exit 1
}
answers() { command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null; }

install_packages() {
  local missing=() package
  if ! { command -v dpkg-query && command -v apt-get; } >/dev/null; then
    fail "no docker engine answers, and this is no Debian machine where one could be installed: start docker"
  fi
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "not installed, and only root can change that: ${missing[*]}"
  say "installing ${missing[*]}"
  mkdir -p "$state"
  {
    apt-get update || true # one source that is out of reach may not be needed; the next line finds out
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
  } >"$state/apt.log" 2>&1 </dev/null || {
    tail -n 30 "$state/apt.log" >&2
    fail "apt-get failed (all of it: $state/apt.log)"
  }
}

started_pid() { # prints the pid of the engine started here, while it lives
  local pid
  pid=$(cat "$state/dockerd.pid" 2>/dev/null) || return 1
  # A pid is reused some day: it must still be a dockerd.
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && printf '%s\n' "$pid"
}

start() {
  local version host arguments=() pid
  if version=$(answers); then
    say "docker engine $version answers: nothing to start"
    # The tools beside the engine (a registry, mmdebstrap, shellcheck) are still wanted where they can be had.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -n "${CI-}" ]; then install_packages; fi
    return
  fi
  install_packages
  # Where an init system runs, the package starts its engine itself, a moment later.
  for _ in 1 2 3; do
    version=$(answers) && say "docker engine $version answers: started by the machine's init system" && return
    [ -d /run/systemd/system ] || break
    sleep 2
  done
  [ "$(id -u)" = 0 ] || fail "no docker engine answers, and only root can start one"
  host=${DOCKER_HOST:-unix:///var/run/docker.sock}
  case "$host" in
    unix://*) ;;
    *) fail "DOCKER_HOST=$host doesn't answer, and only a unix:// engine can be started here" ;;
  esac
  mkdir -p "$state"
  read -ra arguments <<<"${MODELWHISK_DOCKERD_ARGS-}"
  # In a session of its own: Ctrl-C in the tests must not end the engine before their containers are removed.
  PATH=$PATH:/usr/sbin:/sbin setsid dockerd --host "$host" "${arguments[@]}" >"$state/dockerd.log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n' "$pid" >"$state/dockerd.pid"
  for _ in $(seq 120); do
    version=$(answers) && say "docker engine $version started (pid $pid, log $state/dockerd.log)" && return
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$state/dockerd.log" >&2
  ! started_pid >/dev/null || stop
  fail "dockerd did not come up (all of its log: $state/dockerd.log)"
}

stop() {
  local pid
  if ! pid=$(started_pid); then
    say "no engine was started here"
    rm -f "$state/dockerd.pid"
    return
  fi
  kill -TERM "$pid"
  # It stops its containers first, which have ten seconds each.
  for _ in $(seq 120); do
    if ! started_pid >/dev/null; then
      rm -f "$state/dockerd.pid"
      say "docker engine stopped (pid $pid)"
      return
    fi
    sleep 0.5
  done
  fail "dockerd (pid $pid) is still there a minute after SIGTERM"
}

case "${1-}" in
  start | stop) "$1" ;;
  status) answers || fail "no docker engine answers" ;;
  -h | --help) printf '%s\n' "$usage" ;;
  *) printf '%s\n' "$usage" >&2 && exit 2 ;;
esac
