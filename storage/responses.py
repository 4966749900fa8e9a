"""The state machine of escalations: how each incident is answered, by which plan, and what has been ticked off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from domain.errors import ResponsePlanError
from domain.response import USUAL, Grade, ResponsePlan
from storage.notices import NoticeChannel, notify
from storage.pool import Connection


class ResponseState(StrEnum):
    """::

    running ──somebody takes it──► taken ──reset, closed──► over
       ▲ │                           │
       │ └─rounds used up─► exhausted└─ not heard of again, upgraded ─► running
    """

    RUNNING = "running"
    TAKEN = "taken"
    EXHAUSTED = "exhausted"
    OVER = "over"


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """``grade`` is None before it was graded. ``step`` and ``round`` are the next ones of ``run``. ``taken_before`` had
    taken the incident when it called again.
    """

    incident_id: UUID
    run: int
    state: ResponseState
    grade: Grade | None
    plan_version: int | None
    step: int
    round: int
    life_safety: bool
    began_at: datetime
    next_at: datetime | None
    taken_by: str | None
    taken_at: datetime | None
    taken_before: str | None = None


_COLUMNS: LiteralString = (
    "r.incident_id, r.run, r.state, r.grade, r.plan_version, r.step, r.round, r.life_safety, r.began_at, r.next_at,"
    " r.taken_by, r.taken_at, r.taken_before"
)


def _response(row: dict[str, Any]) -> Response:
    grade = row["grade"]
    return Response(**{**row, "state": ResponseState(row["state"]), "grade": None if grade is None else Grade(grade)})


async def begin_response(conn: Connection, incident_id: UUID, *, life_safety: bool, at: datetime) -> None:
    """Have people told of the incident; anew where that had come to an end."""
    await conn.execute(
        "INSERT INTO response (incident_id, life_safety, began_at, next_at) VALUES (%(id)s, %(life)s, %(at)s, %(at)s)"
        " ON CONFLICT (incident_id) DO UPDATE SET run = response.run + 1, state = 'running', step = 0, round = 0,"
        " began_at = %(at)s, next_at = %(at)s, taken_before = response.taken_by, taken_by = NULL, taken_at = NULL"
        " WHERE response.state <> 'running'",
        {"id": incident_id, "life": life_safety, "at": at},
    )
    await notify(conn, NoticeChannel.RESPONSE)


async def take_response(conn: Connection, incident_id: UUID, *, by: str, at: datetime) -> None:
    """Somebody has taken the incident, which the caller has locked: nothing more is sent. When his taking runs out is
    known to whoever knows the plan: he looks at once.
    """
    await conn.execute(
        "UPDATE response SET state = 'taken', taken_by = %s, taken_at = %s, next_at = %s"
        " WHERE incident_id = %s AND state <> 'over'",
        (by, at, at, incident_id),
    )
    await notify(conn, NoticeChannel.RESPONSE)


async def end_response(conn: Connection, incident_id: UUID) -> None:
    """Nobody has to be told any more, of an incident that the caller has locked."""
    await conn.execute(
        "UPDATE response SET state = 'over', next_at = NULL WHERE incident_id = %s AND state <> 'over'", (incident_id,)
    )


async def call_for_merged(conn: Connection, main_id: UUID, *, at: datetime) -> None:
    """The incident into which others are merged has ended, in this transaction: of those that are still there and that
    nobody has taken, people are told now. (Those of life safety call people all the while.)
    """
    cursor = await conn.execute(
        "UPDATE response SET run = run + 1, state = 'running', step = 0, round = 0, began_at = %(at)s,"
        " next_at = %(at)s, taken_by = NULL, taken_at = NULL WHERE state = 'over' AND incident_id IN ("
        " SELECT incident_id FROM incident WHERE merged_into = %(main)s AND state = 'raised' AND NOT life_safety"
        " AND shelved_until IS NULL)",
        {"main": main_id, "at": at},
    )
    if cursor.rowcount:
        await notify(conn, NoticeChannel.RESPONSE)


async def is_open(conn: Connection, incident_id: UUID) -> bool:
    """Whether the incident goes on."""
    cursor = await conn.execute(
        "SELECT state IN ('raised', 'acknowledged', 'returned', 'normal') FROM incident WHERE incident_id = %s",
        (incident_id,),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


class DueResponse(NamedTuple):
    """A response that is due, claimed with its incident."""

    incident_id: UUID
    site_id: str
    row: dict[str, Any]

    def read(self) -> Response:
        """:raises ValueError: another version of the program wrote it, or nobody's did."""
        return _response(self.row)


