#!/usr/bin/env bash
# Installs the Debian packages that the tests need, those that are missing; needs root or sudo only then.
set -euo pipefail
wanted=(mosquitto mosquitto-clients openssl chromium fonts-wqy-microhei mmdebstrap)

missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
fi
for program in apt-get "${as_root[@]}"; do
    if ! command -v "$program" >/dev/null; then
        echo "the tests need ${missing[*]}, and there is no $program to install them with" >&2
        exit 1
    fi
done
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null

# The tests start brokers of their own; Debian's service would sit on port 1883, where the demo's broker belongs.
if [[ " ${missing[*]} " == *" mosquitto "* ]] && [ -d /run/systemd/system ]; then
    "${as_root[@]}" systemctl disable --now mosquitto
fi
