#!/usr/bin/env bash
# Runs tests/runtime on one Python, in a virtual environment of its own (.venvs/3.X) with that Python's MAX stack and
# test tools, pinned in tests/requirements. Its output goes to .cache/matrix/3.X.log; stdout gets the closing line.
#
# usage: matrix.sh VERSION [PYTEST ARGUMENTS]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=${1:?usage: matrix.sh VERSION [PYTEST ARGUMENTS]}
shift
venv=$PWD/.venvs/$version
requirements=$PWD/tests/requirements
log=$PWD/.cache/matrix/$version.log
pip=(-m pip install --quiet --disable-pip-version-check)

make_venv() { # PYTHON
  local wanted
  wanted=$(cat "$requirements/pip-$version.txt" "$requirements/max-$version.txt" "$requirements/runtime-$version.txt")
  [ "$(cat "$venv/.modelwhisk" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' && return
  rm -rf "$venv"
  "$1" -m venv "$venv"
  # First a pip that knows today's wheels.
  "$venv/bin/python" "${pip[@]}" -r "$requirements/pip-$version.txt"
  "$venv/bin/python" "${pip[@]}" -r "$requirements/runtime-$version.txt"
  # Coverage measures the proxy's own processes, too.
  "$venv/bin/python" - <<'END'
import os, sysconfig
with open(os.path.join(sysconfig.get_paths()["purelib"], "measure_children.pth"), "w") as file:
    file.write("import os; 'COVERAGE_PROCESS_START' in os.environ and __import__('coverage').process_startup()\n")
END
  printf '%s\n' "$wanted" >"$venv/.modelwhisk"
}

imports_without_packages() { # PYTHON: all of runtime/ is standard library only, but that onnx models bring numpy
  "$1" -I -S -B -W error - <<'END'
import importlib, pkgutil, sys
sys.path.insert(0, "runtime")
import modelproxy
for module in pkgutil.walk_packages(modelproxy.__path__, "modelproxy."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
END
}

run_all() {
  local python measure=()
  python=$(scripts/lib/find-python.sh "$version")
  "$python" -VV
  make_venv "$python"
  imports_without_packages "$python"
  export COVERAGE_FILE=${COVERAGE_FILE:-$PWD/.cache/coverage/data} MODELWHISK_CHECKOUT=$PWD
  case "$version" in
    3.6 | 3.11 | 3.13) # that have all there is, between them; measuring takes half as long again
      export COVERAGE_PROCESS_START=$PWD/tests/runtime/coverage.ini
      measure=(-m coverage run --rcfile tests/runtime/coverage.ini)
      ;;
    3.12) export PYTHONDEVMODE=1 ;; # which tells of what is never closed, here and in the proxy's own processes
  esac
  "$venv/bin/python" "${measure[@]}" -m pytest \
    -c tests/runtime/pytest.ini --rootdir tests/runtime --confcutdir tests/runtime "$@" tests/runtime
}

mkdir -p "${log%/*}" .cache/coverage
set +e
# Not `if run_all`: there `set -e` would be off inside.
(
  set -e
  run_all "$@"
) >"$log" 2>&1 </dev/null
status=$?
set -e
if [ "$status" = 0 ]; then
  printf 'Python %-5s %s\n' "$version" "$(tail -n 1 "$log")"
else
  # One write, since another version may print at the same time.
  printf '%s\n' "Python $version, exit status $status:" "$(tail -n 60 "$log")" "(all of it: $log)"
fi
exit "$status"
