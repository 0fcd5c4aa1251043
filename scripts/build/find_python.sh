# shellcheck shell=sh
# Read by the RUN steps of Dockerfile.folder: sets python to the interpreter that `python app.py` would run there.
python=
for name in python python3; do
  found=$(command -v "$name") || continue
  if "$found" -c 'import sys; sys.exit(sys.version_info < (3, 6))'; then
    python=$found
    break
  fi
done
if [ -z "$python" ]; then
  echo "modelproxy: this image has no Python 3.6 or later named python or python3 on its PATH ($PATH)" >&2
  exit 1
fi
