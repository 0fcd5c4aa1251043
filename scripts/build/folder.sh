# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# Models that are folders or zips: their names, and the context from which Dockerfile.folder builds them.
#
# What a context holds of the model is decided here; what is in it, by the model's Python (prepare.py), inside the build.

# Settings of pip that the build gets, by name alone, as it gets the proxies: they may hold passwords.
readonly PIP_SETTINGS=(PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST PIP_DEFAULT_TIMEOUT PIP_RETRIES)
# Large folders that nobody takes back; find needn't enter them.
readonly NEVER_ENTERED=(.git .hg .svn __pycache__ .venv node_modules .tox .nox)
# Where prepare.py looks for a zip.
readonly ZIP_IN_CONTEXT=.modelwhisk.zip
# For files that may become pipes while they are opened: of a kilobyte, and of gigabytes on a slow network.
readonly RULES_SECONDS=60 ZIP_SECONDS=3600
readonly GREW='it grew while it was copied, and there is no room for that'
readonly BROKEN_PIPE=141 # the status of a command that writes where nobody reads
# Of any time, so that a checkout's times don't make other layers.
readonly ONE_TIME=198001010000

# A path is told from an image by how it begins; a zip also by being there.
is_path() { # SOURCE
  case $1 in
    . | .. | ./* | ../* | /* | '~'*) return 0 ;;
    *.zip) [[ -f $1 ]] ;;
    *) return 1 ;;
  esac
}

# Sets LOCAL_PATH to where a source is, as every command takes it: nothing that begins with a dash or a tilde.
local_path() { # SOURCE
  LOCAL_PATH=$1
  while [[ $LOCAL_PATH == ?*/ ]]; do LOCAL_PATH=${LOCAL_PATH%/}; done
  # shellcheck disable=SC2088 # in MODELS="~/a ~/b" no shell expands it
  if [[ $1 == '~' || $1 == '~/'* ]]; then LOCAL_PATH=${HOME-}${LOCAL_PATH#'~'}; fi
  [[ $LOCAL_PATH == [./]* ]] || LOCAL_PATH=./$LOCAL_PATH
}

# Why a path can't be a model, or nothing.
path_error() { # SOURCE
  local_path "$1"
  if [[ -d $LOCAL_PATH ]]; then
    [[ -r $LOCAL_PATH && -x $LOCAL_PATH ]] || printf 'the folder can'\''t be read: %s' "$1"
  elif [[ ! -e $LOCAL_PATH ]]; then
    printf 'there is no folder or zip %s' "$1"
  elif [[ ! -f $LOCAL_PATH || $LOCAL_PATH != *.zip ]]; then
    printf 'neither a folder nor a .zip: %s' "$1"
  elif [[ ! -r $LOCAL_PATH ]]; then
    printf 'the zip can'\''t be read: %s' "$1"
  fi
}

# The path's last word as the name of an image, '' where nothing of it can be one.
name_of_path() { # SOURCE
  local name
  local_path "$1"
  case $LOCAL_PATH in
    *.zip) name=${LOCAL_PATH%.zip} ;;
    . | .. | */. | */..) name=$(cd -- "$LOCAL_PATH" && pwd -P) || return 0 ;;
    *) name=$LOCAL_PATH ;;
  esac
  name=${name##*/}
  printf '%s' "${name:0:100}" | tr 'A-Z\n\t' 'a-z--' |
    sed -e 's/[^a-z0-9._-]/-/g' -e 's/[._-][._-]*[._-]/-/g' -e 's/^[._-]*//' -e 's/[._-]*$//'
}

# The Dockerfile as it stands over a base image, in the place that the folder's own keeps for it.
folder_dockerfile() {
  local template=$HERE/Dockerfile.folder
  sed -e '/^#> Dockerfile$/,$d' "$template"
  # shellcheck disable=SC2016 # the Dockerfile's variable
  sed -e '1,/^ARG MODEL_IMAGE$/d' -e 's/^FROM \${MODEL_IMAGE}/FROM environment/' "$DOCKERFILE"
  sed -e '1,/^#> Dockerfile$/d' "$template"
}

# Sets CONTEXT, a new folder with all that the image is made of, and MODEL_DIGEST, which tells its content from another.
make_context() { # SOURCE
  local kept
  CONTEXT=$JOB/context
  mkdir -p -- "$CONTEXT/source" "$CONTEXT/certificates" "$CONTEXT/scripts/build"
  folder_dockerfile >"$CONTEXT/Dockerfile"
  copy_list "$ROOT" "$CONTEXT" < <(cd -- "$ROOT" && find runtime -name '*.py' -type f &&
    printf '%s\n' scripts/build/{exclude,find_python.sh,install.py,packages.py,prepare.py,unpack.py}) ||
    fail "copying the proxy: $(head -n 1 "$JOB/out")"
  local_path "$1"
  if [[ -f $LOCAL_PATH ]]; then
    begin_copy
    check_room . < <(printf '%s\0' "$LOCAL_PATH")
    copy_zip "$LOCAL_PATH" "$(room)"
    end_copy
  else
    copy_model "$LOCAL_PATH"
  fi
  # Any user may read it, whatever this machine's umask made of it.
  { chmod -R u+rwX,go+rX,go-w,ug-s "$CONTEXT" && find "$CONTEXT" -exec touch -h -t "$ONE_TIME" {} +; } 2>"$JOB/out" ||
    fail "preparing the files: $(why)"
  MODEL_DIGEST=sha256:$(content_digest "$CONTEXT") || fail "the files can't be read: $(why)"
  # Not a part of the content: from where packages come, and whose certificates are trusted for that.
  add_certificates
}

