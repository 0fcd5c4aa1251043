# shellcheck shell=bash
# Files by names that others can tell beforehand, in folders that others may write to: nothing of theirs is written through.

is_own() { # LINK_OR_PIPE
  [[ -n $(find "$1" -prune -user "$EUID") ]]
}

# Whether one has given one's own link its name oneself: where anybody may make one, another may have renamed it, or given it
# a second name.
is_own_link() { # LINK
  local around=${1%/*}/
  is_own "$1" || return 1
  [[ -z $(find "$around" -prune -perm -002) ]] || [[ -k $around && -n $(find "$1" -prune -links 1) ]]
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

# Whether each link and folder on the way is there, and one's own or root's where anybody may make one: another's leads to
# what is theirs, or to one's own that they chose. Where such a folder is sticky, what was seen to be one's own stays; what
# isn't there (status 2) may be another's the next moment.
is_own_way() { # FOLDER
  local rest=$1/ here='' part target links=0
  [[ $rest == /* ]] || rest=$PWD/$rest
  while [[ -n $rest ]]; do
    part=${rest%%/*} rest=${rest#*/}
    case $part in
      '' | .) continue ;;
      ..) here=${here%/*} && continue ;;
    esac
    [[ -L $here/$part || -e $here/$part ]] || return 2
    if [[ -n $(find "${here:-/}" -prune -perm -002) ]]; then
      [[ -n $(find "$here/$part" -prune \( -user "$EUID" -o -user 0 \)) ]] || return 1
      [[ ! -L $here/$part ]] || [[ -k ${here:-/} && -n $(find "$here/$part" -prune -links 1) ]] || return 1
    fi
    if [[ -L $here/$part ]]; then
      ((links++ < 40)) || return 1
      target=$(readlink "$here/$part") rest=$target/$rest
      [[ $target != /* ]] || here=''
    else
      here=$here/$part
    fi
  done
}

# The same of a folder that may not be there yet, which is nobody's then.
is_another_s_way() { # FOLDER
  local status=0
  is_own_way "$1" || status=$?
  ((status == 1))
}

# Makes what it reads the file, whole or not at all, whatever stands there or comes there meanwhile. It is written in a
# folder of its own beside, which nobody else may enter, and moved from there to where that folder is.
place() { # FILE [UMASK]
  local folder=./ own status=0
  [[ $1 != */* ]] || folder=${1%/*}/
  [[ $folder == /* ]] || folder=./$folder # CDPATH is for others
  (
    is_own_way "$folder" || status=$?
    case $status in
      0) status=1 ;;
      2) printf 'there is no folder %s\n' "$folder" >&2 && exit 1 ;;
      *) printf 'it leads through what another user has put there, or may have: %s\n' "$folder" >&2 && exit 1 ;;
    esac
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
