from __future__ import annotations

from datetime import UTC, datetime, timedelta

import cv2
import msgspec
import numpy as np
import pytest

from detectors.pictures.cover import MOST_OF_A_PART, WHOLE
from detectors.pictures.diagnosis import DWELL, LEARNING, Verdict, _between, _followed, light_of, step
from detectors.pictures.faults import PictureFault
from detectors.pictures.limits import limit, taught
from detectors.pictures.look import COLUMNS, Look, look
from detectors.pictures.memory import Light, Memory, Suspicion
from detectors.pictures.scores import Scores, against, alone
from detectors.pictures.view import View, _added, compared, seen

WIDE, HIGH = 640, 360
AT = datetime(2026, 10, 1, tzinfo=UTC)


def textured(seed: int, level: float = 110.0, contrast: float = 25.0) -> np.ndarray:
    """Blots and fine detail all over the picture."""
    chance = np.random.default_rng(seed)
    coarse = cv2.resize(chance.normal(0, 1, (18, 32)), (WIDE, HIGH), interpolation=cv2.INTER_CUBIC)
    grey = level + contrast * (coarse + 0.4 * chance.normal(0, 1, (HIGH, WIDE)))
    return np.repeat(grey[:, :, None], 3, axis=2)


def shown(pixels: np.ndarray) -> Look:
    return look(np.clip(pixels, 0, 255).astype(np.uint8))


def known(of: Look) -> View:
    return msgspec.structs.replace(seen(None, of), pictures=LEARNING)


