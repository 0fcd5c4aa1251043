# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# Tries a wrapper as the platform will use it, and says from that which limits its action needs.

readonly MARKER='XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX'

# The Python that the client runs on inside the container: any that the image has will do. It starts in the model's folder,
# whose email.py or json.py must not take the place of Python's own, nor one on its PYTHONPATH: -I.
# shellcheck disable=SC2016 # for the container's shell
readonly IN_CONTAINER='exec "$(command -v python3 || command -v python)" -I - "$@"'

# What the container wants to be shown with each request (MODELPROXY_TOKEN): every user of the machine reaches docker's bridge.
new_token() {
  od -An -N 32 -tx1 /dev/urandom | tr -d ' \n'
}

smoke_test() { # IMAGE
  local container="modelwhisk-smoke-$RUN-$INDEX" memory=$MEMORY fault='' path=$TEST_PATH wanted=good client token
  if [[ -z $path && -n $MODEL_DIGEST ]]; then
    # What a good request to it is nobody knows.
    path=/ wanted=any
  fi
  CATALOGUE_MEMORY=''
  [[ -n $MODEL_DIGEST ]] || look_up "${SOURCES[INDEX]}"
  [[ -n $memory ]] || memory=${CATALOGUE_MEMORY:-2048}
  ((DRY_RUN)) || touch "$WORK/containers"
  # The invoker's own options (openwhisk: core/invoker/.../docker/DockerContainer.scala); no swap, as there. The engine writes a
  # log line as JSON, which is some times as long; of two files it keeps at least one whole. The token goes by its name alone,
  # since all users see the words of a command; what is run in the container has the container's variables.
  token=$(new_token) || fail "there are no random numbers for a token"
  MODELPROXY_TOKEN=$token act docker run --detach --name "$container" --label "modelwhisk.smoke=$RUN" --platform "$PLATFORM" \
    --cpu-shares 256 --memory "${memory}m" --memory-swap "${memory}m" --network bridge \
    --cap-drop NET_RAW --cap-drop NET_ADMIN --ulimit nofile=1024:1024 --pids-limit 1024 --log-driver json-file \
    --log-opt max-size=200m --log-opt max-file=2 --env __OW_API_HOST=http://localhost --env MODELPROXY_TOKEN \
    ${RUN_WITHOUT[@]+"${RUN_WITHOUT[@]}"} -- "$1" || fail "the container doesn't start: $(why)"
  client=(docker exec --interactive "$container" /bin/sh -c "$IN_CONTAINER" sh "${path:-/model/metadata}" "$INIT_TIMEOUT" "$wanted")
  if ((DRY_RUN)); then
    printf '%s <%s\n' "$(show "${client[@]}")" "$(quoted "$HERE/smoke.py")"
    show docker logs "$container"
    show docker rm --force --volumes "$container"
    return
  fi
  # The client's own times are the image's word, too.
  if ask "$container" "$((INIT_TIMEOUT + 180))" "$MOST_WORDS" "$HERE/smoke.py" "$JOB/findings" "${client[@]}"; then
    fault=$(finding fault)
    [[ -n $fault || -z $(not_a_number) ]] || fault="the image's Python answered no number for $(not_a_number)"
  else
    fault=${UNANSWERED:-$(death "$container" "$memory")}
  fi
  collect_logs "$container" "$([[ -n $fault ]] || printf 1)"
  [[ -n $fault ]] || fault=$(log_fault "$wanted")
  [[ -n $fault || -z $DRIFT_DIGEST ]] || fault=$(drift_fault)
  remove "$container" &
  [[ -z $fault ]] || fail_with_log "smoke test: $fault"
  [[ -z $(finding drift) ]] || say "Model-Drift: $(finding drift)"
  [[ -z $(finding unhappy) ]] || say "it loads, but $(finding unhappy); --test-path names a path that has to answer"
  advise
}

# Takes the engine a moment, in which the image gets its tags.
remove() { # CONTAINER
  local words
  words=$(docker rm --force --volumes "$1" 2>&1) || say "the container $1 stays: $words"
}

# Why the model's predictions aren't compared with its reference, or nothing.
drift_fault() {
  sed -n 's/^modelproxy: \(drift: .*\)\. Predictions are.* watched\.$/\1/p' "$JOB/stdout" | head -n 1
}

finding() { # KEY
  sed -n "s/^$1 //p" "$JOB/findings" | tail -n 1
}

