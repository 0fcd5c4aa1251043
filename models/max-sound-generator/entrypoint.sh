#!/bin/sh
# Says what starts, then becomes it, so that signals reach the model.
set -e
echo "max-sound-generator: $*"
exec "$@"
