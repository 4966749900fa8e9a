"""``campuswatch links``: the links to police and education, looked at, added, tested, paused, given another secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from campuswatch.commands.devices import actor_name
from campuswatch.session import Session
from campuswatch.settings import DEFAULT_FILE
from domain.errors import UnknownLink
from storage.links import LinkProof, ask_for_test, link_proofs, pause_link
from storage.pool import Connection, connect, wrapped_errors

T = TypeVar("T")

_LINK = click.argument("link")
_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)


@click.group()
def links() -> None:
    """Links to police and education: how they stand, and what is done with them (docs/links.md).

    Links stand in the settings file; what is changed there is taken up when the roles start anew. Tests and pauses
    are asked of the running role `alerting`, through the database.
    """


@links.command("list")
@click.pass_obj
def list_command(session: Session) -> None:
    """List the links: name, kind, where, how it stands, last test with a receipt, what waits for it.

    \b
    alive     its heartbeats are answered          silent    they are not, and that is an incident
    unknown   nothing proves it yet                untested  test alarms bring no receipt: an incident
    paused    nobody looks until the time given

    Exit code 1 where one is silent or untested.
    """
    zone, settings = ZoneInfo(session.settings().zone), session.settings()
    bad = False
    for proof in _ask(session, lambda conn: link_proofs(conn, tuple(settings.links))):
        link = settings.links[proof.link_id]
        state, since = _standing(proof, datetime.now(UTC))
        bad = bad or state in ("silent", "untested")
        where = urlsplit(link.url).netloc
        stands = state if since is None else f"{state} {since.astimezone(zone):%Y-%m-%d %H:%M}"
        tested = proof.test_receipted_at
        last = "-" if tested is None else f"{tested.astimezone(zone):%Y-%m-%d %H:%M} {proof.test_receipt_id}"
        click.echo("\t".join((proof.link_id, link.kind, where, stands, last, str(proof.queued))))
        if state == "silent" and proof.last_error:
            click.echo(f"  {proof.last_error}")
        if state == "paused":
            click.echo(f"  {proof.pause_reason}")
    if not settings.links:
        click.echo("没有链路 / no links: campuswatch links add police --url https://…", err=True)
    if bad:
        click.get_current_context().exit(1)


@links.command("add")
@click.argument("link")
@click.option("--kind", type=click.Choice(["webhook", "cap", "mqtt"]), default="webhook", show_default=True)
@click.option("--url", required=True, help="https://host/path, or mqtts://host:8883. Plain for this machine only.")
@click.option("--topic", help="mqtt: where alarms are said.  [default: campuswatch/LINK]")
@click.option("--username", help="mqtt: how we log in.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="mqtt: the file whose first line is the password; it goes into the settings.",
)
@click.option("--ca", type=_FILE, help="Who vouches for them.")
@click.option("--certificate", type=_FILE, help="Ours, with --key.")
@click.option("--key", type=_FILE, help="Of --certificate.")
@click.option("--status-url", help="Of a far end that cannot call back: it is asked what a person there says.")
@click.option("--sender", help="cap: from whom.  [default: campuswatch]")
@click.option("--sender-name", help="cap: what people there call us.")
@click.option("--no-drills", is_flag=True, help="It hears of no drill that does not name it.")
@click.pass_obj
def add_command(
    session: Session,
    link: str,
    kind: str,
    url: str,
    topic: str | None,
    username: str | None,
    password_file: Path | None,
    ca: str | None,
    certificate: str | None,
    key: str | None,
    status_url: str | None,
    sender: str | None,
    sender_name: str | None,
    no_drills: bool,
) -> None:
    """Write LINK into the settings file, with a new secret, which is printed: give it to the other side safely.

    LINK is its name: police and education are those that the targets and the two-hour clock go by. What cannot be so
    is refused, and the file stays as it was.

    \b
      campuswatch links add police --url https://alarm.example.gov.cn/campuswatch
      campuswatch links add education --kind mqtt --url mqtts://broker.example.gov.cn:8883 \\
        --username wujin --password-file /root/education.txt --ca /etc/campuswatch/education-ca.pem
    """
    from campuswatch.link_file import add_link

    given = {
        "kind": kind,
        "url": url,
        "topic": topic,
        "username": username,
        "password": None if password_file is None else password_file.read_text("utf-8").partition("\n")[0],
        "ca": ca,
        "certificate": certificate,
        "key": key,
        "status_url": status_url,
        "sender": sender,
        "sender_name": sender_name,
        "drills": False if no_drills else None,
    }
    file = _file(session)
    secret = add_link(file, link, {name: value for name, value in given.items() if value is not None})
    click.echo(f"[links.{link}] -> {file}", err=True)
    click.echo(secret)


@links.command("test")
@_LINK
@click.option("--wait", "wait_s", type=click.FloatRange(1, 600), default=60, show_default=True, help="Seconds.")
@click.pass_obj
def test_command(session: Session, link: str, wait_s: float) -> None:
    """Send LINK a test alarm now, and wait for its receipt, which is printed.

    The running role `alerting` sends it, marked as a test in every format. Exit code 1: no receipt came. The daily
    test goes on from here.
    """
    _known(session, link)

    async def work(conn: Connection) -> str | None:
        """Its receipt; None: there is none."""
        before = await _proof(conn, link)
        if before.paused_until is not None and before.paused_until > datetime.now(UTC):
            raise click.ClickException(f"{link} is paused; `campuswatch links resume {link}` ends that")
        if not await ask_for_test(conn, link, at=datetime.now(UTC)):
            raise click.ClickException(f"nobody supervises {link}: does the role alerting run with this setting?")
        now, deadline = before, time.monotonic() + wait_s
        while time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            now = await _proof(conn, link)
            if now.test_sent_at != before.test_sent_at and now.test_receipt_id != before.test_receipt_id:
                return now.test_receipt_id
        if now.test_sent_at == before.test_sent_at:
            raise click.ClickException("the test alarm was not sent: does the role alerting run?")
        return None

    receipt_id = _ask(session, work)
    if receipt_id is None:
        raise click.ClickException(f"no receipt within {wait_s:g} s; the log of the role alerting says why")
    click.echo(receipt_id)


@links.command("pause")
@_LINK
@click.option("--hours", type=click.FloatRange(min=0.01, max=72), required=True, help="How long, from now on.")
@click.option("--reason", required=True, help="Why; it stands in the audit trail.")
@click.pass_obj
def pause_command(session: Session, link: str, hours: float, reason: str) -> None:
    """Let the supervision of LINK rest, because its far end is worked on. It ends by itself.

    Neither heartbeats nor test alarms are sent, so no silence is found, and nothing proves the link either: to the
    targets it is unknown. ALARMS GO OUT ALL THE SAME, and are tried until they are taken.
    """
    _known(session, link)
    if not reason.strip():
        raise click.BadParameter("expected a reason", param_hint="--reason")
    now = datetime.now(UTC)
    until = now + timedelta(hours=hours)
    _paused(session, link, now, until, reason.strip())
    click.echo(f"{until.astimezone(ZoneInfo(session.settings().zone)):%Y-%m-%d %H:%M}")


@links.command("resume")
@_LINK
@click.pass_obj
def resume_command(session: Session, link: str) -> None:
    """End a pause of LINK before its time."""
    _known(session, link)
    now = datetime.now(UTC)
    _paused(session, link, now, now, "")


@links.command("rotate-secret")
@_LINK
@click.option("--finish", is_flag=True, help="The other side has the new one: forget the former.")
@click.pass_obj
def rotate_command(session: Session, link: str, finish: bool) -> None:
    """Give LINK another secret, without a moment in which nothing is believed.

    \b
    1. campuswatch links rotate-secret LINK             prints the new secret; start the roles anew
    2. give it to the other side                        until then both sign, and either is believed
    3. campuswatch links rotate-secret LINK --finish    the former one counts no more; start the roles anew
    """
    from campuswatch.link_file import finish_rotation, rotate_secret

    file = _file(session)
    if finish:
        finish_rotation(file, link)
    else:
        click.echo(rotate_secret(file, link))


def _standing(proof: LinkProof, now: datetime) -> tuple[str, datetime | None]:
    if proof.paused_until is not None and proof.paused_until > now:
        return "paused", proof.paused_until
    if proof.silent_since is not None:
        return "silent", proof.silent_since
    if proof.untested_since is not None:
        return "untested", proof.untested_since
    return ("unknown", None) if proof.alive_since is None else ("alive", proof.alive_since)


def _file(session: Session) -> Path:
    """Where the settings are, or are to be."""
    return session.settings_file() or DEFAULT_FILE


def _known(session: Session, link: str) -> None:
    if link not in session.settings().links:
        raise UnknownLink(f"no link is called {link}; the settings have: {', '.join(session.settings().links) or '-'}")


def _paused(session: Session, link: str, now: datetime, until: datetime, reason: str) -> None:
    async def work(conn: Connection) -> bool:
        async with conn.transaction():
            return await pause_link(conn, link, at=now, until=until, actor=actor_name(), reason=reason)

    if not _ask(session, work):
        raise click.ClickException(f"nobody supervises {link}: does the role alerting run with this setting?")


async def _proof(conn: Connection, link: str) -> LinkProof:
    (proof,) = await link_proofs(conn, [link])
    return proof


def _ask(session: Session, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await connect(session.dsn(), name="links") as conn, wrapped_errors():
            return await work(conn)

    return asyncio.run(run())
