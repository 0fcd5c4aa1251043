# Reads paths as ./a/b, folders with a slash at the end; prints those that no rule of RULES leaves out. The rules are those of
# a .dockerignore (docs.docker.com/build/concepts/context): the last one that fits a path, or a folder it lies in, decides.
# Folders with a pyvenv.cfg are virtual environments and stay out. What is left out is listed in LEFT, its topmost names.

function add(rule, what, text) {
  kind[rule, ++parts[rule]] = what
  piece[rule, parts[rule]] = text
}

# Where the set of characters ends that begins at a place of the pattern, 0 where it is none.
function end_of_set(pattern, place,    from, end) {
  from = place + (substr(pattern, place + 1, 1) == "^" ? 3 : 2)
  end = index(substr(pattern, from), "]")
  return end ? from + end - 1 : 0
}

# Takes a pattern apart: its characters, its sets of characters, and its stars, of which it returns the number.
function read_pattern(rule, pattern,    n, i, c, end, stars) {
  n = length(pattern)
  for (i = 1; i <= n; i++) {
    c = substr(pattern, i, 1)
    if (c == "*") {
      stars++
      if (substr(pattern, i, 3) == "**/") { i += 2; add(rule, "**/") }
      else if (substr(pattern, i, 2) == "**") { i++; add(rule, "**") }
      else add(rule, "*")
    } else if (c == "?") add(rule, "set", "[^/]")
    else if (c == "[" && (end = end_of_set(pattern, i))) {
      add(rule, "set", substr(pattern, i, end - i + 1))
      i = end
    } else {
      if (c == "\\" && i < n) c = substr(pattern, ++i, 1)
      add(rule, "character", c)
    }
  }
  add(rule, "end")
  return stars + 0
}

function expression(rule,    i, what, c, result) {
  for (i = 1; i < parts[rule]; i++) {
    what = kind[rule, i]
    c = piece[rule, i]
    if (what == "**/") result = result "(.*/)?"
    else if (what == "**") result = result ".*"
    else if (what == "*") result = result "[^/]*"
    else if (what == "set") result = result c
    else if (c == "\\" || c == "^") result = result "\\" c
    else if (index(".+(){}|$*?[", c)) result = result "[" c "]"
    else result = result c
  }
  return "^" result "(/|$)"
}

# The same as the expression says, in no more steps than the path's length times the pattern's: goes along the path with
# all places of the pattern at which a match can be. Some awks try one after the other, which for each more star in the
# pattern takes as often as the path is long as much time.
function fits(rule, path,    j, c, side, other, i, place, what) {
  side = 0
  size[side] = 0
  step++
  reach(rule, 1, side)
  for (j = 1; size[side] > 0; j++) {
    c = substr(path, j, 1)
    other = 1 - side
    size[other] = 0
    step++
    for (i = 1; i <= size[side]; i++) {
      place = places[side, i]
      what = kind[rule, place]
      if (what == "end") { if (c == "" || c == "/") return 1 }
      else if (c == "") continue
      else if (what == "*") { if (c != "/") reach(rule, place, other) }
      else if (what == "**") reach(rule, place, other)
      else if (what == "**/") {
        stay(place, other)
        if (c == "/") reach(rule, place + 1, other)
      } else if (what == "set" ? c ~ piece[rule, place] : c == piece[rule, place]) reach(rule, place + 1, other)
    }
    side = other
  }
  return 0
}

# A match can be at the place, and behind the stars there, since they fit nothing, too.
function reach(rule, place, side) {
  for (; reached[place] != step; place++) {
    reached[place] = step
    places[side, ++size[side]] = place
    if (kind[rule, place] !~ /^\*/) return
  }
}

# It still is within "**/", which has to end with a slash before the rest can come.
function stay(place, side) {
  if (reached[place] != step) places[side, ++size[side]] = place
}

function read_rules(    lines, n, i, line, negative) {
  n = split(ENVIRON["RULES"], lines, "\n")
  for (i = 1; i <= n; i++) {
    line = lines[i]
    if (line ~ /^#/) continue
    gsub(/^[ \t\r]+|[ \t\r]+$/, "", line)
    negative = sub(/^![ \t]*/, "", line)
    while (sub(/^\.?\/+/, "", line)) continue
    gsub(/\/+$/, "", line)
    gsub(/\/\/+/, "/", line)
    if (line == "" || line == ".") continue
    if (length(line) > 4096) {
      print "one has more than 4096 characters, which no path has" >"/dev/stderr"
      exit 1
    }
    # By far most have no more.
    if (read_pattern(++count, line) <= 2) rules[count] = expression(count)
    takes_back[count] = negative
  }
}

function parent(path) {
  return match(path, /\/[^\/]*$/) ? substr(path, 1, RSTART - 1) : ""
}

function is_out(path,    i, out) {
  for (i = 1; i <= count; i++)
    if (out == takes_back[i] && ((i in rules) ? path ~ rules[i] : fits(i, path))) out = !takes_back[i]
  return out
}

function in_environment(path) {
  for (; path != ""; path = parent(path)) if (path in environments) return 1
  return 0
}

BEGIN { read_rules() }

{
  path = substr($0, 3)
  sub(/\/$/, "", path)
  paths[NR] = path
  is_folder[NR] = /\/$/
  if (path ~ /\/pyvenv\.cfg$/ && path !~ /(^|\/)virtualenv\/pyvenv\.cfg$/) environments[parent(path)] = 1
}

END {
  for (i = 1; i <= NR; i++) {
    path = paths[i]
    if (is_out(path) || in_environment(path)) out[path] = 1
    else print "./" path (is_folder[i] ? "/" : "")
  }
  for (path in out) if (!(parent(path) in out)) print path >ENVIRON["LEFT"]
}
