# shellcheck shell=bash disable=SC2154 # variables are shared with the other parts
# A folder in which others may write while it is copied: what was a folder or a file when it was listed may be a link to
# one's own files when it is opened. No program that every system has opens a path without that; but a folder's change
# time, which nobody can set, tells whether anything in it was renamed, made or removed.

# Begins to watch the folder one is in, where there is a reason.
watch_folder() {
  WATCHED=0
  others_may_write || return 0
  WATCHED=1
  find_folders -print 2>/dev/null | states_of >"$JOB/before" 2>/dev/null || true # what is missing there has changed
  # Until a change has another time than any before it, also where times are whole seconds.
  sleep 1.1 2>/dev/null || sleep 2
}

# Whether all folders on the way to the files whose paths it reads, a line each, are those that they were.
stayed() {
  ((WATCHED)) || return 0
  awk '{ while (sub(/\/[^\/]*$/, "")) if (!seen[$0]++) print }' | sort | states_of >"$JOB/after" 2>/dev/null &&
    [[ -z $(sort "$JOB/after" | comm -13 <(sort "$JOB/before") -) ]]
}

# Others are all but oneself and root; one's own group has nobody else in it where it is called as oneself is and lists none.
others_may_write() {
  local me group=(-perm -020)
  if me=$(id -un 2>/dev/null) && [[ $me == "$(id -gn 2>/dev/null)" ]] && is_alone_in "$me"; then group+=(! -group "$(id -g)"); fi
  [[ -n $(find_folders \( ! -user "$EUID" ! -user 0 -o -perm -002 -o "${group[@]}" \) -print 2>/dev/null | head -n 1) ]]
}

# Whether the system knows a group of a name, with nobody but the user of that name in it.
is_alone_in() { # NAME
  local known members
  known=$(getent group "$1" 2>/dev/null || grep -- "^$1:" /etc/group 2>/dev/null) || return 1
  members=${known##*:}
  [[ -z $members || $members == "$1" ]]
}

find_folders() { # CONDITION…
  local never=(-false) name
  for name in "${NEVER_ENTERED[@]}"; do never+=(-o -name "$name"); done
  find . \( "${never[@]}" \) -prune -o -type d "$@"
}

# Which folder each path is, and when anything in it changed.
states_of() {
  if stat -c %i . >/dev/null 2>&1; then
    tr '\n' '\0' | xargs -0 stat -c '%d:%i %z %n'
  else
    tr '\n' '\0' | xargs -0 stat -f '%d:%i %Fc %N'
  fi
}
