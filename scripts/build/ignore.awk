# Reads paths as ./a/b, folders with a slash at the end; prints those that no rule leaves out, OURS first, then RULES. The rules
# are those of a .dockerignore (docs.docker.com/build/concepts/context): the last one that fits a path, or a folder it lies in,
# decides. OURS fit capitals as well: what other systems write them in isn't another file.
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

# Takes a pattern apart: its characters, its sets of characters, and its stars.
function read_pattern(rule, pattern,    n, i, c, end) {
  n = length(pattern)
  for (i = 1; i <= n; i++) {
    c = substr(pattern, i, 1)
    if (c == "*") {
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
}

# Whether some awks, which try one way after the other to share a path out among the stars, take no more steps than the
# path's length times the pattern's: one star, or one within a name below any folder. By far most rules are such.
function is_simple(rule,    i, stars, in_names) {
  for (i = 1; i <= parts[rule]; i++)
    if (kind[rule, i] ~ /^\*/) {
      stars++
      if (kind[rule, i] == "*") in_names++
    }
  return stars <= 1 || stars == 2 && in_names == 1 && kind[rule, 1] == "**/"
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

# The characters of each set in the pattern: which set has one is asked often, and some awks look for an expression among
# all that they have seen.
function read_sets(rule,    i, set, code, c) {
  for (i = 1; i <= parts[rule]; i++) {
    set = piece[rule, i]
    if (kind[rule, i] != "set" || set in members) continue
    members[set] = ""
    for (code = 1; code < 256; code++)
      if ((c = sprintf("%c", code)) ~ set) members[set] = members[set] c
  }
}

# The same as the expression says, in no more steps than the path's length times the pattern's: goes along the path with
# all places of the pattern at which a match can be.
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
    work(size[side] * 200) # each takes so much longer than a step of an expression
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
      } else if (what == "set" ? index(members[piece[rule, place]], c) : c == piece[rule, place]) reach(rule, place + 1, other)
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

# All rules and paths together: these take minutes, and a folder of half a million files with our own rules has no more.
function work(steps) {
  worked += steps
  if (worked > 20000000000) refuse("its rules would take too long, for so many or such long paths")
}

function refuse(why) {
  print why >"/dev/stderr"
  exit 1
}

function read_rules(text, is_our,    lines, n, i, line, negative) {
  n = split(text, lines, "\n")
  for (i = 1; i <= n; i++) {
    line = lines[i]
    if (line ~ /^#/) continue
    gsub(/^[ \t\r]+|[ \t\r]+$/, "", line)
    negative = sub(/^![ \t]*/, "", line)
    while (sub(/^\.?\/+/, "", line)) continue
    gsub(/\/+$/, "", line)
    gsub(/\/\/+/, "/", line)
    if (line == "" || line == ".") continue
    if (length(line) > 4096) refuse("a rule has more than 4096 characters, which no path has")
    read_pattern(++count, line)
    if (is_simple(count)) rules[count] = expression(count)
    else read_sets(count)
    takes_back[count] = negative
    ours[count] = is_our
  }
}

function parent(path) {
  return match(path, /\/[^\/]*$/) ? substr(path, 1, RSTART - 1) : ""
}

function matches(rule, path) {
  # Beside the characters, each match takes as long as some thirty.
  work(30 + length(path) * parts[rule])
  return path ~ rules[rule]
}

function is_out(path,    i, out, small, text) {
  small = tolower(path)
  for (i = 1; i <= count; i++) {
    text = ours[i] ? small : path
    if (out == takes_back[i] && ((i in rules) ? matches(i, text) : fits(i, text))) out = !takes_back[i]
  }
  return out
}

# A folder comes before what is in it.
function in_environment(path) {
  if (path in environments || parent(path) in environments) environments[path] = 1
  return path in environments
}

BEGIN {
  read_rules(tolower(ENVIRON["OURS"]), 1)
  read_rules(ENVIRON["RULES"], 0)
}

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
    inside = in_environment(path)
    if (inside || is_out(path)) out[path] = 1
    else print "./" path (is_folder[i] ? "/" : "")
  }
  for (path in out) if (!(parent(path) in out)) print path >ENVIRON["LEFT"]
}
