#!/usr/bin/env bash
# Puts Debian's promtool into $1, which the tests check the files for Prometheus and Grafana with. Only the program is taken
# out of its package: an installed Prometheus would start as a service.
set -euo pipefail
target=$1
[ -x "$target/promtool" ] && exit 0
mkdir -p "$target"
target=$(realpath "$target")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
if ! apt-get download -qq prometheus 2>/dev/null; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    apt-get download -qq prometheus
fi
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
mv usr/bin/promtool "$target/promtool"
