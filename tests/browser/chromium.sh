#!/usr/bin/env bash
# Installs a Chromium and its driver from Debian, where there is none yet.
set -euo pipefail

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit; fi
apt-get update -qq || true # one package source out of reach is no failure while the others have it
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null
