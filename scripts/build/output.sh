# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# What a person sees of a build: progress lines with one prefix for each image, commands, the table and the summary file.

# Colours only where a person looks on, and never against their will (no-color.org).
use_colours() {
  [[ -t 2 && -z ${NO_COLOR-} && ${TERM-dumb} != dumb ]] || return 0
  COLOUR_ON=$'\033[36m'
  COLOUR_OFF=$'\033[0m'
}

# The characters beyond ASCII as UTF-8 has them (RFC 3629, section 4), and those that terminals obey: the C1 controls (U+0080
# to U+009F) and what turns the direction of writing (U+202A to U+202E, U+2066 to U+2069).
readonly TAIL=$'[\x80-\xbf]'
readonly BEYOND_ASCII=$'[\xc2-\xdf]'$TAIL$'|\xe0[\xa0-\xbf]'$TAIL$'|[\xe1-\xec\xee\xef]'$TAIL$TAIL$'|\xed[\x80-\x9f]'$TAIL$'|\xf0[\x90-\xbf]'$TAIL$TAIL$'|[\xf1-\xf3]'$TAIL$TAIL$TAIL$'|\xf4[\x80-\x8f]'$TAIL$TAIL
readonly STEERING=$'\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]'

# Control characters could rewrite a terminal's lines: in names and in other programs' words they become question marks,
# and so does what isn't UTF-8, since a lone byte may be a control in a terminal's own encoding. If they were dropped,
# what is around one could be the bytes of another. Characters are first put between two bytes that no text has any more
# (not \001 or \177, which bash itself uses within words).
readonly HARMLESS=(-e "s/$BEYOND_ASCII/"$'\002&\003/g' -e $'s/(^|[^\002\x80-\xff])[\x80-\xff]+/\\1?/g'
  -e $'s/\002('"$STEERING"$')\003/?/g' -e $'s/[\002\003]//g')

harmless() {
  tr '\000-\010\013-\037\177' '[?*]' | sed -E "${HARMLESS[@]}"
}

plain() {
  clean "$1"
  printf '%s' "$CLEAN"
}

# Bytes of one word or line that are shown or kept; no path has more. An image's words may have megabytes, of which each
# replacement in bash would be a copy.
readonly MOST_SHOWN=4096

