# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the other parts
# The reference of what a model was trained on (--drift, modelwhisk drift fit): a layer of its own over the model's code,
# checked against that by the image's own Python.

readonly DRIFT_REFERENCE=/modelwhisk-drift/reference

# Whether a file begins and ends as all references do: what is one's own beside them, a document in a zip say, goes into no
# image.
is_drift_reference() { # FILE
  [[ $(head -c 2 -- "$1" | tr -d '\0') == PK && $(tail -c 71 -- "$1" | tr -d '\0') =~ ^sha256:[0-9a-f]{64}$ ]]
}

# Why a file can't be a reference, or nothing.
drift_error() { # FILE
  if [[ ! -f $1 ]]; then
    printf 'there is no drift reference %s' "$1"
  elif [[ ! -r $1 ]]; then
    printf 'the drift reference can'\''t be read: %s' "$1"
  elif ! is_drift_reference "$1"; then
    printf 'not a reference of modelwhisk drift fit: %s' "$1"
  fi
}

# Puts the reference into the context, and its digest into what names the result. An image's context is the checkout, in
# which nothing is written: it gets one of its own. The file is read once: what stands by its name may be another than at
# the look before, and than at the next.
add_reference() { # FILE
  local copy most
  ARGS+=("MODELPROXY_DRIFT=$DRIFT_REFERENCE")
  if [[ $CONTEXT == "$ROOT" ]]; then
    CONTEXT=$JOB/context
    mkdir -p -- "$CONTEXT"
    cp -- "$DOCKERFILE" "$CONTEXT/Dockerfile"
    copy_list "$ROOT" "$CONTEXT" < <(cd -- "$ROOT" && find runtime -name '*.py' -type f && printf 'scripts/build/install.py\n') ||
      fail "copying the proxy: $(head -n 1 "$JOB/out")"
    chmod -R u+rwX,go+rX,go-w "$CONTEXT"
  fi
  mkdir -p -- "$CONTEXT/drift"
  copy=$CONTEXT/drift/reference most=$(room)
  read_file "$ZIP_SECONDS" "$most" "$1" "$copy" || fail "the drift reference can't be read: $(why)"
  [[ -z $most ]] || (($(wc -c <"$copy") < most)) || fail "the drift reference can't be read: there is no room for it"
  is_drift_reference "$copy" || fail "not a reference of modelwhisk drift fit: $1"
  DRIFT_DIGEST=sha256:$(sha256 <"$copy" | cut -c 1-64)
  chmod 755 "$CONTEXT/drift"
  chmod 644 "$copy"
  touch -t "$ONE_TIME" "$copy" "$CONTEXT/drift"
  printf '\n# What the model was trained on, with which predictions are compared.\nCOPY drift/ %s/\n' \
    "${DRIFT_REFERENCE%/*}" >>"$CONTEXT/Dockerfile"
}

# The image says itself whether it is the model that the reference was made with, and names the files that differ.
check_reference() { # IMAGE
  local container="modelwhisk-smoke-$RUN-$INDEX-drift" command fault found
  command=(docker run --rm --name "$container" --label "modelwhisk.smoke=$RUN" --log-driver none
    --interactive --network none --platform "$PLATFORM" --entrypoint /bin/sh
    ${RUN_WITHOUT[@]+"${RUN_WITHOUT[@]}"} -- "$1"
    -c "$IN_CONTAINER" sh "$DRIFT_REFERENCE")
  if ((DRY_RUN)); then
    printf '%s <%s\n' "$(show "${command[@]}")" "$(quoted "$HERE/drift.py")"
    return
  fi
  if ! ask "$container" "$QUESTION_SECONDS" "$MOST_WORDS" "$HERE/drift.py" "$JOB/drift" "${command[@]}"; then
    fail_with_log "checking the drift reference: ${UNANSWERED:-$(why)}"
  fi
  fault=$(sed -n 's/^fault //p' "$JOB/drift" | head -n 1)
  [[ -z $fault ]] || fail "$fault"
  found=$(sed -n 's/^reference //p' "$JOB/drift" | head -n 1)
  [[ -n $found ]] || fail "checking the drift reference: the image's Python said nothing"
  say "drift: $found"
}
