# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# The bill of materials of a wrapper (--sbom), which the image's own Python writes: nothing is added to the image.

readonly MOST_SBOM=$((64 * 1024 * 1024)) # bytes; what the image answers is its own word

# The Python that `python app.py` would run there, as find_python.sh finds it, and where that looks for packages. It writes
# without the modules of the model's folder, as in the smoke test.
# shellcheck disable=SC2016 # for the container's shell
readonly SBOM_IN_CONTAINER='for name in python python3; do
  if known=$("$name" -c "import sys; print(ascii(sys.path)); sys.exit(sys.version_info < (3, 6))" 2>/dev/null); then
    exec "$name" -I -B - "path=$known" "$@"
  fi
done'

# A file for each name, none for two: a slash becomes an underscore, and each underscore two, since none stands beside a
# slash; a port's colon becomes what no name has.
sbom_file() { # TARGET
  local name=${1//_/__}
  name=${name//\//_}
  printf '%s/%s.cdx.json' "$SBOM" "${name//:/+}"
}

write_sbom() { # TARGET IMAGE
  local file id base=$BASE_DIGEST container="modelwhisk-smoke-$RUN-$INDEX-sbom" command
  [[ -n $SBOM ]] || return 0
  file=$(sbom_file "$1")
  id=$(docker image inspect --format '{{.Id}}' -- "$2" 2>/dev/null) || id=''
  # An image that no registry has is known by its id.
  [[ -n $base ]] || base=$BASE_ID
  command=(docker run --rm --name "$container" --label "modelwhisk.smoke=$RUN" --log-driver none
    --interactive --network none --platform "$PLATFORM" --entrypoint /bin/sh
    ${RUN_WITHOUT[@]+"${RUN_WITHOUT[@]}"} -- "$2"
    -c "$SBOM_IN_CONTAINER" sh "image=$1" "version=${VERSION_TAGS[0]}" "digest=$id" "created=$CREATED"
    "base_name=$BASE_NAME" "base_digest=$base" "adapter_version=$ADAPTER_VERSION" "adapter_digest=$ADAPTER_DIGEST")
  if ((DRY_RUN)); then
    printf '%s <%s >%s\n' "$(show "${command[@]}")" "$(quoted "$HERE/sbom.py")" "$(quoted "$file")"
    return
  fi
  ask "$container" "$QUESTION_SECONDS" "$MOST_SBOM" "$HERE/sbom.py" "$JOB/sbom" "${command[@]}" ||
    fail "the bill of materials: ${UNANSWERED:-$(why)}"
  # As sbom.py writes: an image may answer anything, and whoever shows the file has a terminal.
  if [[ $(head -c 1 "$JOB/sbom") != '{' || $(tail -c 2 "$JOB/sbom") != *'}' ]] || grep -qa '[^ -~]' "$JOB/sbom"; then
    fail "the bill of materials: the image's Python wrote none: $(why)"
  fi
  place "$file" <"$JOB/sbom" 2>"$JOB/out" || fail "the bill of materials: $(why)"
  note sbom "$file"
}
