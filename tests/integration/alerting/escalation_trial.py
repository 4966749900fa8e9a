"""Three alerting processes that are killed at random while thousands of incidents escalate, and an account of it.

``python -m tests.integration.alerting.escalation_trial --incidents 10000`` runs it in full, with a PostgreSQL of its
own.
A process is an escalator and a dispatcher on a clock that runs twenty times as fast; its channel is a socket to here,
where messages are kept by their idempotency keys.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from alerting.courier import Courier
from alerting.desk import Desk
from alerting.dispatcher import Dispatcher
from alerting.escalator import Escalator
from domain.delivery import Delivery, DeliveryChannel
from domain.duty import DutyRole
from domain.errors import TemporaryFailure
from domain.incident import IncidentAction
from domain.response import USUAL, GradePlan, ResponsePlan, Step, Whom
from storage.duty import put_contacts, put_person, put_shift
from storage.pool import Pool, open_pool
from storage.responses import add_plan
from tests.integration.alerting.ledgers import rows
from tests.unit.alerting.findings import SmallGazetteer, finding

PROCESSES = 3
#: How much faster time runs for the processes.
SPEED = 20.0
#: Messages of one incident that nobody takes: a leader over two ways, then an officer, in each of two rounds.
EXPECTED = 2 * (2 + 1)
PLAN = GradePlan(
    steps=(
        Step(whom=(Whom(role=DutyRole.LEADER, where="bureau"),)),
        Step(after_s=10, whom=(Whom(role=DutyRole.OFFICER, where="bureau"),)),
    ),
    repeat_s=120,
    rounds=2,
)
#: Seconds of ours after which a message that was under way at an acknowledgement has arrived; the next round is later.
UNDER_WAY_S = 4.0


class FastClock:
    def __init__(self, base: datetime) -> None:
        self._base = base

    def now(self) -> datetime:
        passed = datetime.now(UTC) - self._base
        return self._base + passed * SPEED


class _Message(msgspec.Struct, frozen=True):
    delivery_id: UUID
    incident_id: UUID
    step_key: str


class SocketChannel:
    """A `Channel` to the account: one line there, one back."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def send(self, delivery: Delivery) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
            said = _Message(delivery.delivery_id, delivery.incident_id or UUID(int=0), delivery.step_key or "")
            writer.write(msgspec.json.encode(said) + b"\n")
            answer = await reader.readline()
            writer.close()
        except OSError as error:
            raise TemporaryFailure(str(error)) from error
        if answer != b"ok\n":
            raise TemporaryFailure("not taken")


async def live(dsn: str, path: str, base: datetime) -> None:
    """One alerting process, until it is killed."""
    clock, desk = FastClock(base), trial_desk()
    async with open_pool(dsn, name="trial", max_size=6) as pool, asyncio.TaskGroup() as tasks:
        escalator = Escalator(pool=pool, desk=desk, clock=clock, wake=asyncio.Event(), poll_s=0.05)
        people = {DeliveryChannel.APPRISE: SocketChannel(path)}
        dispatcher = Dispatcher(pool=pool, courier=Courier({}, people), clock=clock, wake=asyncio.Event(), poll_s=0.05)
        tasks.create_task(escalator.run())
        tasks.create_task(dispatcher.run())


def trial_desk() -> Desk:
    return Desk(gazetteer=SmallGazetteer(), link_ids=(), zone=ZoneInfo("Asia/Shanghai"))


@dataclass
class Account:
    """What arrived, by idempotency key; ``again`` counts second copies, ``kills`` dead processes."""

    first_at: dict[UUID, float] = field(default_factory=dict)
    message: dict[UUID, _Message] = field(default_factory=dict)
    again: int = 0
    kills: int = 0
    taken_at: dict[UUID, float] = field(default_factory=dict)
    incidents: list[UUID] = field(default_factory=list)

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if line:
            said = msgspec.json.decode(line, type=_Message)
            if said.delivery_id in self.first_at:
                self.again += 1
            else:
                self.first_at[said.delivery_id] = time.monotonic()
                self.message[said.delivery_id] = said
            writer.write(b"ok\n")
        writer.close()

    def faults(self) -> list[str]:
        """What is wrong, as texts."""
        each = Counter(message.incident_id for message in self.message.values())
        sent: Counter[tuple[UUID, str]] = Counter(
            (message.incident_id, message.step_key) for message in self.message.values()
        )
        found: list[str] = []
        for incident_id in self.incidents:
            if incident_id not in self.taken_at and each[incident_id] != EXPECTED:
                found.append(f"{incident_id}: {each[incident_id]} messages instead of {EXPECTED}")
        found += [f"{key}: {count} messages in one step" for key, count in sent.items() if count > 2]
        for delivery_id, at in self.first_at.items():
            taken = self.taken_at.get(self.message[delivery_id].incident_id)
            if taken is not None and at > taken + UNDER_WAY_S:
                found.append(f"{delivery_id}: {at - taken:.1f} s after the acknowledgement")
        return found