def test_what_was_plain_counts_where_a_cover_reaches_beyond_it() -> None:
    place = textured(1)
    slope = np.linspace(180, 200, WIDE)[None, :, None]
    place[:, WIDE // 2 :] = np.broadcast_to(slope, place.shape)[:, WIDE // 2 :]
    view = known(shown(place))
    assert compared(view, shown(place)).covered == pytest.approx(0.0, abs=0.01)
    covered = place.copy()
    hidden = WIDE * 2 // 5
    # It takes a fifth of the detail.
    covered[:, hidden:] = np.linspace(60, 90, HIGH)[:, None, None] * np.array([0.8, 1.0, 1.1])
    score = compared(view, shown(covered)).covered
    assert score is not None
    assert score > 0.3


def test_a_cover_before_what_is_plain_counts_with_what_its_edge_hides_of_the_detail() -> None:
    # A yard whose lower half is a smooth slope with a blot here and there.
    place = textured(12)
    ground = np.linspace(150, 190, HIGH - HIGH // 2)[:, None, None] * np.array([0.9, 1.0, 1.05])
    place[HIGH // 2 :] = ground
    place[HIGH * 3 // 4 :: 40, ::50] = 60.0
    view = known(shown(place))
    covered = place.copy()
    covered[HIGH * 9 // 20 :] = np.linspace(70, 110, WIDE)[None, :, None]
    score = compared(view, shown(covered)).covered
    assert score is not None
    assert score > 0.3
    # A shadow there has the ground's colours, and a lower sun leaves the detail.
    shadow = place.copy()
    shadow[HIGH // 2 :, WIDE // 3 :] *= 0.6
    assert compared(view, shown(shadow)).covered == pytest.approx(0.0, abs=0.1)


def test_a_picture_is_over_exposed_before_it_is_clipped() -> None:
    place = textured(13, level=110.0, contrast=15.0)
    view = known(shown(place))
    bright = shown(np.minimum(place * 2.1, 245.0))
    assert bright.clipped == pytest.approx(0.0, abs=0.01)
    assert (_scores(view, bright)[PictureFault.OVEREXPOSED] or 0.0) > 0.2
    # What was white already says nothing, and a white bus takes a small part.
    assert (_scores(known(bright), bright)[PictureFault.OVEREXPOSED] or 0.0) < 0.05
    bus = place.copy()
    bus[HIGH // 2 : HIGH * 3 // 4, WIDE // 3 : WIDE * 2 // 3] = 255.0
    assert (_scores(view, shown(bus))[PictureFault.OVEREXPOSED] or 0.0) < 0.12


def test_a_scene_of_lines_in_brighter_light_has_no_stripes() -> None:
    lines = (6.0 * np.sign(np.sin(np.arange(COLUMNS) / 3.1))).astype(np.float32)
    hum = (8.0 * np.sin(np.arange(COLUMNS) / 1.3)).astype(np.float32)
    assert _added(lines, 1.8 * lines) == pytest.approx(0.0, abs=0.1)
    assert _added(lines, 1.8 * lines + hum) > 4.0


def test_light_changes_from_blue_to_red_and_a_failing_channel_does_not() -> None:
    place = textured(2)
    view = known(shown(place))
    lamp = compared(view, shown(place * np.array([0.8, 1.0, 1.14]))).cast
    green = compared(view, shown(place * np.array([1.0, 0.8, 1.0]))).cast
    assert green is not None
    assert lamp is not None
    assert green > 3 * lamp


def test_a_place_that_is_dark_by_day_is_known_by_its_view() -> None:
    by_day, by_night = textured(3, level=40, contrast=8), textured(4, level=40, contrast=8)
    memory = Memory(views={Light.DAY: known(shown(by_day)), Light.NIGHT: known(shown(by_night))})
    assert light_of(memory, shown(0.9 * by_day)) is Light.DAY
    assert light_of(memory, shown(0.9 * by_night)) is Light.NIGHT
    assert light_of(Memory(), shown(by_day)) is Light.NIGHT


def test_grain_that_is_hidden_behind_single_pixels_is_nearer_to_being_raised() -> None:
    def verdicts(*, hidden: bool) -> tuple[Verdict, ...]:
        return (Verdict(fault=PictureFault.NOISE, score=9.0, limit=3.0, hidden=hidden),)

    held: dict[PictureFault, Suspicion] = {}
    for turn in range(DWELL - 1):
        held, findings = _followed(held, verdicts(hidden=True), None, Light.DAY, AT + turn * timedelta(hours=1))
        assert findings == ()
    held, findings = _followed(held, verdicts(hidden=False), None, Light.DAY, AT + DWELL * timedelta(hours=1))
    assert [finding.fault for finding in findings] == [PictureFault.NOISE]
    assert findings[0].since == AT


def test_grain_is_seen_where_all_that_is_flat_is_white() -> None:
    place = textured(3)
    place[: HIGH // 2] = 300
    before, view = shown(place), known(shown(place))
    grain = np.random.default_rng(5).normal(0, 18, (HIGH, WIDE, 1))
    calm = compared(view, shown(1.1 * place), before.grain.tobytes()).noise
    noisy = compared(view, shown(np.minimum(place, 255) + grain * (place < 250)), before.grain.tobytes()).noise
    assert calm < 3
    assert noisy > 8


def test_a_channel_that_is_nearly_black_tells_of_light_and_not_of_colour() -> None:
    place = textured(3, level=120.0) * np.array([0.9, 1.0, 0.04])  # deep water: no red
    place[:, : WIDE // 4] = textured(4)[:, : WIDE // 4]  # and a shore
    view = known(shown(place))
    duller = compared(view, shown(place * 0.5)).cast
    assert duller is not None
    assert duller < 0.03
    # A channel that fails is told by the shore.
    failing = compared(view, shown(place * np.array([1.0, 1.0, 0.6]))).cast
    assert failing is not None
    assert failing > 0.15


def test_a_first_night_in_infrared_has_no_cast_beside_the_day() -> None:
    day = textured(4) * np.array([0.8, 1.0, 1.2])
    night = textured(4, level=50.0, contrast=12.0)
    view = known(shown(day))
    assert compared(view, shown(night)).cast is None
    # Dusk was learnt as night before the lamps of infrared came on.
    dusk = msgspec.structs.replace(seen(None, shown(day * 0.4)), pictures=1)
    memory = Memory(views={Light.DAY: view, Light.NIGHT: dusk})
    assert light_of(memory, shown(textured(4, level=70.0, contrast=12.0))) is Light.NIGHT


def test_snow_and_noise_by_turns_are_one_fault_and_what_is_hidden_counts_when_it_is_seen() -> None:
    def said(*faults: tuple[PictureFault, bool]) -> tuple[Verdict, ...]:
        return tuple(Verdict(fault=fault, score=1.0, limit=0.5, hidden=hidden) for fault, hidden in faults)

    noise, snow, cast = PictureFault.NOISE, PictureFault.SNOW, PictureFault.COLOUR_CAST
    rows = [said((noise, False)), said((noise, False)), said((snow, False), (noise, True))]
    assert _raised(rows) == [snow]
    rows = [said((cast, False)), said((cast, True)), said((cast, True)), said((cast, False))]
    assert _raised(rows) == [cast]
    assert _raised(rows[:3]) == []


def _raised(rows: list[tuple[Verdict, ...]]) -> list[PictureFault]:
    held: dict[PictureFault, Suspicion] = {}
    raised = []
    for hour, verdicts in enumerate(rows):
        held, findings = _followed(held, verdicts, None, Light.DAY, AT + timedelta(hours=hour))
        raised += [finding.fault for finding in findings]
    return raised


def test_a_single_picture_just_below_the_limit_ends_no_suspicion() -> None:
    def said(*scores: float) -> list[tuple[Verdict, ...]]:
        return [(Verdict(fault=PictureFault.COVERED, score=score, limit=0.5),) for score in scores]

    assert _raised(said(0.6, 0.6, 0.4, 0.6)) == [PictureFault.COVERED]
    # It counts for nothing, a second one in a row ends it, and so does one that shows little of it.
    assert _raised(said(0.6, 0.4, 0.6, 0.4, 0.6)) == [PictureFault.COVERED]
    assert _raised(said(0.6, 0.6, 0.4)) == []
    assert _raised(said(0.6, 0.6, 0.4, 0.4, 0.6)) == []
    assert _raised(said(0.6, 0.6, 0.2, 0.6)) == []


def test_snow_before_a_scene_of_one_colour_is_no_cast_and_a_failing_channel_is() -> None:
    meadow = textured(6, level=100.0, contrast=20.0) * np.array([0.5, 1.0, 0.7])
    view = known(shown(meadow))
    snow = compared(view, shown(0.5 * meadow + 0.5 * 200)).cast
    assert snow is not None
    assert snow < 0.05
    # And what was learnt while it snowed says nothing against the meadow.
    again = compared(known(shown(0.5 * meadow + 0.5 * 200)), shown(meadow)).cast
    assert again is not None
    assert again < 0.05
    for failing in ([1.45, 1.0, 1.0], [1.0, 0.7, 1.0], [1.0, 1.0, 1.45]):
        cast = compared(view, shown(meadow * np.array(failing))).cast
        assert cast is not None
        assert cast > 0.12


def test_a_cover_as_even_as_a_screen_is_none_while_nothing_is_written_on_it() -> None:
    place = textured(7)
    place[:, : WIDE // 3] = 110.0
    view = known(shown(place))
    lid = np.full((HIGH, WIDE, 3), 45.0)
    scores = _scores(view, shown(lid))
    assert scores[PictureFault.COVERED] == WHOLE
    # Neither is told of it: a text may be away for a while, and behind a lid nothing moves.
    assert scores[PictureFault.NO_SIGNAL] is None
    assert scores[PictureFault.FROZEN] is None
    written = lid.astype(np.uint8)
    cv2.putText(written, "NO SIGNAL", (120, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    assert (_scores(view, look(written))[PictureFault.NO_SIGNAL] or 0.0) > 0.5
    blue = np.zeros((HIGH, WIDE, 3)) + np.array([200.0, 30.0, 30.0])
    assert (_scores(view, shown(blue))[PictureFault.NO_SIGNAL] or 0.0) > 0.5
    # And a good picture denies both.
    assert _scores(view, shown(place))[PictureFault.NO_SIGNAL] == pytest.approx(0.0, abs=0.3)


def _scores(view: View, new: Look) -> Scores:
    return against(compared(view, new), alone(new, b""))


def test_the_sun_on_a_wall_is_no_loss_of_focus() -> None:
    place = textured(8, level=80.0, contrast=15.0)
    place[:, : WIDE // 3] = 80.0
    view = known(shown(place))
    across, down = np.meshgrid(np.arange(WIDE), np.arange(HIGH))
    sun = np.where(np.sin(across / 40.0) * np.sin(down / 40.0) > 0, 1.9, 1.3)[:, :, None]
    assert compared(view, shown(place * sun)).softness == pytest.approx(0.0, abs=0.15)
    blurred = compared(view, shown(cv2.GaussianBlur(place, (0, 0), 3.0) * sun)).softness
    assert blurred is not None
    assert blurred > 0.8


def test_a_picture_of_the_day_is_not_excused_by_the_night() -> None:
    by_day, by_night = textured(9, level=130.0), textured(9, level=40.0, contrast=8.0)
    memory = Memory(views={Light.DAY: known(shown(by_day)), Light.NIGHT: known(shown(by_night))})
    assert not _between(memory, shown(by_day), Light.DAY)
    assert not _between(memory, shown(by_day * 1.2), Light.DAY)
    assert _between(memory, shown(by_day * 0.45), Light.DAY)
    alike = Memory(views={Light.DAY: known(shown(by_day)), Light.NIGHT: known(shown(by_day * 0.9))})
    assert _between(alike, shown(by_day), Light.DAY)
    assert _between(Memory(views={Light.NIGHT: known(shown(by_night))}), shown(by_day), Light.DAY)


def test_a_lid_is_black_by_turns_and_one_fault_all_the_same() -> None:
    def said(fault: PictureFault) -> tuple[Verdict, ...]:
        return (Verdict(fault=fault, score=1.0, limit=0.5),)

    assert _raised([said(PictureFault.COVERED), said(PictureFault.BLACK), said(PictureFault.COVERED)]) == [
        PictureFault.COVERED
    ]
    assert _raised([said(PictureFault.COVERED), said(PictureFault.MOVED), said(PictureFault.COVERED)]) == []
    held: dict[PictureFault, Suspicion] = {}
    for hour, fault in enumerate((PictureFault.COVERED, PictureFault.BLACK, PictureFault.COVERED)):
        held, findings = _followed(held, said(fault), None, Light.DAY, AT + timedelta(hours=hour))
    assert findings[0].since == AT


def test_a_camera_that_was_put_up_on_a_bright_night_in_infrared_learns_its_day_with_the_first_colours() -> None:
    night = textured(10, level=90.0)
    yard = textured(10) * np.linspace(0.5, 1.0, WIDE)[None, :, None] ** np.array([2.0, 0.5, 1.0])
    memory = Memory()
    chance = np.random.default_rng(1)
    for hour in range(LEARNING):
        grain = chance.normal(0, 3, (HIGH, WIDE, 1))
        memory = step(memory, shown(night + grain), AT + timedelta(hours=hour)).memory
    assert set(memory.views) == {Light.DAY}
    assert step(memory, shown(yard), AT).memory is memory  # an old picture changes nothing
    morning = step(memory, shown(yard), AT + timedelta(hours=LEARNING))
    assert not morning.suspect
    assert {light: view.pictures for light, view in morning.memory.views.items()} == {Light.NIGHT: 6, Light.DAY: 1}
    # A channel that fails before a grey place is no first colour.
    failing = step(memory, shown(night * np.array([1.0, 0.5, 1.0])), AT + timedelta(hours=LEARNING))
    assert set(failing.memory.views) == {Light.DAY}
    assert PictureFault.COLOUR_CAST in {verdict.fault for verdict in failing.verdicts if verdict.suspect}


def test_a_grey_night_excuses_no_colours_of_the_day() -> None:
    meadow = textured(11, level=120.0) * np.array([0.6, 1.0, 0.7])
    night = textured(11, level=45.0, contrast=10.0)
    views = {Light.DAY: known(shown(meadow)), Light.NIGHT: known(shown(night))}
    settled = {light: msgspec.structs.replace(view, pictures=100) for light, view in views.items()}
    # Without most of its green the meadow is nearly as grey as the night, and as bright as by day.
    failing = shown(meadow * np.array([1.0, 0.64, 1.0]))
    said = step(Memory(views=settled), failing, AT).verdicts
    assert PictureFault.COLOUR_CAST in {verdict.fault for verdict in said if verdict.suspect}


def test_a_channel_that_fails_in_infrared_is_seen_beside_the_night_and_not_excused_by_the_day() -> None:
    yard = textured(14, level=170.0) * np.linspace(0.4, 1.0, WIDE)[None, :, None] ** np.array([2.0, 0.5, 1.0])
    night = textured(14, level=75.0, contrast=16.0)
    views = {Light.DAY: known(shown(yard)), Light.NIGHT: known(shown(night))}
    memory = Memory(views={light: msgspec.structs.replace(view, pictures=100) for light, view in views.items()})
    for failing in ([1.45, 1.0, 1.0], [1.0, 0.55, 1.0], [1.0, 1.0, 1.45]):
        tinted = shown(night * np.array(failing))
        assert light_of(memory, tinted) is Light.NIGHT
        said = step(memory, tinted, AT)
        assert said.light is Light.NIGHT
        assert PictureFault.COLOUR_CAST in {verdict.fault for verdict in said.verdicts if verdict.suspect}
    assert light_of(memory, shown(yard)) is Light.DAY


def test_a_night_in_infrared_is_none_of_a_faint_day() -> None:
    # Its night is bright, and fog left little colour in the view of the day.
    day = textured(15, level=120.0) * np.array([0.97, 1.0, 1.04])
    memory = Memory(views={Light.DAY: known(shown(day))})
    assert light_of(memory, shown(textured(15, level=80.0))) is Light.NIGHT
    assert light_of(memory, shown(day * 0.7)) is Light.DAY


def test_a_camera_that_saw_many_days_and_no_night_tells_a_cast_in_the_dark() -> None:
    lit = textured(16, level=70.0) * np.array([0.8, 1.0, 1.1])
    settled = msgspec.structs.replace(known(shown(lit)), pictures=300)
    failing = shown(lit * np.array([1.0, 0.6, 1.0]))
    assert light_of(Memory(views={Light.DAY: settled}), failing) is Light.NIGHT
    said = step(Memory(views={Light.DAY: settled}), failing, AT).verdicts
    assert PictureFault.COLOUR_CAST in {verdict.fault for verdict in said if verdict.suspect}


def test_a_cloth_before_the_lens_is_no_picture_in_infrared() -> None:
    yard = textured(17, level=120.0) * np.linspace(0.4, 1.0, WIDE)[None, :, None] ** np.array([2.0, 0.5, 1.0])
    # By night it is dark: there is no edge to know the place by.
    night = np.full((HIGH, WIDE, 3), 8.0)
    views = {Light.DAY: known(shown(yard)), Light.NIGHT: known(shown(night))}
    memory = Memory(views={light: msgspec.structs.replace(view, pictures=100) for light, view in views.items()})
    folds = np.linspace(90, 140, WIDE)[None, :, None] + np.zeros((HIGH, WIDE, 3))
    for colour in ([0.7, 0.9, 1.1], [1.0, 1.0, 1.0]):
        cloth = shown(folds * np.array(colour))
        said = step(memory, cloth, AT)
        assert said.light is Light.DAY
        assert PictureFault.COVERED in {verdict.fault for verdict in said.verdicts if verdict.suspect}
    assert light_of(memory, shown(night)) is Light.NIGHT


def test_a_lid_is_told_where_a_person_saw_no_fault_in_the_largest_of_partial_covers() -> None:
    place = textured(18)
    place[: HIGH // 5] = 110.0
    covered = place.copy()
    covered[:, WIDE * 3 // 10 :] = np.linspace(60, 90, HIGH)[:, None, None]
    score = compared(known(shown(place)), shown(covered)).covered
    assert score is not None
    assert 1.0 < score <= MOST_OF_A_PART
    lesson = taught(PictureFault.COVERED, None, MOST_OF_A_PART)
    assert limit(PictureFault.COVERED, lesson) < WHOLE


def test_a_lamp_on_plain_ground_in_infrared_is_no_cover_though_something_small_is_gone() -> None:
    night = textured(19, level=60.0, contrast=12.0)
    night[HIGH * 3 // 5 :] = np.linspace(50, 70, WIDE)[None, :, None]
    chance = np.random.default_rng(19)
    view = known(shown(night + chance.normal(0, 2.0, (HIGH, WIDE, 1))))
    for lit in (2.2, 0.5):
        other = night.copy()
        other[HIGH * 3 // 5 :] *= lit
        other[20:80, 40:120] = 60.0
        score = compared(view, shown(other + chance.normal(0, 2.0, (HIGH, WIDE, 1)))).covered
        assert score == pytest.approx(0.0, abs=0.15)


def test_white_paper_is_a_cover_and_not_too_much_light() -> None:
    place = textured(20)
    place[: HIGH // 5] = 110.0
    paper = place.copy()
    paper[:, WIDE * 3 // 10 :] = 240.0
    scores = _scores(known(shown(place)), shown(paper))
    assert (scores[PictureFault.OVEREXPOSED] or 0.0) == 0.0
    assert (scores[PictureFault.COVERED] or 0.0) > 0.5
