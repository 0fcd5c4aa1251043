#!/usr/bin/env bash
# Makes the base images that the docker tests build on, and prints each one's name and tag on stdout:
#
#   modelwhisk-test/debian-python3:latest   Debian's own python3: no `python`, no pip
#   modelwhisk-test/python:3.6 :3.7 :3.11   like Docker Hub's python: `python` and `pip` in /usr/local
#
# Each has its era's MAX stack (tests/requirements/max-*.txt) installed, as codait/max-base has, so that neither building
# a model on it nor running one needs a network. What the engine already has, made of the same inputs, is not made again;
# the parts (root filesystems, packages) are kept as tar files in a cache for an engine that has nothing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
requirements=$here/../requirements
cache=${MODELWHISK_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/modelwhisk-test}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
find_python=$here/../../scripts/lib/find-python.sh
repository=modelwhisk-test
key_label=org.modelwhisk.test-bed
suite=bookworm
# What the interpreters' extension modules link to, but Tk, and what wheels expect to find.
libraries=libbz2-1.0,libexpat1,libffi8,libgcc-s1,liblzma5,libncursesw6,libnsl2,libreadline8,libsqlite3-0,libssl3,libstdc++6,libtirpc3,libuuid1,zlib1g
# Without what no test reads.
mmdebstrap=(mmdebstrap --quiet --variant=minbase)
for unread in doc man locale; do mmdebstrap+=(--dpkgopt="path-exclude=/usr/share/$unread/*"); done
all=(debian-python3 python:3.6 python:3.7 python:3.11)
usage="usage: bases.sh [NAME...]
  NAME  ${all[*]} (default: all)

Made from this machine's Debian packages and interpreters where it has them, else from Docker Hub's images. Variables:
  MODELWHISK_BASE_<NAME>  the image to start from instead, such as MODELWHISK_BASE_PYTHON_3_7=python:3.7-slim or
                          MODELWHISK_BASE_DEBIAN_PYTHON3=debian:bookworm-slim
  MODELWHISK_TEST_CACHE   where the parts are kept (default: ~/.cache/modelwhisk-test)"

say() { printf 'bases.sh: %s\n' "$*" >&2; }
fail() {
  say "$@"
  exit 1
}

python_of() { # NAME -> the Python version whose stack it has
  case "$1" in
    debian-python3) echo 3.11 ;; # bookworm's
    *) echo "${1#python:}" ;;
  esac
}

image_of() { # NAME
  case "$1" in
    *:*) echo "$repository/$1" ;;
    *) echo "$repository/$1:latest" ;;
  esac
}

override_of() { # NAME
  local variable
  variable=MODELWHISK_BASE_$(printf %s "$1" | tr 'a-z:.-' 'A-Z___')
  printf '%s\n' "${!variable-}"
}

source_of() { # NAME -> "hub IMAGE" or "local PREFIX"
  local from prefix
  from=$(override_of "$1")
  if [ -n "$from" ]; then
    echo "hub $from"
  elif on_debian && prefix=$("$find_python" --prefix "$(python_of "$1")" 2>/dev/null); then
    echo "local $prefix"
  else
    case "$1" in
      debian-python3) echo "hub debian:$suite-slim" ;;
      *) echo "hub $1-slim" ;; # of the last Debian that had it
    esac
  fi
}

on_debian() {
  # The interpreters are copied, so their C library must be the images' one.
  grep -qx "VERSION_CODENAME=$suite" /etc/os-release 2>/dev/null && command -v mmdebstrap >/dev/null
}

digest() { git hash-object --stdin; }

key_of() { # NAME SOURCE -> what the image is made of
  {
    printf '%s\n' "$2"
    cat "${BASH_SOURCE[0]}" "$here/Dockerfile.hub" "$requirements/"{max,pip}"-$(python_of "$1").txt"
  } | digest
}