async def claim_responses(conn: Connection, *, at: datetime, limit: int) -> list[DueResponse]:
    """Due ones and their incidents, both locked until the transaction ends; what another process has is left to it."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS}, i.site_id FROM response AS r JOIN incident AS i USING (incident_id)"
            " WHERE r.next_at <= %s ORDER BY r.life_safety DESC, r.next_at LIMIT %s"
            " FOR NO KEY UPDATE OF i, r SKIP LOCKED",
            (at, limit),
        )
        rows = await cursor.fetchall()
    return [DueResponse(row["incident_id"], row.pop("site_id"), row) for row in rows]


async def put_off(conn: Connection, incident_id: UUID, *, until: datetime) -> None:
    """What is due of a response waits."""
    await conn.execute("UPDATE response SET next_at = %s WHERE incident_id = %s", (until, incident_id))


async def next_response(conn: Connection) -> datetime | None:
    """When the next one is due."""
    cursor = await conn.execute("SELECT min(next_at) FROM response WHERE next_at IS NOT NULL")
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def lock_response(conn: Connection, incident_id: UUID) -> Response | None:
    """Of an incident that is locked already."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM response AS r WHERE r.incident_id = %s FOR UPDATE", (incident_id,)
        )
        row = await cursor.fetchone()
    return None if row is None else _response(row)


