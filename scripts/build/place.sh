# shellcheck shell=bash
# Files by names that others can tell beforehand, in folders that others may write to: nothing of theirs is written through.

is_own() { # LINK_OR_PIPE
  [[ -n $(find "$1" -prune -user "$EUID") ]]
}

# The path that another one means to which it is relative.
beside() { # FILE PATH
  if [[ $2 == /* ]]; then printf '%s' "$2"; else printf '%s/%s' "${1%/*}" "$2"; fi
}

# What no more may be done with a new file than with this one.
umask_of() { # FILE
  local bit mask=0
  for bit in 400 200 040 020 004 002; do
    [[ -n $(find -L "$1" -prune -perm "-$bit") ]] || mask=$((mask | 8#$bit))
  done
  printf '%03o' "$mask"
}

# Whether no link or folder on the way was put there by another user where anybody may make one: what it leads to is theirs,
# or one's own that they chose. What isn't there yet is nobody's.
is_own_way() { # FOLDER
  local rest=$1/ here='' part target links=0
  [[ $rest == /* ]] || rest=$PWD/$rest
  while [[ -n $rest ]]; do
    part=${rest%%/*} rest=${rest#*/}
    case $part in
      '' | .) continue ;;
      ..) here=${here%/*} && continue ;;
    esac
    [[ -L $here/$part || -e $here/$part ]] || return 0
    if [[ -n $(find "$here/$part" -prune ! -user "$EUID" ! -user 0) && -n $(find "${here:-/}" -prune -perm -002) ]]; then return 1; fi
    if [[ -L $here/$part ]]; then
      ((links++ < 40)) || return 1
      target=$(readlink "$here/$part") rest=$target/$rest
      [[ $target != /* ]] || here=''
    else
      here=$here/$part
    fi
  done
}

# Makes what it reads the file, whole or not at all, whatever stands there or comes there meanwhile. It is written in a
# folder of its own beside, which nobody else may enter, and moved from there to where that folder is.
place() { # FILE [UMASK]
  local folder=./ own status=1
  [[ $1 != */* ]] || folder=${1%/*}/
  [[ $folder == /* ]] || folder=./$folder # CDPATH is for others
  (
    if ! is_own_way "$folder"; then
      printf 'it leads through what another user has put there, where anybody may: %s\n' "$folder" >&2
      exit 1
    fi
    cd -P -- "$folder" && own=$(mktemp -d ./.modelwhisk.XXXXXX) || exit
    # Where others may rename it, the one by its name may be another.
    if cd -P -- "$own" && [[ -O . && .. -ef $OLDPWD ]]; then
      if (umask "${2:-$(umask)}" && cat >new) && move_over new "../${1##*/}"; then status=0; fi
      rm -f -- new
      rmdir -- "../$own"
    fi
    exit "$status"
  )
}

# Moves a file to a name that may be a link to a folder by then, into which mv alone would put it: GNU's -T or BSD's -h
# keeps it from that. Where it has neither, ln gives the file the name.
move_over() { # FILE PATH
  local option
  for option in -T -h; do
    : >tried
    if mv -f "$option" -- tried moved 2>/dev/null; then break; fi
    option=''
  done
  rm -f -- tried moved
  if [[ -n $option ]]; then mv -f "$option" -- "$1" "$2"; else ln -fn -- "$1" "$2"; fi && [[ -f $2 && ! -L $2 ]]
}