has_key() { # IMAGE KEY
  [ "$(docker image inspect --format "{{index .Config.Labels \"$key_label\"}}" "$1" 2>/dev/null)" = "$2" ]
}

rootfs_of() { # NAME -> the tar file of the Debian that it stands on
  local packages=$libraries
  [ "$1" != debian-python3 ] || packages+=,python3
  printf '%s/rootfs-%s.tar\n' "$cache" "$(printf '%s\n' "$suite" "$packages" "${mmdebstrap[@]}" | digest)"
}

stack_of() { # VERSION PREFIX -> the tar file of its packages
  printf '%s/stack-%s-%s.tar\n' "$cache" "$1" "$({
    printf '%s\n' "$2"
    cat "$requirements/"{max,pip}"-$1.txt"
  } | digest)"
}

make_rootfs() { # NAME
  local file packages=$libraries
  file=$(rootfs_of "$1")
  [ ! -e "$file" ] || return 0
  [ "$1" != debian-python3 ] || packages+=,python3
  say "$1: a Debian $suite by mmdebstrap"
  "${mmdebstrap[@]}" --include="$packages" "$suite" "$work/$1.tar" >"$work/$1.log" 2>&1 </dev/null || {
    tail -n 30 "$work/$1.log" >&2
    fail "$1: mmdebstrap failed"
  }
  mv "$work/$1.tar" "$file"
}

make_stack() { # VERSION PREFIX: pip and the MAX stack, installed by that interpreter
  local file target=$work/stack-$1 python=$2/bin/python$1
  local pip=(-m pip install --quiet --no-warn-script-location)
  file=$(stack_of "$1" "$2")
  [ ! -e "$file" ] || return 0
  say "Python $1: its MAX stack by pip"
  # First a pip that knows today's wheels: those that came with the old interpreters don't.
  "$python" -I "${pip[@]}" --target "$target-pip" -r "$requirements/pip-$1.txt"
  PYTHONPATH=$target-pip PYTHONNOUSERSITE=1 "$python" "${pip[@]}" --target "$target" \
    -r "$requirements/max-$1.txt" -r "$requirements/pip-$1.txt"
  rm -rf "${target:?}/bin" "$target-pip"
  tar -C "$target" -cf "$target.tar" .
  rm -rf "$target"
  mv "$target.tar" "$file"
}

collect_python() { # VERSION PREFIX ROOT: the interpreter as /usr/local/bin/python, without its tests and GUI
  local lib=$3/usr/local/lib bin=$3/usr/local/bin script
  mkdir -p "$bin" "$lib" "$3/usr/lib"
  cp -P "$2/bin/python$1" "$2/bin/python3" "$2/bin/python" "$bin/"
  # Where the linker looks without a cache, which can't be made from outside the image.
  cp -P "$2"/lib/libpython* "$3/usr/lib/"
  tar -C "$2/lib" -cf - --exclude="python$1/site-packages" --exclude="python$1/test" --exclude='*/tests' \
    --exclude="python$1/config-*" --exclude="python$1/idlelib" --exclude="python$1/tkinter" --exclude='_tkinter.*' \
    "python$1" | tar -C "$lib" -xf -
  for script in pip pip3 "pip$1"; do
    printf '#!/bin/sh\nexec /usr/local/bin/python3 -m pip "$@"\n' >"$bin/$script"
    chmod 755 "$bin/$script"
  done
}