async def is_running(conn: Connection, incident_id: UUID) -> bool:
    """Whether people are being called to an incident, which the caller has locked."""
    cursor = await conn.execute(
        "SELECT EXISTS (SELECT FROM response WHERE incident_id = %s AND state = 'running')", (incident_id,)
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def response_of(conn: Connection, incident_id: UUID) -> Response | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM response AS r WHERE r.incident_id = %s", (incident_id,))
        row = await cursor.fetchone()
    return None if row is None else _response(row)


async def write_response(conn: Connection, response: Response) -> None:
    """Write a locked one as it is now."""
    await conn.execute(
        "UPDATE response SET run = %s, state = %s, grade = %s, plan_version = %s, step = %s, round = %s,"
        " began_at = %s, next_at = %s, taken_by = %s, taken_at = %s, taken_before = %s WHERE incident_id = %s",
        (
            response.run,
            response.state.value,
            response.grade,
            response.plan_version,
            response.step,
            response.round,
            response.began_at,
            response.next_at,
            response.taken_by,
            response.taken_at,
            response.taken_before,
            response.incident_id,
        ),
    )
    if response.next_at is not None:
        await notify(conn, NoticeChannel.RESPONSE)


async def hurry_response(conn: Connection, incident_id: UUID, *, step_key: str, at: datetime) -> bool:
    """Have the step behind ``step_key`` done at once, unless somebody has taken it or it is past already."""
    run, _, rest = step_key.partition("/")
    round_, _, step = rest.partition("/")
    cursor = await conn.execute(
        "UPDATE response SET next_at = %s WHERE incident_id = %s AND state = 'running' AND next_at > %s"
        # The step that was in vain is the one before the next.
        " AND run = %s AND round = %s AND step = %s",
        (at, incident_id, at, int(run), int(round_), int(step) + 1),
    )
    if cursor.rowcount:
        await notify(conn, NoticeChannel.RESPONSE)
    return bool(cursor.rowcount)


async def last_heard(conn: Connection, incident_id: UUID) -> datetime | None:
    """When a person last did something about the incident."""
    cursor = await conn.execute(
        "SELECT max(at) FROM incident_entry WHERE incident_id = %s AND actor <> 'system'", (incident_id,)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def open_at_site(
    conn: Connection, *, site_no: int, rules: Sequence[str], since: datetime, until: datetime, test: bool, drill: bool
) -> list[UUID]:
    """Open incidents of these rules at a site that were raised between the two."""
    cursor = await conn.execute(
        "SELECT incident_id FROM incident WHERE site_no = %s AND rule = ANY(%s) AND raised_at BETWEEN %s AND %s"
        " AND state IN ('raised', 'acknowledged', 'returned', 'normal') AND test = %s AND drill = %s ORDER BY number",
        (site_no, list(rules), since, until, test, drill),
    )
    return [incident_id for (incident_id,) in await cursor.fetchall()]


class UpgradeOrder(msgspec.Struct, frozen=True):
    """An incident that became graver because ``together`` so many of its site were raised."""

    incident_id: UUID
    grade: Grade
    together: int


async def queue_upgrades(conn: Connection, incident_ids: Sequence[UUID], grade: Grade, *, together: int) -> None:
    """Of those that are not so grave yet, or are being graded; each waits once. A hundred alarms of one site would be
    ten thousand orders otherwise.
    """
    await conn.execute(
        "INSERT INTO response_upgrade (incident_id, grade, together)"
        " SELECT r.incident_id, %(grade)s, %(together)s FROM response AS r WHERE r.incident_id = ANY(%(ids)s)"
        " AND (r.grade IS NULL OR r.grade > %(grade)s) AND NOT EXISTS (SELECT FROM response_upgrade AS u"
        "  WHERE u.incident_id = r.incident_id AND u.grade <= %(grade)s)",
        {"ids": list(incident_ids), "grade": int(grade), "together": together},
    )


async def claim_upgrade(conn: Connection, *, but: Sequence[int] = ()) -> int | None:
    """The number of an order that no other process has, and that is none of ``but``; locked."""
    cursor = await conn.execute(
        "SELECT upgrade_no FROM response_upgrade WHERE NOT upgrade_no = ANY(%s) ORDER BY upgrade_no"
        " LIMIT 1 FOR UPDATE SKIP LOCKED",
        (list(but),),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def take_upgrade(conn: Connection, upgrade_no: int) -> UpgradeOrder:
    """An order that was claimed, gone once the transaction commits."""
    cursor = await conn.execute(
        "DELETE FROM response_upgrade WHERE upgrade_no = %s RETURNING incident_id, grade, together", (upgrade_no,)
    )
    row = await cursor.fetchone()
    assert row is not None
    return UpgradeOrder(row[0], Grade(row[1]), row[2])


async def open_response(
    conn: Connection, incident_id: UUID, grade: Grade, *, life_safety: bool, at: datetime, plan_version: int
) -> None:
    """A response to an incident that had none: a person gave it a grade."""
    await conn.execute(
        "INSERT INTO response (incident_id, life_safety, grade, plan_version, began_at, next_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (incident_id, life_safety, int(grade), plan_version, at, at),
    )
    await notify(conn, NoticeChannel.RESPONSE)


# -- check-lists ------------------------------------------------------------------------------------------------------


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    item: str
    at: datetime
    actor: str
    note: str


async def tick(conn: Connection, incident_id: UUID, item: str, *, at: datetime, actor: str, note: str) -> bool:
    """Tick an item off; False where it is already."""
    cursor = await conn.execute(
        "INSERT INTO response_tick (incident_id, item, at, actor, note) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (incident_id, item, at, actor, note),
    )
    return bool(cursor.rowcount)


async def ticks(conn: Connection, incident_id: UUID) -> list[Tick]:
    cursor = await conn.execute(
        "SELECT item, at, actor, note FROM response_tick WHERE incident_id = %s ORDER BY at, item", (incident_id,)
    )
    return [Tick(item=item, at=at, actor=actor, note=note) for item, at, actor, note in await cursor.fetchall()]


# -- plans ------------------------------------------------------------------------------------------------------------


class PlanVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Version 0 is the usual plan, which no district made."""

    version: int
    plan: ResponsePlan
    made_at: datetime | None = None
    made_by: str = ""
    note: str = ""


_USUAL = PlanVersion(version=0, plan=USUAL)


def plan_of(document: object) -> ResponsePlan:
    """:raises ResponsePlanError: it is no plan."""
    try:
        return msgspec.convert(document, type=ResponsePlan, str_keys=True, strict=False)
    except msgspec.ValidationError as error:
        raise ResponsePlanError(str(error)) from error


async def newest_plan_version(conn: Connection) -> int:
    cursor = await conn.execute("SELECT coalesce(max(version), 0) FROM response_plan")
    return int((await cursor.fetchone() or (0,))[0])


async def load_plan(conn: Connection, version: int) -> PlanVersion:
    """:raises ResponsePlanError: there is no such version."""
    if version == 0:
        return _USUAL
    cursor = await conn.execute(
        "SELECT version, plan, made_at, made_by, note FROM response_plan WHERE version = %s", (version,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise ResponsePlanError(f"there is no plan {version}")
    return PlanVersion(version=row[0], plan=plan_of(row[1]), made_at=row[2], made_by=row[3], note=row[4])


async def add_plan(conn: Connection, plan: ResponsePlan, *, at: datetime, by: str, note: str) -> int:
    """The plan that holds from now on; its version. Incidents that are under way keep theirs."""
    async with conn.transaction():
        await conn.execute("LOCK TABLE response_plan IN SHARE ROW EXCLUSIVE MODE")
        version = await newest_plan_version(conn) + 1
        await conn.execute(
            "INSERT INTO response_plan (version, made_at, made_by, note, plan) VALUES (%s, %s, %s, %s, %s)",
            (version, at, by, note, Jsonb(msgspec.to_builtins(plan, str_keys=True))),
        )
    return version


# -- links of messages ------------------------------------------------------------------------------------------------


async def signing_key(conn: Connection, purpose: str = "notice-link") -> bytes:
    """A secret of this installation."""
    cursor = await conn.execute("SELECT key FROM signing_key WHERE purpose = %s", (purpose,))
    row = await cursor.fetchone()
    return b"" if row is None else bytes(row[0])


async def use_link(conn: Connection, delivery_id: UUID, *, at: datetime, action: str) -> bool:
    """Use the link of a message; False where it was used before."""
    cursor = await conn.execute(
        "INSERT INTO used_link (delivery_id, at, action) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (delivery_id, at, action),
    )
    return bool(cursor.rowcount)


async def link_used(conn: Connection, delivery_id: UUID) -> str | None:
    """What the link of a message was used for."""
    cursor = await conn.execute("SELECT action FROM used_link WHERE delivery_id = %s", (delivery_id,))
    row = await cursor.fetchone()
    return None if row is None else str(row[0])
