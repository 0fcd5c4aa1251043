#!/usr/bin/env bash
# Serves a sample model as an OpenWhisk web action on this machine, calls it, and shows its answer.
set -euo pipefail

usage="usage: scripts/demo.sh [--keep] [MODEL] [-F NAME=@FILE | -H HEADER | -d @FILE]...

Needs Python 3.10 or newer and nothing else: what it installs goes into .venv in this checkout.

  MODEL       one of models/ (default: max-digit-classifier), which needs no docker; or a published model's image, such as
              max-facial-emotion-classifier, which is pulled, wrapped by build.sh and run by docker
  -F, -H, -d  what to send, as with curl; each model of models/ has its own sample, others get -F image=@assets/digit-7.png
  --keep      leave the action running until Ctrl-C, with the address of its Swagger page
  PORT=3233   where to serve; another port is taken if this one isn't free
  PYTHON=…    the Python to make .venv with"

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

cleanup() {
  if [ -n "$server" ]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  [ -z "$follower" ] || kill "$follower" 2>/dev/null || true
  rm -rf "$work"
}

sample_request() { # MODEL: sets `request`
  case "$1" in
    max-digit-restorer) request=(-F image=@assets/noisy-digit.png) ;;
    max-language-identifier) request=(-H 'Content-Type: application/json' -d @assets/sentence.json) ;;
    max-sound-generator) request=() ;;
    predictor-wine-cultivar) request=(-H 'Content-Type: application/json' -d @models/predictor-wine-cultivar/samples/wines.json) ;;
    function-diabetes-progression | gunicorn-cell-nuclei)
      request=(-H 'Content-Type: application/json' -d "@models/$1/samples/one.json")
      ;;
    deployment-digit-neighbours) request=(-F image=@assets/digit-7.png -F neighbours=5 -F zoom=1) ;;
    *) request=(-F image=@assets/digit-7.png) ;;
  esac
}

wrap() { # IMAGE: sets `target` to the wrapped image
  docker version >/dev/null 2>&1 ||
    fail "$1 is none of the sample models ($samples)," \
      "and as an image it needs docker, which doesn't answer on this machine."
  echo "Wrapping $1 (pulling a published model takes its time)"
  ./build.sh --username modelwhisk-demo --no-push "$1" || fail "$1 could not be wrapped; build.sh says why above."
  name=${1##*/}
  target=modelwhisk-demo/${name%%[:@]*}:latest
}

is_free() { # PORT
  "$python" - "$1" <<'END'
import socket, sys
with socket.socket() as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sys.exit(probe.connect_ex(("127.0.0.1", int(sys.argv[1]))) == 0)
END
}

start() { # TARGET OPTIONS...: sets `server` and `url`
  local port=${PORT:-3233}
  case "$port" in '' | *[!0-9]*) fail "PORT=$port is no number." ;; esac
  is_free "$port" || { echo "Port $port is taken; another one will do." && port=0; }
  : >"$work/log" # which is looked into before the server's shell has come to make it
  NO_COLOR=1 "$modelwhisk" local "$@" --port "$port" >"$work/log" 2>&1 </dev/null &
  server=$!
  for _ in $(seq 600); do
    url=$(grep -oE 'https?://[^[:space:]]+' "$work/log" | head -n 1) && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/log" >&2
  fail "modelwhisk local did not start; what it said is above."
}

ask() { # -> body in $work/body, "STATUS SECONDS TYPE" on stdout
  local format='%{http_code} %{time_total} %{content_type}'
  # A proxy in the environment has no way to this machine's loopback.
  if command -v curl >/dev/null; then
    curl --silent --show-error --noproxy '*' --max-time 300 --output "$work/body" --write-out "$format" \
      "${request[@]}" "$url"
  else
    "$python" scripts/lib/call.py "$work/body" "${request[@]}" "$url"
  fi
}

quoted() { # ARGUMENTS... as one would type them
  local argument
  for argument; do
    case "$argument" in
      *[!A-Za-z0-9_./:=@-]*) printf " '%s'" "$argument" ;;
      *) printf ' %s' "$argument" ;;
    esac
  done
}

show_answer() { # TYPE: it and the body are an image's words, which a terminal must not obey
  local file type=${1%%;*}
  type=${type//[!a-zA-Z0-9\/+.-]/?}
  case "$type" in
    *json* | text/*)
      "$python" -c 'import sys
from modelwhisk.shown_text import shown
print(shown(sys.stdin.buffer.read().decode("utf-8", "replace")).rstrip("\n"))' <"$work/body"
      ;;
    *)
      file=.cache/demo/${name}.${type##*/}
      mkdir -p "${file%/*}"
      cp "$work/body" "$file"
      echo "$(wc -c <"$file" | tr -d ' ') bytes of $type, saved as $file"
      ;;
  esac
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
keep='' model='' request=() given='' server='' follower='' url='' name=''
while [ $# -gt 0 ]; do
  case "$1" in
    --keep) keep=1 ;;
    -h | --help) printf '%s\n' "$usage" && exit ;;
    -F | -H | -d) given=1 && request+=("$1" "${2:?$1 needs a value}") && shift ;;
    -*) fail "demo.sh: no such option: $1" "$usage" ;;
    *) [ -z "$model" ] || fail "demo.sh: one model at a time, not $model and $1" "$usage" && model=$1 ;;
  esac
  shift
done
model=${model:-max-digit-classifier}
samples=$(cd models && echo */)
samples=${samples//\//}
work=$(mktemp -d)
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

extras=samples
case "$model" in max-*) ;; *) [ ! -d "models/$model" ] || extras=samples,interfaces ;; esac
python=$(scripts/lib/venv.sh "$extras")
modelwhisk=${python%/*}/modelwhisk
[ -n "$given" ] || sample_request "$model"
if [ -d "models/$model" ]; then
  name=$model
  start "models/$model"
else
  wrap "$model"
  # Published models load for minutes and need gigabytes.
  start "$target" --memory 4096 --timeout 300000
fi

printf '\n%s runs as a web action. Its first call loads the model:\n\n$ curl%s\n' "$name" "$(quoted "${request[@]}" "$url")"
answer=$(ask) || {
  cat "$work/log" >&2
  fail "The call failed; the action's log is above."
}
read -r status seconds type <<<"$answer"
show_answer "$type"
case "$status" in
  2??) ;;
  *)
    cat "$work/log" >&2
    fail "The answer's status is $status; the action's log is above."
    ;;
esac
read -r _ warm _ <<<"$(ask)"
cat <<END

Loaded and answered in ${seconds%???} s; the same call again, with the model loaded: ${warm%???} s.

END
if [ -n "$keep" ]; then
  cat <<END
It runs at        $url
Its Swagger page  $url/
Each call and its container's log are shown here. Ctrl-C ends it.

END
  tail -n 0 -f "$work/log" &
  follower=$!
  wait "$server" || fail "modelwhisk local ended by itself."
  exit
fi
cat <<END
What to try next:
  scripts/demo.sh --keep                    the same, and it stays, with a Swagger page to try in a browser
  scripts/demo.sh MODEL                     another one: $samples
  .venv/bin/modelwhisk local FOLDER|IMAGE   your own model as a web action on this machine
  MODELS="max-facial-emotion-classifier" USERNAME=<your docker name> ./build.sh
                                            wraps a published model and pushes it, ready for
                                            wsk action create NAME --docker USERNAME/MODEL --web raw
END
