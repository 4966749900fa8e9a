#!/usr/bin/env bash
# Unpacks the pictures and clips of Debian's opencv-doc into the directory $1, for the patrol's benchmark. Nothing is
# installed; root or sudo is needed only where apt does not know the package yet.
set -euo pipefail
goal=$1
[ -e "$goal/.complete" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
echo "fetching Debian's opencv-doc"
if ! apt-get download -qq opencv-doc 2>/dev/null; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    apt-get download -qq opencv-doc
fi
dpkg-deb -x opencv-doc_*.deb unpacked
cd - >/dev/null
rm -rf "$goal"
mkdir -p "$goal"
mv "$work"/unpacked/usr/share/doc/opencv-doc/{examples,opencv4} "$goal"
touch "$goal/.complete"
