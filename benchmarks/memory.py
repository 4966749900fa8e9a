"""What the bulk role's process holds and what a heartbeat costs it, by the number of registered devices.

A role of each size runs at the same time, as a process of its own with a database and a broker of its own. First every
device says one heartbeat. Then the sizes take turns at emptying a queue of as many heartbeats, from devices by chance,
so that a ratio between two sizes comes from the same minutes. Beside each of them stands what a bare dictionary of as
many topics costs in the same order (`benchmarks.lookup`): that share is the machine's and not the role's. At last each
is told that its registry has changed, and is ended and started again with everything that it had stored.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import click
import psycopg
from psycopg import sql

from benchmarks.bulk_role import BulkRole
from benchmarks.heap import weighed
from benchmarks.lookup import Lookup
from benchmarks.sheet import Plan, Sheet
from campuswatch.embedded import EmbeddedPostgres
from storage.migrations import migrate
from tests.servers import Mosquitto, open_directory

SIZES, QUICK_SIZES = (0, 20_000, 200_000, 1_000_000), (0, 2_000, 20_000)
HEARTBEATS, QUICK_HEARTBEATS = 40_000, 5_000
ROUNDS, QUICK_ROUNDS = 5, 2
#: The requirement: so much at the district's size, growing no faster than the number of devices; a heartbeat's cost may
#: grow as a bare look-up's does, times this.
DISTRICT, MOST_MB = 20_000, 250.0
MOST_GROWTH, MOST_COST = 1.25, 1.3
#: A run fails where a ratio is this many times beyond what it should be; short of that the table says so.
BEYOND = 10.0


def measure(plan: Plan) -> Sheet:
    sizes = QUICK_SIZES if plan.quick else SIZES
    heartbeats = plan.messages or (QUICK_HEARTBEATS if plan.quick else HEARTBEATS)
    rounds = plan.rounds or (QUICK_ROUNDS if plan.quick else ROUNDS)
    sheet = Sheet(
        columns=(
            "devices", "PSS MB", "B/device", "peak RSS MB", "load s", "CPU us/heartbeat", "ratio", "bare us",
            "bare ratio", "of the same", "heartbeats/s", "reload s", "held up s", "restart s", "after it MB",
            "its peak MB",
        )
    )  # fmt: skip
    with ExitStack() as stack:
        directory = stack.enter_context(open_directory())
        dsn = stack.enter_context(_database(directory))
        roles = [stack.enter_context(_role(directory, dsn, size, sheet)) for size in sizes]
        _hear(sheet, roles, rounds, heartbeats)
        for role in roles:
            _change_and_restart(sheet, role)
        _tell(sheet, roles)
    _weigh(sheet, sizes[1:3])
    return sheet


@contextmanager
def _role(directory: Path, dsn: str, size: int, sheet: Sheet) -> Iterator[BulkRole]:
    place = directory / f"broker-{size}"
    place.mkdir()
    place.chmod(0o711)
    broker, own_dsn = Mosquitto(place), _database_of_its_own(dsn, f"devices_{size}")
    broker.start()
    try:
        role = BulkRole(directory, own_dsn, broker.url, size)
        role.province.register(own_dsn)
        load_s = role.start()
        try:
            loaded_mb = role.held_mb()
            all_s = role.hear_everyone()
            sheet.figures[str(size)] = {"load_s": load_s, "loaded_mb": loaded_mb, "everyone_s": all_s}
            click.echo(f"  {size:,} devices: loaded in {load_s:.1f} s, {loaded_mb:.0f} MB; all heard in {all_s:.0f} s")
            yield role
        finally:
            role.end()
    finally:
        broker.stop()


def _hear(sheet: Sheet, roles: Sequence[BulkRole], rounds: int, heartbeats: int) -> None:
    """The sizes take turns; the first round fills caches."""
    sizes = [role.size for role in roles if role.size]
    bare = {role.size: Lookup(role.province.everyone()) for role in roles if role.size}
    cost: dict[int, list[tuple[float, float, float, float]]] = {size: [] for size in sizes}
    for number in range(rounds + 1):
        for role in roles if number % 2 else reversed(roles):
            if role.size:
                topics = role.province.some(heartbeats)
                cpu_s, seconds = role.hear(topics)
                bare_us = bare[role.size].hear(topics)
                of_few_s, _ = role.hear(role.province.some(heartbeats, among=sizes[0]))
                if number:
                    cost[role.size].append(
                        (cpu_s / heartbeats * 1e6, of_few_s / heartbeats * 1e6, bare_us, heartbeats / seconds)
                    )
    for role in roles:
        figures = sheet.figures[str(role.size)]
        figures["pss_mb"], figures["peak_mb"] = role.held_mb(), role.most_mb()
        if not role.size:
            continue
        ours, least = cost[role.size], cost[sizes[0]]
        for name, values in zip(("cpu_us", "cpu_same_us", "bare_us", "per_s"), zip(*ours, strict=True), strict=True):
            figures[name] = statistics.median(values)
        for place, name in enumerate(("cost_ratio", "cost_ratio_same", "bare_ratio")):
            pairs = zip(ours, least, strict=True)
            figures[name] = statistics.median(mine[place] / smallest[place] for mine, smallest in pairs)
        wanted = role.size + 2 * (rounds + 1) * heartbeats
        figures["stored"] = role.stored()
        if figures["stored"] != wanted:
            sheet.faults.append(f"{role.size:,} devices: said {wanted:,} heartbeats, stored {figures['stored']:,}")


def _change_and_restart(sheet: Sheet, role: BulkRole) -> None:
    if not role.size:
        return
    figures = sheet.figures[str(role.size)]
    figures["reload_s"], figures["held_up_s"] = role.read_again()
    role.end()
    role.size += 1  # the one that was added
    figures["restart_s"] = role.start()
    role.size -= 1
    time.sleep(2.0)
    figures["restarted_mb"], figures["restarted_peak_mb"] = role.held_mb(), role.most_mb()
    click.echo(
        f"  {role.size:,} devices: read again in {figures['reload_s']:.1f} s, started again in"
        f" {figures['restart_s']:.1f} s"
    )


def _tell(sheet: Sheet, roles: Sequence[BulkRole]) -> None:
    base_mb = sheet.figures["0"]["pss_mb"]
    first: float | None = None
    for role in roles:
        figures, size = sheet.figures[str(role.size)], role.size
        if not size:
            sheet.rows.append((size, base_mb, "", figures["peak_mb"], figures["load_s"], *[""] * 11))
            continue
        figures["bytes_a_device"] = (figures["pss_mb"] - base_mb) * 2**20 / size
        first = first or figures["bytes_a_device"]
        figures["growth"] = figures["bytes_a_device"] / first
        names = (
            "pss_mb bytes_a_device peak_mb load_s cpu_us cost_ratio bare_us bare_ratio cost_ratio_same"
            " per_s reload_s held_up_s restart_s restarted_mb restarted_peak_mb"
        )
        sheet.rows.append((size, *(figures[name] for name in names.split())))
        if size <= DISTRICT and max(figures["pss_mb"], figures["restarted_mb"]) >= MOST_MB:
            sheet.faults.append(f"{size:,} devices: {figures['pss_mb']:.0f} MB; the limit is {MOST_MB:g}")
        for name, most, words in (
            ("growth", MOST_GROWTH, "memory for a device, against the smallest registry's"),
            ("cost_ratio_same", MOST_COST, "CPU for a heartbeat of the same devices, against the smallest registry's"),
            ("cost_ratio", MOST_COST * figures["bare_ratio"], "CPU for a heartbeat, against the smallest registry's"),
        ):
            if figures[name] > most:
                sheet.notes.append(f"{size:,} devices: {words}: {figures[name]:.2f} times, more than {most:g}")
            if figures[name] > BEYOND * most:
                sheet.faults.append(f"{size:,} devices: {words}: {figures[name]:.1f} times")
    sheet.notes.append(
        f"Required: under {MOST_MB:g} MB at {DISTRICT:,} devices, B/device not growing, ratio at most"
        f" {MOST_COST:g} times the bare one's: a bare dictionary of as many topics, looked up in the same order."
        " A batch of 5,000 comes from nearly every site of a district and from thousands of a province's. «of the"
        " same»: the ratio where only as many devices speak as the smallest registry has. «held up»: the longest wait"
        " of a heartbeat for its commit while the registry is read again. «restart»: with every device's state and the"
        " last hour's heartbeats in the database."
    )


def _weigh(sheet: Sheet, sizes: Sequence[int]) -> None:
    """Of the largest one no heap is taken: to follow every allocation takes minutes."""
    for size in sizes:
        heap = weighed(size)
        sheet.figures[str(size)]["heap"] = {"registry": heap.registry, "rules": heap.rules, "topics": heap.topics}
        sheet.notes.append(
            f"{size:,} devices, Python heap: {heap.all:,.0f} B/device (registry {heap.registry:,.0f}, rules"
            f" {heap.rules:,.0f}, topics that the decoder remembers {heap.topics:,.0f})"
        )


@contextmanager
def _database(directory: Path) -> Iterator[str]:
    """With everything on that makes a commit durable."""
    postgres = EmbeddedPostgres(directory / "postgresql")
    asyncio.run(postgres.start())
    try:
        yield postgres.dsn
    finally:
        asyncio.run(postgres.stop())


def _database_of_its_own(dsn: str, name: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    own = urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
    asyncio.run(migrate(own))
    return own
