#!/usr/bin/env bash
# Installs the Debian packages that tests need and npm cannot bring; only what is missing. Without root it changes nothing,
# prints the command that would do it, and fails. `--list` prints the packages.
set -euo pipefail

# A program that must be there, and the package that brings it.
needed=(
  promtool:prometheus # its server and promtool check and fire the alert rules
)

if [ "${1:-}" = --list ]; then
  printf '%s\n' "${needed[@]#*:}" | sort -u
  exit 0
fi

missing=()
for pair in "${needed[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "missing: ${missing[*]}; as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

# The tests start what they need: nothing is to run as a service, neither at once nor after a reboot.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
if command -v systemctl >/dev/null; then
  # Only packages that were not there before come here; not each of them has a service.
  for package in "${missing[@]}"; do systemctl disable --quiet "$package" 2>/dev/null || true; done
fi
