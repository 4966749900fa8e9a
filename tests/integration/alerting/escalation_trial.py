"""Three alerting processes that are killed at random while thousands of incidents escalate, and an account of it.

``python -m tests.integration.alerting.escalation_trial --incidents 10000`` runs it in full, with a PostgreSQL of its
own.
A process is an escalator and a dispatcher on a clock that runs twenty times as fast; its channel is a socket to here,
where messages are kept by their idempotency keys, and one answer in a hundred is lost. Processes are killed all along,
by the messages that have come. A third of the incidents is taken: half of these at a moment of their whole life, half
in the very moment in which a message arrives, when others of the same step are under way.
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
import psycopg

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
#: Messages of the two steps: a leader over two ways, then an officer; in each of two rounds.
OF_STEP = (2, 1)
ROUNDS = 2
EXPECTED = ROUNDS * sum(OF_STEP)
PLAN = GradePlan(
    steps=(
        Step(whom=(Whom(role=DutyRole.LEADER, where="bureau"),)),
        Step(after_s=10, whom=(Whom(role=DutyRole.OFFICER, where="bureau"),)),
    ),
    repeat_s=120,
    rounds=ROUNDS,
)
#: Incidents that escalate at once. Some seconds of ours each: with more of them messages would wait for each other.
MOST_ALIVE = 400
#: Seconds of ours in which an incident that nobody takes has told everybody.
LIFE_S = 7.0
#: A message that was asked for before an acknowledgement is under way; one that a process begins to send so long after
#: it had not looked. (On a machine that is busy a process may stop between looking and sending.)
UNDER_WAY_S = 2.0
#: Of the answers one in so many is lost, and the message comes again.
LOST_ANSWERS = 100


class FastClock:
    def __init__(self, base: datetime) -> None:
        self._base = base

    def now(self) -> datetime:
        passed = datetime.now(UTC) - self._base
        return self._base + passed * SPEED


class _Message(msgspec.Struct, frozen=True):
    """``asked_at``: when the process began to send it, by the machine's monotonic clock."""

    delivery_id: UUID
    incident_id: UUID
    step_key: str
    asked_at: float