async def run_trial(dsn: str, *, incidents: int, kills: int, seed: int, within_s: float) -> tuple[Account, list[str]]:
    """Open ``incidents``, have a third of them acknowledged at random moments, kill processes meanwhile; what arrived,
    and what is wrong with it.
    """
    chance, account, base, desk = random.Random(seed), Account(), datetime.now(UTC), trial_desk()
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "account")
        server = await asyncio.start_unix_server(account.hear, path)
        children = [await _start(dsn, path, base) for _ in range(PROCESSES)]
        try:
            async with server, open_pool(dsn, name="trial", max_size=4) as pool:
                await _prepare(pool, base)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_open(pool, desk, account, base, incidents, chance, tasks))
                    tasks.create_task(_kill(children, dsn, path, base, account, kills, chance))
                async with asyncio.timeout(within_s):
                    while not await _settled(pool, account, incidents):  # noqa: ASYNC110 - the database is asked
                        await asyncio.sleep(0.2)
                return account, account.faults() + await _order_faults(pool)
        finally:
            for child in children:
                if child.returncode is None:
                    child.kill()
                await child.wait()


async def _prepare(pool: Pool, base: datetime) -> None:
    async with pool.connection() as conn:
        plan = ResponsePlan(cases=(), grades={**USUAL.grades, 4: PLAN})
        await add_plan(conn, plan, at=base, by="trial", note="")
        for name, role, contacts in (("leader", DutyRole.LEADER, 2), ("officer", DutyRole.OFFICER, 1)):
            number = await put_person(conn, name, name)
            await put_contacts(conn, number, [(DeliveryChannel.APPRISE, f"json://{name}/{n}") for n in range(contacts)])
            begin, end = base - timedelta(hours=1), base + timedelta(days=30)
            await put_shift(conn, number, site_id="", role=role, starts_at=begin, ends_at=end)


async def _start(dsn: str, path: str, base: datetime) -> asyncio.subprocess.Process:
    module = "tests.integration.alerting.escalation_trial"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "--live", dsn, path, base.isoformat(), stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


async def _open(
    pool: Pool,
    desk: Desk,
    account: Account,
    base: datetime,
    incidents: int,
    chance: random.Random,
    tasks: asyncio.TaskGroup,
) -> None:
    clock = FastClock(base)
    for number in range(incidents):
        now = clock.now()
        one = finding("intrusion_alarm", key=f"trial/{number}", device_id=f"d{number}", at=now)
        async with pool.connection() as conn, conn.transaction():
            case = await desk.take(conn, one, now=now)
        account.incidents.append(case.incident_id)
        if chance.random() < 1 / 3:
            tasks.create_task(_take(pool, desk, account, clock, case.incident_id, chance.uniform(0.0, 4.0)))


async def _take(pool: Pool, desk: Desk, account: Account, clock: FastClock, incident_id: UUID, after_s: float) -> None:
    await asyncio.sleep(after_s)
    async with pool.connection() as conn:
        await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="王主任", note="", now=clock.now())
    account.taken_at[incident_id] = time.monotonic()


async def _kill(
    children: list[asyncio.subprocess.Process],
    dsn: str,
    path: str,
    base: datetime,
    account: Account,
    kills: int,
    chance: random.Random,
) -> None:
    while account.kills < kills:
        await asyncio.sleep(chance.uniform(0.3, 1.5))
        if not account.first_at:
            continue  # none of them is at work yet
        place = chance.randrange(PROCESSES)
        children[place].send_signal(signal.SIGKILL)
        await children[place].wait()
        account.kills += 1
        children[place] = await _start(dsn, path, base)


async def _settled(pool: Pool, account: Account, incidents: int) -> bool:
    async with pool.connection() as conn:
        (left,) = await rows(
            conn,
            "SELECT (SELECT count(*) FROM response WHERE next_at IS NOT NULL)"
            " + (SELECT count(*) FROM delivery WHERE state = 'queued') AS open",
        )
    return len(account.incidents) == incidents and int(left["open"]) == 0


async def _order_faults(pool: Pool) -> list[str]:
    """Steps that were done after somebody had taken the incident: the timeline has the order in which it was."""
    async with pool.connection() as conn:
        found = await rows(
            conn,
            "SELECT s.incident_id FROM incident_entry AS s JOIN incident_entry AS a USING (incident_id)"
            " WHERE s.kind = 'escalated' AND a.kind = 'acknowledged' AND s.entry_no > a.entry_no",
        )
    return [f"{row['incident_id']}: a step after the acknowledgement" for row in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", nargs=3, metavar=("DSN", "SOCKET", "BASE"), help=argparse.SUPPRESS)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.live:
        dsn, path, base = given.live
        asyncio.run(live(dsn, path, datetime.fromisoformat(base)))
        return
    from campuswatch.rehearsal.stage import open_stage

    with open_stage() as stage, stage.settings() as settings:
        began = time.monotonic()
        account, faults = asyncio.run(
            run_trial(
                settings.database_url(), incidents=given.incidents, kills=given.kills, seed=given.seed, within_s=3600
            )
        )
    took_s = time.monotonic() - began
    print(  # noqa: T201
        f"{given.incidents} incidents, {len(account.taken_at)} taken, {len(account.first_at)} messages,"
        f" {account.again} second copies, {account.kills} kills, {len(faults)} faults, {took_s:.0f} s"
    )
    print("\n".join(faults[:20]))  # noqa: T201
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
