#!/usr/bin/env bash
# Install the Debian packages that some tests need: a browser, Node.js and a batch system.
# Without them those tests are skipped. Needs root; does nothing where they are installed.
set -euo pipefail

packages=(chromium nodejs slurm-wlm munge)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