make_local() { # NAME PREFIX KEY
  local name=$1 version root=$work/$1 packages
  version=$(python_of "$name")
  say "$(image_of "$name"): docker import"
  if [ "$name" = debian-python3 ]; then
    packages=$root/usr/local/lib/python$version/dist-packages
    mkdir -p "$packages"
    tar -C "$packages" -xf "$(stack_of "$version" "$2")"
    # Debian's python3 comes without pip.
    rm -rf "$packages"/pip{,-*}
  else
    packages=$root/usr/local/lib/python$version/site-packages
    collect_python "$version" "$2" "$root"
    mkdir -p "$packages"
    tar -C "$packages" -xf "$(stack_of "$version" "$2")"
  fi
  # Any user may read it, whatever this machine's umask made of it.
  chmod -R u+rwX,go+rX,go-w "$root"
  cp "$(rootfs_of "$name")" "$root.tar"
  # `docker import` takes no path twice, so the directories that are there already are left out.
  (cd "$root" && find . -mindepth 1 \( -type d -printf '%p/\n' -o -print \)) | LC_ALL=C sort >"$root.ours"
  tar -tf "$root.tar" | LC_ALL=C sort >"$root.theirs"
  LC_ALL=C comm -23 "$root.ours" "$root.theirs" >"$root.new"
  tar --append --file "$root.tar" --owner=0 --group=0 --no-recursion -C "$root" --files-from "$root.new"
  rm -rf "$root"
  docker import --change "LABEL $key_label=$3" --change 'ENV LANG=C.UTF-8' --change 'CMD ["python3"]' \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "$root.tar" "$(image_of "$name")" >/dev/null || fail "$(image_of "$name"): docker import failed"
  rm "$root.tar"
}

make_from_hub() { # NAME IMAGE KEY
  local context=$work/$1
  say "$(image_of "$1"): docker build on $2"
  mkdir -p "$context"
  cp "$here/Dockerfile.hub" "$context/Dockerfile"
  cp "$requirements/max-$(python_of "$1").txt" "$context/packages.txt"
  docker build --tag "$(image_of "$1")" --label "$key_label=$3" --build-arg "BED_FROM=$2" "$context" \
    >"$work/$1.log" 2>&1 </dev/null || {
    tail -n 30 "$work/$1.log" >&2
    fail "$(image_of "$1"): docker build failed"
  }
}

wait_for() { # PID...: all of them, and fail if one did
  local pid failed=0
  for pid; do wait "$pid" || failed=1; done
  [ "$failed" = 0 ] || exit 1
}

[ "${BASH_VERSINFO[0]}" -ge 4 ] || fail "this needs bash 4 or newer"
case "${1-}" in
  -h | --help) printf '%s\n' "$usage" && exit ;;
esac
[ $# -gt 0 ] || set -- "${all[@]}"
for name; do
  case " ${all[*]} " in
    *" $name "*) ;;
    *) fail "no base image is called $name; there are: ${all[*]}" ;;
  esac
done
docker version >/dev/null 2>&1 || fail "no docker engine answers (tests/docker_bed/engine.sh start)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Two test runs on one machine don't make the same images at once. (macOS has no flock.)
if command -v flock >/dev/null; then
  exec 9>"${TMPDIR:-/tmp}/modelwhisk-test-bases.$(id -u).lock"
  flock 9
fi

declare -A origin=() key=()
local_names=() jobs=()
for name; do
  origin[$name]=$(source_of "$name")
  key[$name]=$(key_of "$name" "${origin[$name]}")
  has_key "$(image_of "$name")" "${key[$name]}" && continue
  case "${origin[$name]}" in
    hub\ *) make_from_hub "$name" "${origin[$name]#hub }" "${key[$name]}" ;;
    local\ *) local_names+=("$name") ;;
  esac
done
if [ ${#local_names[@]} -gt 0 ]; then
  mkdir -p "$cache"
  # Two chains that don't need each other, for two cores.
  for name in "${local_names[@]}"; do make_stack "$(python_of "$name")" "${origin[$name]#local }"; done &
  jobs+=($!)
  for name in "${local_names[@]}"; do make_rootfs "$name"; done &
  jobs+=($!)
  wait_for "${jobs[@]}"
  for name in "${local_names[@]}"; do make_local "$name" "${origin[$name]#local }" "${key[$name]}"; done
fi
for name; do printf '%s %s\n' "$name" "$(image_of "$name")"; done
