# Reads paths as ./a/b, folders with a slash at the end; prints those that no rule of RULES leaves out. The rules are those of
# a .dockerignore (docs.docker.com/build/concepts/context): the last one that fits a path, or a folder it lies in, decides.
# Folders with a pyvenv.cfg are virtual environments and stay out. What is left out is listed in LEFT, its topmost names.

function expression(pattern,    i, n, c, result) {
  n = length(pattern)
  for (i = 1; i <= n; i++) {
    c = substr(pattern, i, 1)
    if (c == "*" && substr(pattern, i + 1, 1) == "*") {
      i++
      if (substr(pattern, i + 1, 1) == "/") { i++; result = result "(.*/)?" } else result = result ".*"
    } else if (c == "*") result = result "[^/]*"
    else if (c == "?") result = result "[^/]"
    else if (c == "[" && index(substr(pattern, i + 2), "]")) {
      while (c != "]" || substr(result, length(result)) == "[") {
        result = result c
        c = substr(pattern, ++i, 1)
      }
      result = result "]"
    } else {
      if (c == "\\" && i < n) c = substr(pattern, ++i, 1)
      if (c == "\\" || c == "^") result = result "\\" c
      else if (index(".+(){}|$*?[", c)) result = result "[" c "]"
      else result = result c
    }
  }
  return "^" result "(/|$)"
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
    rules[++count] = expression(line)
    takes_back[count] = negative
  }
}

function parent(path) {
  return match(path, /\/[^\/]*$/) ? substr(path, 1, RSTART - 1) : ""
}

function is_out(path,    i, out) {
  for (i = 1; i <= count; i++)
    if (out == takes_back[i] && path ~ rules[i]) out = !takes_back[i]
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
