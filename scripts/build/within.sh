# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# Commands that others can keep from ending: what an image runs while it is built or asked, a registry that says nothing.

readonly NO_END=124 # the status of a command that was ended, as timeout(1) has it

# Runs COMMAND, and ends it after SECONDS with all that it started: as a process group of its own, since docker starts others
# (buildx), which may go on without it. clean_up ends it with the run. What reads its words isn't in the group, so that none
# of them is lost.
within() { # SECONDS COMMAND...
  local seconds=$1 status=0 group
  shift
  [[ -p $JOB/ended ]] || mkfifo -- "$JOB/ended"
  exec 7<>"$JOB/ended"
  set -m
  {
    "$@" || status=$?
    printf '%d\n' "$status" >&7
  } &
  set +m
  group=$!
  : >"$WORK/groups/$group"
  if ! IFS= read -r -t "$seconds" status <&7; then
    end_group "$group"
    status=$NO_END
  fi
  exec 7>&-
  rm -f -- "$WORK/groups/$group"
  return "$status"
}

# In ten seconds, if it must be.
end_group() { # PROCESS GROUP
  local try
  kill -TERM -- "-$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
  for ((try = 0; try < 50; try++)); do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -KILL -- "-$1" 2>/dev/null || true
}

# Runs COMMAND with no more than so many bytes of what it prints in FILE, and of its errors in JOB/out (one more tells): head
# ends one that writes without end.
kept_apart() { # BYTES FILE COMMAND...
  local most=$1 file=$2
  shift 2
  { "$@" 2>&1 >&6 | head -c "$((MOST_WORDS + 1))" >"$JOB/out"; } 6>&1 | head -c "$((most + 1))" >"$file"
}