# Copies the files whose paths it reads, a line each. tar alone keeps links and modes and starts once for all of them.
copy_list() { # FROM TO [BYTES]
  local ends
  tr '\n' '\0' >"$JOB/list0"
  [[ -s $JOB/list0 ]] || return 0
  COPYFILE_DISABLE=1 tar -C "$1" -cf - --null -T "$JOB/list0" 2>"$JOB/out" | beginning "${3-}" |
    tar -C "$2" -xf - 2>>"$JOB/out" || {
    ends=("${PIPESTATUS[@]}")
    ((ends[0] != BROKEN_PIPE)) || printf '%s\n' "$GREW" >"$JOB/out"
    return 1
  }
}

copy_zip() { # ZIP BYTES
  local copy=$CONTEXT/source/$ZIP_IN_CONTEXT
  read_file "$ZIP_SECONDS" "$2" "$1" "$copy" || fail "the zip can't be read: $(why)"
  [[ -z $2 ]] || (($(wc -c <"$copy") < $2)) || fail "the zip can't be read: $GREW"
}

# What stands by its name may be another file than at the look before, a pipe that nobody writes to.
read_file() { # SECONDS BYTES FILE COPY
  local status=0
  within "$1" beginning "$2" "$3" >"$4" 2>"$JOB/out" || status=$?
  ((status != NO_END)) || printf 'it has not come to its end in %d s\n' "$1" >"$JOB/out"
  return "$status"
}

# So many bytes of a file or of what comes; all where there is no number.
beginning() { # BYTES [FILE]
  if [[ -n $1 ]]; then
    head -c "$1" ${2+"$2"}
  else
    cat ${2+"$2"}
  fi
}

# One model is copied at a time, since check_room doesn't see what another job is about to write. Of a job that fails meanwhile
# end_job gives the turn to the next.
begin_copy() {
  local turn
  IFS= read -r -n 1 turn <&5
  COPYING=1
}

end_copy() {
  COPYING=0
  printf '.' >&5
}

# The bytes that may be written, which leaves a tenth of the room free; nothing where the system doesn't tell.
room() {
  df -Pk "$CONTEXT" 2>/dev/null | sed -n 's/^.* \([0-9][0-9]*\)  *[0-9][0-9]*% .*$/\1/p' |
    awk '{ printf "%.0f", $1 * 1024 * 0.9 }'
}

# Refuses files for which there is no room: a sparse one is copied as long as it says that it is. Reads their paths, each with
# a NUL at the end. Who may write to them may let them grow afterwards, so that the copies have an end besides.
check_room() { # FOLDER
  local megabytes
  megabytes=$(cd -- "$1" && xargs -0 ls -dlnq -- 2>/dev/null |
    awk -v room="$(room)" '{ size += $5 } END { if (room && size > room) printf "%.0f", size / 1e6 }') || true
  [[ -z $megabytes ]] ||
    fail "it has $megabytes MB, for which there is no room in ${WORK%/*}: leave files out by .dockerignore, or set TMPDIR"
}

# Whatever becomes of its path, the folder stays the one that it was at first.
copy_model() { # FOLDER
  local target=$CONTEXT/source back=$PWD files left tries=1
  cd -- "$1" || fail "the folder can't be read"
  watch_folder
  copy_files
  until stayed <"$JOB/files"; do
    ((tries++ < 3)) ||
      fail 'others may write to the folder, and it was changed while it was copied: build a copy to which only you may write'
    rm -rf -- "$target" && mkdir -- "$target"
    watch_folder
    copy_files
  done
  cd -- "$back" || fail "the folder in which build.sh was started can't be read"
  files=$(wc -l <"$JOB/files")
  ((files > 0)) || fail "there is nothing in the folder that could go into an image"
  left=$(sed -e 's|^\./||' "$JOB/left" | sort | head -n 12 | tr '\n' ' ')
  (($(wc -l <"$JOB/left") <= 12)) || left+='… '
  say "taking $((files)) files${left:+; left out: ${left% }}"
}

