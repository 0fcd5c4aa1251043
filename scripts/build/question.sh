# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# Questions to an image's own Python: what it answers is the image's word, and so are how much that is and whether it ends.

readonly MOST_WORDS=100000    # bytes, for an answer of a few lines and for errors
readonly QUESTION_SECONDS=600 # for one that reads the model's files

# Runs COMMAND, which asks in the container of that name: PROGRAM is its standard input, what it prints comes into FILE, its
# errors into JOB/out. Where it says more than BYTES or takes longer, the container is ended, since it goes on when
# nobody listens any more, and UNANSWERED says what was wrong.
ask() { # CONTAINER SECONDS BYTES PROGRAM FILE COMMAND...
  local container=$1 seconds=$2 most=$3 program=$4 file=$5 status=0
  shift 5
  UNANSWERED=''
  : >"$WORK/containers"
  kept_apart "$most" "$file" within "$seconds" "$@" <"$program" || status=$?
  if ((status == NO_END)); then
    UNANSWERED="gave no answer in $seconds s"
  elif (($(wc -c <"$file") > most)); then
    UNANSWERED="wrote more than $most bytes"
  elif (($(wc -c <"$JOB/out") > MOST_WORDS)); then
    UNANSWERED="wrote more than $MOST_WORDS bytes of errors"
  fi
  [[ -n $UNANSWERED ]] || return "$status"
  UNANSWERED="the image's Python $UNANSWERED"
  docker kill "$container" >/dev/null 2>&1 || true
  return 1
}
