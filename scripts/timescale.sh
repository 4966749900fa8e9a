#!/usr/bin/env bash
# Builds the root file system that the tests run PostgreSQL 17 with TimescaleDB from, once, in 30 s.
# Debian 12 has no TimescaleDB package and Debian 13 has: this is a Debian 13 in a directory, entered with chroot.
# Needs root (or sudo) and mmdebstrap. DEBIAN_MIRROR overrides the mirror, which is otherwise this machine's own.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=trixie
package=postgresql-17-timescaledb
cache=.timescale
target=$cache/rootfs
done_mark=$cache/$suite.$package.done

[ -e "$done_mark" ] && exit 0

if ! command -v mmdebstrap >/dev/null; then
    echo "mmdebstrap is missing: run 'make debian-packages', or apt-get install mmdebstrap" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "building $target needs root, and there is no sudo" >&2; exit 1; }
    as_root=(sudo)
fi

own_mirror() { # the first repository that this machine takes its own release from
    . /etc/os-release
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
        awk -v release="${VERSION_CODENAME:-none}" '$1 == release && $2 == "main" { print $3; exit }'
}
mirror=${DEBIAN_MIRROR:-$(own_mirror)}
if [ -z "$mirror" ]; then
    echo "found no Debian mirror in this machine's apt sources: set DEBIAN_MIRROR" >&2
    exit 1
fi

mkdir -p "$cache"
"${as_root[@]}" rm -rf "$target" "$cache/apt.conf"
apt-config dump --format '%f "%v";%n' Acquire::http Acquire::https >"$cache/apt.conf" # proxies, certificates
"${as_root[@]}" mmdebstrap --quiet --variant=essential --include="$package" --aptopt="$cache/apt.conf" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$target" "$mirror"
touch "$done_mark"
