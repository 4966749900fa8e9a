"""A camera is looked at: what is committed of it, and what a camera may do to us."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from domain.camera import CameraSource, Truth, Way
from domain.liveness import Connectivity, LivenessChange, Reason
from storage.camera_truths import follow_outages, lapse, retire, returned
from storage.cameras import evidence_to_remove, load_patrol, mark_removed, put_source, teach, waiting_lessons
from storage.device_states import store_liveness
from storage.pool import Connection
from tests.integration.patrol.school import NOON, PASSWORD, SEAL, TIMEOUT_S, USER, school

GOOD = {Truth.REACHABLE: ("yes", ""), Truth.DECODES: ("yes", ""), Truth.GOOD: ("yes", "")}


async def test_a_black_picture_is_a_fault_with_evidence_and_is_over_when_the_picture_is_good_again(
    conn: Connection, kept_database: str, tmp_path: Path
) -> None:
    async with school(conn, kept_database, tmp_path) as place:
        await place.look(times=3)
        assert await place.truths() == {**GOOD, Truth.GOOD: ("unknown", "learning")}
        await place.look(times=4)
        assert await place.truths() == GOOD

        place.behave("cam-01", "black")
        await place.look(times=2)
        assert await place.truths() == GOOD  # a suspicion is none yet
        await place.look()
        assert (await place.truths())[Truth.GOOD] == ("no", "black")
        assert await place.findings() == [("raised", "cam-01", "black")]

        cursor = await conn.execute("SELECT evidence_id, at, fault, size FROM camera_evidence")
        ((number, at, fault, size),) = await cursor.fetchall()
        assert fault == "black"
        files = [place.album.evidence(number, at, part) for part in ("picture", "reference", "difference")]
        assert sum(file.stat().st_size for file in files) == size

        place.behave("cam-01", "ok")
        await place.look(times=2)
        assert await place.truths() == GOOD
        assert await place.findings() == [("raised", "cam-01", "black"), ("cleared", "cam-01", "black")]
        cursor = await conn.execute(
            "SELECT state, reason, ended_at - began_at FROM camera_interval WHERE truth = 'good'"
        )
        assert await cursor.fetchall() == [
            ("unknown", "learning", timedelta(minutes=25)),
            ("no", "black", timedelta(minutes=20)),
        ]


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("hang", "timeout"),
        ("garbage", "not_jpeg"),
        ("refuse", "unauthorized"),
        ("error", "http"),
        ("huge", "too_large"),
        ("cut", "truncated"),
    ],
)
async def test_whatever_a_camera_answers_costs_its_own_time_and_stops_nobody(
    plain_conn: Connection, plain_kept: str, tmp_path: Path, mode: str, reason: str
) -> None:
    async with school(plain_conn, plain_kept, tmp_path, cameras=2) as place:
        place.behave("cam-01", mode)
        place.snapshots.timeout_s = 1.0 if mode == "hang" else TIMEOUT_S
        began = time.monotonic()
        await place.look("cam-01", times=2)
        assert time.monotonic() - began < TIMEOUT_S
        place.snapshots.timeout_s = TIMEOUT_S
        await place.look("cam-02")

        truths = await place.truths("cam-01")
        assert truths[Truth.REACHABLE] == ("yes", "")
        assert truths[Truth.DECODES] == ("no", reason)
        assert (await place.truths("cam-02"))[Truth.DECODES] == ("yes", "")
        assert await place.findings() == [("raised", "cam-01", "no_picture")]


async def test_behind_a_dead_uplink_cameras_are_unknown_and_nobody_is_told_of_a_fault(
    conn: Connection, kept_database: str, tmp_path: Path
) -> None:
    async with school(conn, kept_database, tmp_path, cameras=2) as place:
        camera, other = await place.camera("cam-01"), await place.camera("cam-02")
        await place.look("cam-01", times=7)
        await place.look("cam-02")
        before = LivenessChange(
            device_no=camera.device_no, connectivity=Connectivity.ONLINE, since=NOON, last_seen_at=place.clock.at
        )
        await store_liveness(conn, [before])
        assert (await place.truths())[Truth.REGISTERED] == ("yes", "")

        cut_at = place.clock.at + timedelta(minutes=1)
        assert camera.parent_no is not None
        behind = [
            LivenessChange(
                device_no=number,
                connectivity=Connectivity.UNKNOWN,
                since=cut_at,
                last_seen_at=place.clock.at,
                reason=Reason.BEHIND,
                behind_no=camera.parent_no,
            )
            for number in (camera.device_no, other.device_no)
        ]
        await store_liveness(conn, behind)
        async with conn.transaction():
            assert await follow_outages(conn, cut_at + timedelta(seconds=1)) == 5  # the second one is being learnt
        unknown = dict.fromkeys(Truth, ("unknown", "behind"))
        assert await place.truths() == unknown

        await _nobody_answers(conn, camera.device_no)
        await place.look("cam-01", times=3)
        assert await place.truths() == unknown
        assert await place.findings() == []

        await store_liveness(
            conn,
            [
                LivenessChange(
                    device_no=camera.device_no,
                    connectivity=Connectivity.ONLINE,
                    since=place.clock.at,
                    last_seen_at=place.clock.at,
                )
            ],
        )
        assert await returned(conn) == [camera.device_no]


async def test_a_camera_that_is_dead_by_itself_is_not_reachable(
    plain_conn: Connection, plain_kept: str, tmp_path: Path
) -> None:
    async with school(plain_conn, plain_kept, tmp_path) as place:
        camera = await place.camera("cam-01")
        await _nobody_answers(plain_conn, camera.device_no)
        await place.look()
        assert await place.truths() == {}
        await place.look()
        truths = await place.truths()
        assert truths[Truth.REACHABLE] == ("no", "refused")
        assert truths[Truth.GOOD] == ("unknown", "no_picture")


async def test_a_rejected_diagnosis_is_over_and_teaches_the_threshold(
    conn: Connection, kept_database: str, tmp_path: Path
) -> None:
    async with school(conn, kept_database, tmp_path) as place:
        await place.look(times=7)
        place.behave("cam-01", "black")
        await place.look(times=3)
        camera = await place.camera("cam-01")
        state, _ = await load_patrol(conn, camera.device_no)
        black = next(one for one in state.verdicts if one["fault"] == "black")
        for light in ("day", "night"):
            await teach(
                conn,
                camera.device_no,
                "rejected",
                fault="black",
                light=light,
                score=black["score"],
                actor="officer",
                at=place.clock.at,
            )
        for lesson in await waiting_lessons(conn):
            await place.officer.learn(camera, lesson)
        assert await waiting_lessons(conn) == []
        assert (await place.truths())[Truth.GOOD] == ("yes", "")
        assert [kind for kind, _, _ in await place.findings()] == ["raised", "cleared"]
        await place.look(times=4)
        assert [kind for kind, _, fault in await place.findings() if fault == "black"] == ["raised", "cleared"]


async def test_what_nobody_looks_at_is_not_known_any_more(conn: Connection, kept_database: str, tmp_path: Path) -> None:
    async with school(conn, kept_database, tmp_path) as place:
        await place.look(times=7)
        looked_at = place.clock.at
        async with conn.transaction():
            assert await lapse(conn, looked_at + timedelta(hours=1), after=timedelta(hours=2)) == 0
            assert await lapse(conn, looked_at + timedelta(hours=3), after=timedelta(hours=2)) == 3
        assert await place.truths() == dict.fromkeys(GOOD, ("unknown", "stale"))


async def test_evidence_is_kept_for_its_time_and_within_its_room(
    plain_conn: Connection, plain_kept: str, tmp_path: Path
) -> None:
    async with school(plain_conn, plain_kept, tmp_path) as place:
        place.behave("cam-01", "black")
        await place.look(times=3)
        now = place.clock.at
        early = now - timedelta(days=1)
        assert await evidence_to_remove(plain_conn, before=early, most_bytes=10**9) == []
        gone = await evidence_to_remove(plain_conn, before=early, most_bytes=10)
        assert gone == await evidence_to_remove(plain_conn, before=now + timedelta(days=1), most_bytes=10**9)
        assert len(gone) == 1
        place.album.remove_evidence(gone)
        await mark_removed(plain_conn, [number for number, _ in gone], now)
        assert await evidence_to_remove(plain_conn, before=now + timedelta(days=1), most_bytes=0) == []
        assert not list((tmp_path / "evidence").rglob("*.jpg"))


async def test_a_password_is_written_nowhere(
    plain_conn: Connection,
    plain_kept: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with school(plain_conn, plain_kept, tmp_path) as place:
        place.behave("cam-01", "refuse")
        await place.look(times=2)
        camera = await place.camera("cam-01")
        assert camera.source.password == PASSWORD
        assert PASSWORD not in repr(camera) + str(camera.source)
        for table in ("camera_source", "audit_entry", "finding", "camera_patrol", "camera_truth"):
            cursor = await plain_conn.execute(
                f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", (f"%{PASSWORD}%",)
            )
            assert await cursor.fetchone() == (0,)
    told = capsys.readouterr()
    assert PASSWORD not in told.out + told.err + caplog.text


async def test_what_was_told_of_a_camera_that_is_taken_out_of_service_is_over(
    plain_conn: Connection, plain_kept: str, tmp_path: Path
) -> None:
    async with school(plain_conn, plain_kept, tmp_path, cameras=2) as place:
        for camera in ("cam-01", "cam-02"):
            place.behave(camera, "black")
            await place.look(camera, times=3)
        await place.officer.forsake(plain_conn)
        assert len(await place.findings()) == 2

        await plain_conn.execute("UPDATE device SET retired_at = %s WHERE device_id = 'cam-01'", (place.clock.at,))
        await put_source(plain_conn, "s001", "cam-02", None, seal=SEAL, actor="test", at=place.clock.at)
        for _ in range(2):
            await place.officer.forsake(plain_conn)
        ended = [(kind, device) for kind, device, _ in (await place.findings())[2:]]
        assert sorted(ended) == [("cleared", "cam-01"), ("cleared", "cam-02")]
        async with plain_conn.transaction():
            assert await retire(plain_conn) == 3
            assert await retire(plain_conn) == 0


async def _nobody_answers(conn: Connection, device_no: int) -> None:
    """Nothing listens on port 9 of this machine."""
    cursor = await conn.execute("SELECT device_id FROM device WHERE device_no = %s", (device_no,))
    row = await cursor.fetchone()
    assert row is not None
    source = CameraSource(way=Way.SNAPSHOT, url="http://127.0.0.1:9/", username=USER)
    await put_source(conn, "s001", row[0], source, seal=SEAL, actor="test", at=NOON)
