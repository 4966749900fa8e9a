"""`campuswatch doctor`: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from campuswatch.session import Session
from domain.clock import SystemClock
from domain.duty import BUREAU, DutyRole
from domain.errors import CampuswatchError, SettingsError

if TYPE_CHECKING:
    from campuswatch.settings import Settings
    from storage.pool import Connection

_TIMEOUT_S = 5.0
#: Seconds by which two clocks may differ before times on the wall mislead.
_CLOCK_S = 2.0
_LEAST_FREE_GB = 2.0
_PORTS = {"https": 443, "http": 80, "mqtts": 8883, "mqtt": 1883}


class Verdict(StrEnum):
    GOOD = "ok"
    ADVICE = "advice"
    BAD = "BAD"


class Sign(NamedTuple):
    """One thing looked at; ``mend`` says what to do where it is not good."""

    what: str
    verdict: Verdict
    detail: str
    mend: str = ""


async def examine(session: Session) -> int:
    """Look at everything and print it; 1 when something is bad."""
    signs: list[Sign] = []
    try:
        session.settings()
    except SettingsError as error:
        for fault in error.faults:
            _print(Sign("settings", Verdict.BAD, fault, "correct it and run this again"))
        return 1
    source = str(session.file) if session.file else "environment, campuswatch.toml if it is there, defaults"
    signs.append(Sign("settings", Verdict.GOOD, source))
    for check in (_database, _broker, _links, _disk):
        signs += await _guarded(check, session)
    for sign in signs:
        _print(sign)
    return 1 if any(sign.verdict is Verdict.BAD for sign in signs) else 0


def _print(sign: Sign) -> None:
    colour = {Verdict.GOOD: "green", Verdict.ADVICE: "yellow", Verdict.BAD: "red"}[sign.verdict]
    click.echo(f"{click.style(f'{sign.verdict.value:6}', fg=colour)} {sign.what}: {sign.detail}")
    if sign.mend:
        click.echo(f"       → {sign.mend}")


async def _guarded(check: Callable[[Session], Awaitable[list[Sign]]], session: Session) -> list[Sign]:
    try:
        async with asyncio.timeout(4 * _TIMEOUT_S):
            return await check(session)
    except TimeoutError:
        return [Sign(check.__name__.strip("_"), Verdict.BAD, "no answer in time", "see whether the host is reachable")]


async def _database(session: Session) -> list[Sign]:
    from storage.duty import load_roster
    from storage.health import roles_at_work
    from storage.hypertables import TimescaleLevel, timescale_level
    from storage.migrations import pending
    from storage.pool import connect, wrapped_errors
    from storage.server import server_facts

    dsn = session.dsn()
    embedded = session.settings().database.url is None
    try:
        conn = await connect(dsn, name="doctor")
    except CampuswatchError as error:
        mend = (
            "start it with `campuswatch demo`, or name a database with DATABASE_URL=postgresql://..."
            if embedded
            else "see that the server runs, that the address in database.url is right and that pg_hba.conf lets us in"
        )
        return [Sign("database", Verdict.BAD, str(error).strip().splitlines()[0], mend)]
    try:
        async with wrapped_errors():
            before = SystemClock().now()
            facts = await server_facts(conn)
            after = SystemClock().now()
            level = await timescale_level(conn)
            missing = await pending(dsn)
            signs = [Sign("database", Verdict.GOOD, f"PostgreSQL {facts.version}{' (embedded)' if embedded else ''}")]
            if level is TimescaleLevel.FULL:
                signs.append(Sign("TimescaleDB", Verdict.GOOD, "full: compression, retention, continuous aggregates"))
            else:
                lacks = "not there: plain tables" if level is TimescaleLevel.NONE else "Apache build: no compression"
                signs.append(
                    Sign(
                        "TimescaleDB",
                        Verdict.ADVICE,
                        lacks,
                        "all works, but a district's year of readings wants the community edition of TimescaleDB",
                    )
                )
            if missing:
                signs.append(Sign("schema", Verdict.BAD, f"{len(missing)} to apply", "run `campuswatch migrate`"))
                return signs
            signs.append(Sign("schema", Verdict.GOOD, "the newest"))
            offset_s = (facts.now - (before + (after - before) / 2)).total_seconds()
            signs.append(
                Sign(
                    "clocks",
                    Verdict.GOOD if abs(offset_s) < _CLOCK_S else Verdict.BAD,
                    f"database and this machine differ by {abs(offset_s):.1f} s",
                    "" if abs(offset_s) < _CLOCK_S else "set both by NTP (chrony or systemd-timesyncd)",
                )
            )
            if not facts.durable:
                signs.append(
                    Sign(
                        "durability",
                        Verdict.BAD,
                        "fsync or synchronous_commit is off",
                        "switch both on: we acknowledge messages on the strength of a commit",
                    )
                )
            roles = [role for role in await roles_at_work(conn) if role != "doctor"]
            signs.append(
                Sign("roles at work", Verdict.GOOD, ", ".join(roles))
                if roles
                else Sign("roles at work", Verdict.ADVICE, "none", "start them: `campuswatch run --role ...`")
            )
            now, zone = SystemClock().now(), ZoneInfo(session.settings().zone)
            roster = await load_roster(conn, now, now, zone=zone, site_ids=())
            on_duty = [one for role in DutyRole for one in roster.who(now, BUREAU, role)]
            signs.append(
                Sign("duty", Verdict.GOOD, ", ".join(one.person.name for one in on_duty))
                if on_duty
                else Sign(
                    "duty",
                    Verdict.BAD,
                    "nobody is on duty now",
                    "import a roster: `campuswatch duty import FILE`",
                )
            )
            signs += await _accounts(conn, session.settings())
            return [*signs, *await _watched_links(conn, session.settings(), SystemClock().now())]
    finally:
        await conn.close()


async def _accounts(conn: Connection, settings: Settings) -> list[Sign]:
    from domain.access import Permission
    from storage.accounts import list_accounts

    if settings.web.sign_in == "off":
        mend = "web.sign_in = required, and `campuswatch users add`"
        return [Sign("accounts", Verdict.ADVICE, "nobody has to sign in", mend)]
    able = [one for one in await list_accounts(conn) if one.disabled_at is None]
    acting = [one for one in able if one.principal(token="any").may(Permission.HANDLE)]  # noqa: S106  # of no token
    if not acting:
        mend = "`campuswatch users add admin --role administrator`, then operators (docs/users.md)"
        return [Sign("accounts", Verdict.BAD, "nobody may acknowledge an alarm on the wall", mend)]
    return [Sign("accounts", Verdict.GOOD, f"{len(able)}, of them {len(acting)} may handle alarms")]


#: A delivery that waits for so long wants somebody to look.
_WAITS = timedelta(minutes=5)


async def _watched_links(conn: Connection, settings: Settings, now: datetime) -> list[Sign]:
    """What the supervision knows of each link, and what waits for it."""
    from storage.links import link_proofs

    signs = []
    for proof in await link_proofs(conn, tuple(settings.links)):
        what = f"link {proof.link_id} (supervised)"
        if proof.silent_since is not None:
            detail = f"silent since {proof.silent_since:%Y-%m-%d %H:%M} UTC: {proof.last_error or 'no answer'}"
            signs.append(Sign(what, Verdict.BAD, detail, "see that the other side is up and answers heartbeats"))
        elif proof.alive_since is None:
            signs.append(Sign(what, Verdict.ADVICE, "not proved yet", "the role alerting sends its heartbeats"))
        else:
            tested = "never tested" if proof.test_receipted_at is None else f"tested {proof.test_receipted_at:%Y-%m-%d}"
            signs.append(Sign(what, Verdict.GOOD, f"alive since {proof.alive_since:%Y-%m-%d %H:%M} UTC, {tested}"))
        if proof.queued and proof.oldest_queued_at is not None:
            late = now - proof.oldest_queued_at > _WAITS
            detail = f"{proof.queued} wait, the oldest since {proof.oldest_queued_at:%Y-%m-%d %H:%M} UTC"
            mend = "the incident's panel says why they are not taken" if late else ""
            signs.append(Sign(f"deliveries to {proof.link_id}", Verdict.BAD if late else Verdict.GOOD, detail, mend))
    return signs


async def _broker(session: Session) -> list[Sign]:
    from ingest.session import BrokerAddress

    settings = session.settings()
    url = settings.mqtt.url.get_secret_value() if settings.mqtt.url else "mqtt://127.0.0.1:1883"
    address = BrokerAddress.parse(url)
    context = ssl.create_default_context() if address.tls else None
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
            # CONNECT of MQTT 3.1.1 with a clean session and no id: every broker answers it with CONNACK.
            writer.write(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00")
            answer = await reader.readexactly(4)
            writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        why = str(error) or type(error).__name__
        mend = "see that the broker runs and that mqtt.url is right"
        return [Sign("broker", Verdict.BAD, f"{address}: {why}", mend)]
    if answer[0] != 0x20:
        return [Sign("broker", Verdict.BAD, f"{address}: that is no MQTT broker", "see whether mqtt.url is right")]
    if answer[3] not in (0, 4, 5):
        return [Sign("broker", Verdict.BAD, f"{address}: refuses us (code {answer[3]})", "see the broker's log")]
    signs = [Sign("broker", Verdict.GOOD, str(address))]
    if not address.tls and address.host not in ("127.0.0.1", "localhost", "::1"):
        signs.append(
            Sign("broker", Verdict.ADVICE, "alarms travel unencrypted", "use mqtts:// for a broker on another machine")
        )
    return signs


async def _links(session: Session) -> list[Sign]:
    from campuswatch.roles.links import trust

    links = session.settings().links
    signs = [
        Sign(f"link {name}", Verdict.ADVICE, "not configured", f"add [links.{name}] with url and secret")
        for name in ("police", "education")
        if name not in links
    ]
    for name, link in links.items():
        parts = urlsplit(link.url)
        port = parts.port or _PORTS[parts.scheme]
        try:
            context = trust(name, link)
            async with asyncio.timeout(_TIMEOUT_S):
                _, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
                writer.close()
            signs.append(Sign(f"link {name}", Verdict.GOOD, f"{parts.hostname}:{port} can be reached"))
        except (OSError, TimeoutError, SettingsError) as error:
            signs.append(
                Sign(
                    f"link {name}",
                    Verdict.BAD,
                    f"{parts.hostname}:{port}: {error or type(error).__name__}",
                    "see that the other side is up, and the way to it (firewall, certificate)",
                )
            )
    return signs


async def _disk(session: Session) -> list[Sign]:
    place = session.data()
    while not place.exists():
        place = place.parent
    free_gb = shutil.disk_usage(place).free / 1e9
    if free_gb < _LEAST_FREE_GB:
        return [
            Sign("disk", Verdict.BAD, f"{free_gb:.1f} GB free at {place}", "make room, or set data to a larger disk")
        ]
    return [Sign("disk", Verdict.GOOD, f"{free_gb:.0f} GB free at {place}")]