# Sets CLEAN to it, cut. A subshell for each of many words is most of what an image costs that is up to date.
clean() {
  CLEAN=$1
  ((${#CLEAN} <= MOST_SHOWN)) || CLEAN=${CLEAN:0:MOST_SHOWN}…
  is_ascii "$CLEAN" || CLEAN=$(printf '%s' "$CLEAN" | harmless)
}

# And without control characters.
is_ascii() {
  [[ $1 != *[[:cntrl:]]* && $1 != *[$'\x80'-$'\xff']* ]]
}

say() {
  clean "$*"
  # One printf for each line, which keeps the lines of parallel images whole.
  printf '%s%-*s |%s %s\n' "$COLOUR_ON" "$WIDTH" "$PREFIX" "$COLOUR_OFF" "$CLEAN" >&2
}

# The same for each line that it reads, of which an image may write millions: one program for all of them, where bash itself
# took half a minute for a megabyte. It writes each as a whole when it has come, the last one too where no newline ends it.
prefixed() {
  local start
  start=$(printf '%s%-*s |%s ' "$COLOUR_ON" "$WIDTH" "$PREFIX" "$COLOUR_OFF" | sed -e 's/[\/&]/\\&/g' -e '$!s/$/\\/')
  line_by_line
  sed ${BY_LINE:+"$BY_LINE"} -n -E -e $'s/[^\t -~\x80-\xff]/?/g' -e $'s/./\002/'"$((MOST_SHOWN + 1))" -e $'s/\002.*/…/' \
    "${HARMLESS[@]}" -e "s/^/$start/" -e 'G' -e 'P' >&2
}

# Sets BY_LINE to the option by which sed writes each line at once: BSD's -l (GNU's has an argument) or GNU's -u. Where there
# is none (busybox), lines come in blocks but on a terminal.
line_by_line() {
  for BY_LINE in -l -u; do
    if sed "$BY_LINE" p </dev/null >/dev/null 2>&1; then return; fi
  done
  BY_LINE=''
}

die() {
  printf 'build.sh: %s\n' "$(plain "$*")" >&2
  exit 2
}

# Whether a word is one of OPEN_WORDS, which hold a command of ours: what it prints is known only after the pull. Not told
# by its content, since others' words may have the same.
is_open() {
  local word
  for word in ${OPEN_WORDS[@]+"${OPEN_WORDS[@]}"}; do [[ $1 != "$word" ]] || return 0; done
  return 1
}

# A word as it can be pasted into a shell.
quoted() {
  local escaped="'\\''"
  if matches "$1" '[A-Za-z0-9_./:@%+=,-]+'; then
    printf '%s' "$1"
  elif is_open "$1"; then
    printf '"%s"' "$1"
  elif ! is_ascii "$1" && [[ $1 == *[[:cntrl:]]* || $(printf '%s' "$1" | harmless) != "$1" ]]; then
    # As $'\033': without a quotation mark in it, at which a shell that doesn't know this would end the word.
    printf '%q' "$1" | sed -e 's/\\\\/\\134/g' -e "s/\\\\'/\\\\047/g"
  else
    printf "'%s'" "${1//\'/$escaped}"
  fi
}

show() {
  local line='' word
  for word; do line+=" $(quoted "$word")"; done
  printf '%s\n' "${line# }"
}

# Of each command, as of each stream that a model logs to, of which the platform keeps no more for an activation.
readonly MOST_LOG=$((10 * 1024 * 1024)) # bytes

# Runs a command for the image in hand. Its words go to the image's log; `why` finds the reason of a failure in them. One
# that has more of them is ended by head.
logged() {
  local status=0
  if ((VERBOSE)); then
    { "$@" 2>&1 | tee /dev/fd/4 | prefixed; } 4>&1 | head -c "$MOST_LOG" >"$JOB/out" || status=$?
  else
    "$@" 2>&1 | head -c "$MOST_LOG" >"$JOB/out" || status=$?
  fi
  cat "$JOB/out" >>"$JOB/log"
  (($(wc -c <"$JOB/out") < MOST_LOG)) || printf 'it wrote more than %d bytes\n' "$MOST_LOG" >"$JOB/out"
  return "$status"
}

# The same for a command that changes something: --dry-run shows it instead.
act() {
  if ((DRY_RUN)); then show "$@"; else logged "$@"; fi
}

# The line that says why the last command failed, without the engine's preambles.
why() {
  local line
  line=$(sed -n 's/^.*modelproxy: //p' "$JOB/out" | tail -n 1)
  [[ -n $line ]] || line=$(grep -i 'error' "$JOB/out" | tail -n 1) || true
  [[ -n $line ]] || line=$(grep -v '^[[:space:]]*$' "$JOB/out" | tail -n 1) || true
  line=${line#Error response from daemon: }
  line=${line#ERROR: }
  line=${line#failed to configure transport: error pinging v2 registry: }
  printf '%s' "${line:-no reason given}"
}

# Findings about one image: written by its job, read by the report. A value is one line.
note() {
  clean "$2"
  printf '%s\n' "${CLEAN//[$'\n\t']/ }" >"$JOB/$1.note"
}

noted() { # INDEX KEY
  recall "$1" "$2"
  printf '%s' "$NOTED"
}

# Sets NOTED to it.
recall() { # INDEX KEY
  NOTED=''
  [[ ! -e $WORK/$1/$2.note ]] || IFS= read -r NOTED <"$WORK/$1/$2.note"
}

human_bytes() {
  if [[ -z $1 ]]; then
    printf -- '-'
  elif (($1 < 1000)); then
    printf '%d B' "$1"
  elif (($1 < 1000000)); then
    printf '%d kB' "$((($1 + 500) / 1000))"
  else
    printf '%d.%d MB' "$(($1 / 1000000))" "$(($1 % 1000000 / 100000))"
  fi
}

print_table() {
  local i image digest seconds state width=5 format='%-*s  %-8s  %-19s  %7s  %s\n'
  for ((i = 0; i < ${#SOURCES[@]}; i++)); do
    image=${TARGETS[i]:-${LABELS[i]}}
    ((${#image} <= width)) || width=${#image}
  done
  # shellcheck disable=SC2059 # the same format for the head and the rows
  printf "$format" "$width" IMAGE ADDED DIGEST SECONDS RESULT
  for ((i = 0; i < ${#SOURCES[@]}; i++)); do
    recall "$i" digest && digest=$NOTED
    recall "$i" seconds && seconds=$NOTED
    recall "$i" status && state=$NOTED
    recall "$i" reason
    [[ -z $NOTED ]] || state+=": $NOTED"
    recall "$i" added_bytes
    # shellcheck disable=SC2059
    printf "$format" "$width" "${TARGETS[i]:-${LABELS[i]}}" "$(human_bytes "$NOTED")" "${digest:0:19}" "$seconds" "$state"
  done
}

# The command that makes an action of each image, with the limits that the smoke test calls for.
print_next_steps() {
  local i target advised=0
  for ((i = 0; i < ${#SOURCES[@]}; i++)); do
    recall "$i" status
    [[ $NOTED == built ]] || continue
    target=$(noted "$i" version_image)
    [[ -n $target ]] || continue
    ((advised)) || printf '\nNext, for each:\n'
    advised=1
    printf '  wsk action create %s --docker %s --web raw' "${TARGETS[i]##*/}" "$target"
    [[ -z $(noted "$i" memory_mb) ]] ||
      printf ' -m %s -t %s' "$(noted "$i" limit_memory)" "$(noted "$i" limit_timeout)"
    printf '\n'
    [[ -z $(noted "$i" advice) ]] || printf '    %s\n' "$(noted "$i" advice)"
  done
}

# Other programs' words may be in any encoding, and hold anything; JSON has one, and no control characters.
json_string() {
  local text
  clean "$1"
  text=$CLEAN
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  printf '"%s"' "$text"
}

json_field() { # INDEX KEY [number]
  local value
  value=$(noted "$1" "$2")
  if [[ -z $value ]]; then
    printf '"%s": null' "$2"
  elif [[ ${3-} == number ]]; then
    printf '"%s": %s' "$2" "$value"
  else
    printf '"%s": %s' "$2" "$(json_string "$value")"
  fi
}

# A reader never sees half of it, and nobody who might not read what was there. One's own link leads to the place. What
# stands there may be another's, in a folder that others may write to, and is replaced. What is at /dev/… or a pipe of one's
# own stays what it is.
write_summary() { # FILE FAILURES
  local file=$1 links=0 mask=''
  [[ $file == /* ]] || file=./$file # and so no option of find
  until [[ ($file == /dev/* && $file != /dev/shm/*) || ! -L $file ]] || ! is_own_link "$file"; do
    links=$((links + 1))
    [[ $links -le 40 ]] || die "--summary: $1 can't be written: its links lead to each other"
    file=$(beside "$file" "$(readlink "$file")")
  done
  if [[ $file == /dev/* && $file != /dev/shm/* ]]; then
    summary "$2" >"$file"
    return
  fi
  [[ ! -e $file || -f $file || -p $file || -L $file ]] || die "--summary: $1 can't be written: it is no file and no pipe"
  if [[ -p $file && ! -L $file ]] && is_own "$file"; then
    # By its name there may be a link of another's by now: nothing is emptied, and what was opened is looked at once more.
    {
      [[ -p /dev/fd/3 && -O /dev/fd/3 ]] || die "--summary: $1 can't be written: it is no pipe any more"
      summary "$2" >&3
    } 3>>"$file"
    return
  fi
  [[ ! -f $file || -L $file ]] || ! is_own "$file" || mask=$(umask_of "$file")
  summary "$2" | place "$file" "$mask" || die "--summary: $1 can't be written"
}

summary() { # FAILURES
  local i key
  printf '{\n  "failures": %d,\n  "images": [' "$1"
  for ((i = 0; i < ${#SOURCES[@]}; i++)); do
    ((i == 0)) || printf ','
    printf '\n    {"model": %s, "image": %s' "$(json_string "$(plain "${SOURCES[i]}")")" "$(json_string "${TARGETS[i]}")"
    for key in status reason digest base_name base_digest tags sbom; do printf ', %s' "$(json_field "$i" "$key")"; done
    for key in added_bytes seconds init_ms memory_mb limit_memory limit_timeout; do
      printf ', %s' "$(json_field "$i" "$key" number)"
    done
    printf '}'
  done
  printf '\n  ]\n}\n'
}