# The client runs on the image's own Python, so what it found is the image's word. Bash runs commands that stand in what
# it is to calculate with: only a number may get there.
not_a_number() { # the first finding that is none, or nothing
  local key
  for key in init_ms memory_mb; do
    matches "$(finding "$key")" '(0|[1-9][0-9]{0,8})' || { printf '%s' "$key" && return; }
  done
}

# Why the client could not finish: mostly because the container ended under it.
death() { # CONTAINER MEMORY
  local state
  state=$(docker inspect --format '{{.State.Running}} {{.State.OOMKilled}} {{.State.ExitCode}}' "$1" 2>/dev/null) || state=''
  case $state in
    *' true '*) printf 'killed for want of memory at %s MB; give it more with --memory' "$2" ;;
    false*) printf 'the container ended with exit status %s: %s' "${state##* }" "$(docker logs --tail 3 "$1" 2>&1 | tail -n 1)" ;;
    *) printf 'the test client failed inside the container: %s' "$(why)" ;;
  esac
}

# Both streams, each to a file. The engine may write them down a moment after the reply: waits for what must come.
collect_logs() { # CONTAINER WANTED
  local try
  for ((try = 1; try <= 20; try++)); do
    { docker logs "$1" 2>&1 >&6 </dev/null | head -c "$MOST_LOG" >"$JOB/stderr"; } 6>&1 | head -c "$MOST_LOG" >"$JOB/stdout" || true
    if [[ -z $2 || -n $(full_log) ]] || { grep -q "$MARKER" "$JOB/stdout" && grep -q "$MARKER" "$JOB/stderr"; }; then break; fi
    sleep 0.2
  done
  cat "$JOB/stdout" "$JOB/stderr" >>"$JOB/log"
}

full_log() { # the stream that has more than is read of it, or nothing
  local stream
  for stream in stdout stderr; do
    (($(wc -c <"$JOB/$stream") < MOST_LOG)) || { printf '%s' "$stream" && return; }
  done
}

# True where the model is a program of its own, which may write of a request when that is answered already.
is_command() {
  grep -q '^modelproxy: host command' "$JOB/stdout" "$JOB/stderr"
}

log_fault() { # good|any
  local stream
  stream=$(full_log)
  [[ -z $stream ]] || { printf 'it logs more to %s than the 10 MB that the platform keeps' "$stream" && return; }
  for stream in stdout stderr; do
    if [[ $(grep -c "^$MARKER\$" "$JOB/$stream") != 1 ]]; then
      printf 'after one activation %s has %s end markers on lines of their own, not one' \
        "$stream" "$(grep -c "^$MARKER\$" "$JOB/$stream")"
      return
    elif [[ $(tail -n 1 "$JOB/$stream") != "$MARKER" ]] && ! is_command; then
      printf '%s goes on after the end marker: %s' "$stream" "$(tail -n 1 "$JOB/$stream")"
      return
    elif [[ $1 == good ]] && grep -q '^Traceback (most recent call last)' "$JOB/$stream"; then
      printf 'a traceback in the log, ending in: %s' \
        "$(sed -n '/^Traceback (most recent call last)/,$p' "$JOB/$stream" | grep '^[A-Za-z_.]*\(Error\|Exception\|Exit\)' | head -n 1)"
      return
    fi
  done
}

# The platform stops an action that passes its memory, and /init must end within the action's time limit. A prediction
# needs more of both than loading does: half as much again, and three times, to be safe.
advise() {
  local init_ms memory_mb memory timeout advice=''
  init_ms=$(finding init_ms)
  memory_mb=$(finding memory_mb)
  memory=$(((memory_mb * 3 / 2 + 127) / 128 * 128))
  ((memory >= 256)) || memory=256
  timeout=$(((init_ms * 3 + 9999) / 10000 * 10000))
  ((timeout >= 60000)) || timeout=60000
  if ((timeout > 300000)); then
    timeout=300000
    advice+="its /init took $((init_ms / 1000)) s of the 300 s that OpenWhisk grants at most; "
  fi
  if [[ -n $CATALOGUE_MEMORY ]] && ((CATALOGUE_MEMORY > memory)); then
    advice+="its authors recommend $CATALOGUE_MEMORY MB; "
  fi
  if ((memory > 512)); then advice+="more than 512 MB has to be allowed by the platform's operator; "; fi
  note init_ms "$init_ms"
  note memory_mb "$memory_mb"
  note limit_memory "$memory"
  note limit_timeout "$timeout"
  note advice "${advice%; }"
  say "smoke test passed: /init $((init_ms / 1000)).$(printf '%03d' $((init_ms % 1000))) s, $memory_mb MB: -m $memory -t $timeout"
}