# Copies what goes into the image from the folder one is in.
copy_files() {
  local target=$CONTEXT/source
  list_model . >"$JOB/kept" || fail "its .dockerignore can't be used: $(why)"
  sed -n 's|/$||p' "$JOB/kept" | tr '\n' '\0' >"$JOB/folders"
  [[ ! -s $JOB/folders ]] || (cd -- "$target" && xargs -0 mkdir -p -- <"$JOB/folders")
  sed '/\/$/d' "$JOB/kept" >"$JOB/files"
  begin_copy
  check_room . < <(tr '\n' '\0' <"$JOB/files")
  copy_list . "$target" "$(room)" <"$JOB/files" || fail "the folder can't be read: $(head -n 1 "$JOB/out")"
  end_copy
}

# Prints the paths that go into the image, folders with a slash at the end; those that don't are listed in JOB/left.
list_model() { # FOLDER
  local prune=(-false) name strange
  for name in "${NEVER_ENTERED[@]}"; do prune+=(-o -name "$name"); done
  if ! (cd -- "$1" && find . \( "${prune[@]}" \) -print -prune -o -type d -print) 2>"$JOB/out" >"$JOB/folders" ||
    ! (cd -- "$1" && find . \( "${prune[@]}" \) -prune -o \( -type f -o -type l \) -print) 2>"$JOB/out" >"$JOB/others"; then
    fail "the folder can't be read: $(why)"
  fi
  strange=$(cd -- "$1" && find . \( "${prune[@]}" \) -prune -o -name $'*\n*' -print | tr '\n' ' ')
  [[ -z $strange ]] || fail "a file's name has a line break: $strange"
  read_rules "$1/.dockerignore"
  : >"$JOB/left"
  { sed -e '/^\.$/d' -e 's|$|/|' "$JOB/folders" && cat "$JOB/others"; } |
    OURS="$(our_rules)" RULES="$(cat "$JOB/rules")" LEFT="$JOB/left" awk -f "$HERE/ignore.awk" 2>"$JOB/out" | sort
}

our_rules() {
  sed -e '/^#/d' -e '/^$/d' -e 's|^|**/|' "$HERE/exclude"
}

# Keeps the folder's own in JOB/rules. They are read on the machine itself: behind a link may be what isn't the folder's, or
# never ends, as a pipe doesn't that comes after the look.
read_rules() { # FILE
  : >"$JOB/rules"
  [[ ! -L $1 ]] || fail "its .dockerignore is a link: put the file itself there"
  [[ -e $1 ]] || return 0
  [[ -f $1 ]] || fail "its .dockerignore is no file"
  read_file "$RULES_SECONDS" "$((MOST_WORDS + 1))" "$1" "$JOB/rules" || fail "its .dockerignore can't be read: $(why)"
  # An environment has no more room, and a list by hand no more rules.
  (($(wc -c <"$JOB/rules") <= MOST_WORDS)) || fail "its .dockerignore has more than $MOST_WORDS bytes"
}

# Names, kinds and contents of all files below a folder, in any order of the file system.
content_digest() { # FOLDER
  local link program=(sha256sum)
  command -v sha256sum >/dev/null || program=(shasum -a 256)
  cd -- "$1" || return
  {
    find . -type f | sort | tr '\n' '\0' | xargs -0 "${program[@]}"
    find . -type f -perm -100 | sort | sed 's/^/x /'
    find . -type d | sort | sed 's/^/d /'
    find . -type l | sort | while IFS= read -r link; do printf 'l %s %s\n' "$link" "$(readlink "$link")"; done
  } 2>"$JOB/out" | sha256 | cut -c 1-64
}

# A company's own authority, or that of a machine behind an inspecting gateway, by the variables that pip reads itself.
add_certificates() {
  local file=${PIP_CERT:-${REQUESTS_CA_BUNDLE:-${CURL_CA_BUNDLE-}}}
  [[ -n $file ]] || return 0
  if [[ -f $file && -r $file ]]; then
    cat -- "$file" >"$CONTEXT/certificates/pip.pem"
    chmod 644 "$CONTEXT/certificates/pip.pem"
    touch -t "$ONE_TIME" "$CONTEXT/certificates/pip.pem"
  else
    say "the certificates for pip can't be read: $file"
  fi
}

# All labels in one step at the end: as options each would be a step, which takes the older builder a moment.
label_context() { # TARGET
  local label
  printf 'LABEL' >>"$CONTEXT/Dockerfile"
  while IFS= read -r label; do
    printf ' %s=%s' "${label%%=*}" "$(json_string "${label#*=}" | sed 's/\$/\\$/g')" >>"$CONTEXT/Dockerfile"
  done < <(labels_of "$1")
  printf '\n' >>"$CONTEXT/Dockerfile"
}

# What prepare.py has to say to the user, once.
show_notes() {
  local note
  while IFS= read -r note; do say "$note"; done < <(sed -n 's/^.*modelwhisk-note: //p' "$JOB/out" | awk '!seen[$0]++' | head -n "$LOG_TAIL")
}