class SocketChannel:
    """A `Channel` to the account: one line there, one back."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def send(self, delivery: Delivery) -> None:
        asked_at = time.monotonic()
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
            incident_id = delivery.incident_id or UUID(int=0)
            said = _Message(delivery.delivery_id, incident_id, delivery.step_key or "", asked_at)
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
    """What arrived, by idempotency key; ``again`` counts second copies, ``kills`` dead processes. ``late_s``: how long
    after an acknowledgement those messages were begun that were under way in its moment.
    """

    chance: random.Random
    message: dict[UUID, _Message] = field(default_factory=dict)
    again: int = 0
    kills: int = 0
    taken_at: dict[UUID, float] = field(default_factory=dict)
    incidents: list[UUID] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    told_to_wait: int = 0
    #: With something to be sent still, right after the acknowledgement.
    still_queued: list[UUID] = field(default_factory=list)
    #: Who is taken when so many of its messages have arrived.
    at_message: dict[UUID, tuple[int, asyncio.Event]] = field(default_factory=dict)
    each: Counter[UUID] = field(default_factory=Counter)

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if line:
            said = msgspec.json.decode(line, type=_Message)
            self._note(said)
            if self.chance.randrange(LOST_ANSWERS):
                writer.write(b"ok\n")
        writer.close()

    def _note(self, said: _Message) -> None:
        taken = self.taken_at.get(said.incident_id)
        if taken is not None and said.asked_at > taken:
            self.late_s.append(said.asked_at - taken)
        if said.delivery_id in self.message:
            self.again += 1
            return
        self.message[said.delivery_id] = said
        self.each[said.incident_id] += 1
        count, event = self.at_message.get(said.incident_id, (0, None))
        if event is not None and self.each[said.incident_id] >= count:
            event.set()

    @property
    def close(self) -> int:
        """Messages that were begun within 50 ms of the acknowledgement of their incident."""
        moments = ((message.asked_at, self.taken_at.get(message.incident_id)) for message in self.message.values())
        return sum(1 for asked_at, taken in moments if taken is not None and abs(asked_at - taken) < 0.05)

    @property
    def alive(self) -> int:
        """Incidents that are neither taken nor through with their steps."""
        over = sum(1 for one, count in self.each.items() if count >= EXPECTED and one not in self.taken_at)
        return len(self.incidents) - len(self.taken_at) - over

    def faults(self) -> list[str]:
        """What is wrong, as texts."""
        found: list[str] = []
        for incident_id in self.incidents:
            if incident_id not in self.taken_at and self.each[incident_id] != EXPECTED:
                found.append(f"{incident_id}: {self.each[incident_id]} messages instead of {EXPECTED}")
        sent = Counter((message.incident_id, message.step_key) for message in self.message.values())
        for (incident_id, key), count in sent.items():
            most = OF_STEP[int(key.rpartition("/")[2])]
            if count > most:
                found.append(f"{incident_id}: {count} messages in step {key} instead of {most}")
        found += [f"{incident_id}: something is queued after the acknowledgement" for incident_id in self.still_queued]
        found += [f"a message was begun {late_s:.1f} s after the acknowledgement" for late_s in self.late_s
                  if late_s > UNDER_WAY_S]  # fmt: skip
        return found


async def run_trial(dsn: str, *, incidents: int, kills: int, seed: int, within_s: float) -> tuple[Account, list[str]]:
    """Open ``incidents``, have a third of them acknowledged at random moments, kill processes all along; what arrived,
    and what is wrong with it.
    """
    chance, base, desk = random.Random(seed), datetime.now(UTC), trial_desk()
    account = Account(chance=random.Random(seed + 1))
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "account")
        server = await asyncio.start_unix_server(account.hear, path, backlog=1000)
        children = [await _start(dsn, path, base) for _ in range(PROCESSES)]
        try:
            async with server, asyncio.timeout(within_s), open_pool(dsn, name="trial", max_size=8) as pool:
                await _prepare(pool, base)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_open(pool, desk, account, base, incidents, chance, tasks))
                    tasks.create_task(_kill(children, dsn, path, base, account, incidents, kills, seed))
                while not await _settled(pool):  # noqa: ASYNC110 - the database is asked
                    await asyncio.sleep(0.2)
                return account, account.faults() + await _database_faults(pool)
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
        while account.alive >= MOST_ALIVE:  # noqa: ASYNC110 - what comes through a socket decides
            await asyncio.sleep(0.02)
        now = clock.now()
        one = finding("intrusion_alarm", key=f"trial/{number}", device_id=f"d{number}", at=now)
        taken, by_message = chance.random() < 1 / 3, chance.random() < 1 / 2
        count, after_s = chance.randint(1, EXPECTED), chance.uniform(0.0, LIFE_S)
        event = asyncio.Event()
        async with pool.connection() as conn, conn.transaction():
            case = await desk.take(conn, one, now=now)
        account.incidents.append(case.incident_id)
        if taken and by_message:
            account.at_message[case.incident_id] = count, event
        if taken:
            after = event if by_message else after_s
            tasks.create_task(_take(pool, desk, account, clock, case.incident_id, after))


async def _take(
    pool: Pool, desk: Desk, account: Account, clock: FastClock, incident_id: UUID, after: float | asyncio.Event
) -> None:
    await (after.wait() if isinstance(after, asyncio.Event) else asyncio.sleep(after))
    async with pool.connection() as conn:
        try:
            await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="王主任", note="", now=clock.now())
        except psycopg.errors.LockNotAvailable:
            # A machine that is very busy; whoever is told so presses once more.
            account.told_to_wait += 1
            await desk.act(conn, incident_id, IncidentAction.ACKNOWLEDGE, actor="王主任", note="", now=clock.now())
        account.taken_at[incident_id] = time.monotonic()
        (left,) = await rows(
            conn, "SELECT count(*) FROM delivery WHERE state = 'queued' AND incident_id = %s", incident_id
        )
    if left["count"]:
        account.still_queued.append(incident_id)


def _moments(incidents: int, kills: int, seed: int) -> list[tuple[int, int]]:
    """After how many messages which process is killed: all along the run."""
    chance = random.Random(seed + 2)
    # Some two thirds of the incidents tell everybody, of the rest about half is told.
    messages = int(incidents * EXPECTED * 0.75)
    return [(at, chance.randrange(PROCESSES)) for at in sorted(chance.randint(1, messages) for _ in range(kills))]


async def _kill(
    children: list[asyncio.subprocess.Process],
    dsn: str,
    path: str,
    base: datetime,
    account: Account,
    incidents: int,
    kills: int,
    seed: int,
) -> None:
    for at, place in _moments(incidents, kills, seed):
        # Fewer messages than were thought of: what is left of the kills comes at the end.
        while len(account.message) < at and (  # noqa: ASYNC110 - what comes through a socket decides
            len(account.incidents) < incidents or account.alive
        ):
            await asyncio.sleep(0.01)
        children[place].send_signal(signal.SIGKILL)
        await children[place].wait()
        account.kills += 1
        children[place] = await _start(dsn, path, base)


async def _settled(pool: Pool) -> bool:
    async with pool.connection() as conn:
        (left,) = await rows(
            conn,
            "SELECT (SELECT count(*) FROM response WHERE next_at IS NOT NULL)"
            " + (SELECT count(*) FROM delivery WHERE state = 'queued') AS open",
        )
    return int(left["open"]) == 0


async def _database_faults(pool: Pool) -> list[str]:
    """The timeline has the order in which it was: no step was done after somebody had taken the incident. Nothing was
    given up, and nothing cancelled that nobody had taken.
    """
    async with pool.connection() as conn:
        late = await rows(
            conn,
            "SELECT s.incident_id FROM incident_entry AS s JOIN incident_entry AS a USING (incident_id)"
            " WHERE s.kind = 'escalated' AND a.kind = 'acknowledged' AND s.entry_no > a.entry_no",
        )
        lost = await rows(conn, "SELECT delivery_id, state FROM delivery WHERE NOT state = ANY('{sent,cancelled}')")
        kept = await rows(
            conn,
            "SELECT d.delivery_id FROM delivery AS d JOIN incident AS i USING (incident_id)"
            " WHERE d.state = 'cancelled' AND i.acknowledged_at IS NULL",
        )
    return (
        [f"{row['incident_id']}: a step after the acknowledgement" for row in late]
        + [f"{row['delivery_id']}: {row['state']} at the end" for row in lost]
        + [f"{row['delivery_id']}: cancelled, and nobody has taken it" for row in kept]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", nargs=3, metavar=("DSN", "SOCKET", "BASE"), help=argparse.SUPPRESS)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
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
                settings.database_url(), incidents=given.incidents, kills=given.kills, seed=given.seed, within_s=7200
            )
        )
    took_s, late = time.monotonic() - began, account.late_s
    print(  # noqa: T201
        f"{given.incidents} incidents, {len(account.taken_at)} taken, {len(account.message)} messages,"
        f" {account.again} second copies, {account.kills} kills, {len(faults)} faults, {took_s:.0f} s;"
        f" {account.close} messages begun within 50 ms of an acknowledgement, {len(late)} of them after it,"
        f" {max(late, default=0.0) * 1000:.0f} ms at most; {account.told_to_wait} acknowledgements tried twice"
    )
    print("\n".join(faults[:20]))  # noqa: T201
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
