"""``campuswatch users``: accounts of people and programs, their passwords and tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import click
import msgspec

from campuswatch.commands.devices import actor_name
from campuswatch.session import Session
from domain.access import GRANTS, Permission, Role
from domain.account import LONGEST_TOKEN, ONE_TIME, Account, ApiToken
from storage.accounts import (
    add_account,
    change_account,
    disable_account,
    enable_account,
    get_account,
    list_accounts,
    set_password,
)
from storage.pool import Connection, connect, wrapped_errors
from storage.sessions import add_token, list_tokens, revoke_token
from storage.sign_ins import unlock

T = TypeVar("T")

_ROLES = click.Choice([role.value for role in Role])


@click.group()
def users() -> None:
    """Who may use the control room: accounts, one-time passwords, tokens of programs. See docs/users.md.

    The first administrator: `campuswatch users add admin --role administrator`.
    """


@users.command("add")
@click.argument("account")
@click.option("--role", type=_ROLES, required=True)
@click.option("--name", default="", help="As it stands in timelines and in the audit.  [default: ACCOUNT]")
@click.option("--site", "sites", multiple=True, help="Of a school officer: a site; several times for several.")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@click.option("--no-password", is_flag=True, help="For a program, which gets a token.")
@click.pass_obj
def add_command(
    session: Session,
    account: str,
    role: str,
    name: str,
    sites: tuple[str, ...],
    language: str,
    no_password: bool,
) -> None:
    """Add ACCOUNT and print a one-time password, to be changed at the first sign-in."""
    from dashboards.passwords import hashed, one_time_password

    now = datetime.now(UTC)
    password = "" if no_password else one_time_password()
    new = Account(
        account_id=account,
        name=name or account,
        role=Role(role),
        site_ids=tuple(dict.fromkeys(sites)) or None,
        language=language,
        one_time_until=now + ONE_TIME if password else None,
    )
    password_hash = hashed(password) if password else None
    _ask(session, lambda conn: add_account(conn, new, password_hash=password_hash, actor=actor_name(), at=now))
    click.echo(f"account {account} added: {role}{_of(new)}")
    if password:
        _show(password)


@users.command("change")
@click.argument("account")
@click.option("--role", type=_ROLES)
@click.option("--name", help="As it stands in timelines and in the audit from now on.")
@click.option("--site", "sites", multiple=True, help="Of a school officer: instead of those that it has.")
@click.option("--language", type=click.Choice(["zh", "en"]))
@click.option("--subject", help='Who it is at the OpenID Connect provider (claim sub); "" = nobody there.')
@click.pass_obj
def change_command(
    session: Session,
    account: str,
    role: str | None,
    name: str | None,
    sites: tuple[str, ...],
    language: str | None,
    subject: str | None,
) -> None:
    """Change ACCOUNT. It holds from the next request on."""
    provider = session.settings().web.provider
    if subject and provider is None:
        raise click.UsageError("--subject: no provider is configured (web.provider)")
    issuer = provider.issuer if provider is not None and subject else ""

    async def work(conn: Connection) -> Account:
        before = await get_account(conn, account)
        now_role = Role(role) if role else before.role
        kept = before.site_ids if now_role is Role.SCHOOL_OFFICER else None
        after = msgspec.structs.replace(
            before,
            role=now_role,
            name=name or before.name,
            site_ids=tuple(dict.fromkeys(sites)) or kept,
            language=language or before.language,
            issuer=before.issuer if subject is None else issuer,
            subject=before.subject if subject is None else subject,
        )
        return await change_account(conn, after, actor=actor_name(), at=datetime.now(UTC))

    after = _ask(session, work)
    click.echo(f"account {account}: {after.role}{_of(after)}")


@users.command("reset")
@click.argument("account")
@click.pass_obj
def reset_command(session: Session, account: str) -> None:
    """Print another one-time password for ACCOUNT; its sessions end, and no failed tries are held against it."""
    from dashboards.passwords import hashed, one_time_password

    now, password = datetime.now(UTC), one_time_password()

    async def work(conn: Connection) -> None:
        async with conn.transaction():
            await set_password(
                conn, account, hashed(password), one_time_until=now + ONE_TIME, actor=actor_name(), at=now
            )
            await unlock(conn, account, actor=actor_name(), at=now)

    _ask(session, work)
    _show(password)


@users.command("disable")
@click.argument("account")
@click.pass_obj
def disable_command(session: Session, account: str) -> None:
    """Nobody signs in as ACCOUNT any more; its sessions end at once, its tokens are of no use."""
    _ask(session, lambda conn: disable_account(conn, account, actor=actor_name(), at=datetime.now(UTC)))
    click.echo(f"account {account} is disabled")


@users.command("enable")
@click.argument("account")
@click.pass_obj
def enable_command(session: Session, account: str) -> None:
    """ACCOUNT signs in again, with the password and the tokens that it had."""
    _ask(session, lambda conn: enable_account(conn, account, actor=actor_name(), at=datetime.now(UTC)))
    click.echo(f"account {account} is enabled")


@users.command("unlock")
@click.argument("account")
@click.pass_obj
def unlock_command(session: Session, account: str) -> None:
    """Forget the failed tries to sign in as ACCOUNT."""
    _ask(session, lambda conn: unlock(conn, account, actor=actor_name(), at=datetime.now(UTC)))
    click.echo(f"account {account} may sign in at once")


@users.command("list")
@click.pass_obj
def list_command(session: Session) -> None:
    """List accounts: account, role, name, sites, what is to be known of it."""
    for one in _ask(session, list_accounts):
        notes = [
            *(["disabled"] if one.disabled_at else []),
            *(["one-time password"] if one.one_time_until else []),
            *([] if one.has_password else ["no password"]),
            *([f"subject {one.subject}"] if one.subject else []),
        ]
        click.echo(f"{one.account_id}\t{one.role}\t{one.name}\t{','.join(one.site_ids or ())}\t{', '.join(notes)}")


@users.command("roles")
def roles_command() -> None:
    """List roles and what each may do."""
    for role, permissions in GRANTS.items():
        click.echo(f"{role}\t{' '.join(sorted(permissions))}")


@users.group("token")
def token() -> None:
    """Tokens with which programs use the API: `Authorization: Bearer cw_...`."""


@token.command("add")
@click.argument("account")
@click.option("--name", required=True, help="What it is for: it stands in the audit with what is done with it.")
@click.option("--days", type=click.IntRange(1, LONGEST_TOKEN.days), required=True, help="How long it holds.")
@click.option(
    "--may",
    "permissions",
    type=click.Choice([one.value for one in Permission]),
    multiple=True,
    help="Of what ACCOUNT may do only this; several times for several. Without it: all of it.",
)
@click.pass_obj
def token_add_command(session: Session, account: str, name: str, days: int, permissions: tuple[str, ...]) -> None:
    """Make a token for ACCOUNT and print it, once: only its hash is kept."""
    from dashboards.passwords import kept, new_token

    now, secret = datetime.now(UTC), new_token()
    number = _ask(
        session,
        lambda conn: add_token(
            conn,
            kept(secret),
            account,
            name=name,
            permissions=[Permission(one) for one in permissions] or None,
            expires_at=now + timedelta(days=days),
            actor=actor_name(),
            at=now,
        ),
    )
    click.echo(f"token {number} of account {account}, until {now + timedelta(days=days):%Y-%m-%d}:", err=True)
    click.echo(secret)


@token.command("list")
@click.argument("account", required=False)
@click.pass_obj
def token_list_command(session: Session, account: str | None) -> None:
    """List tokens: number, account, name, permissions, until when, when it was used last, whether it is revoked."""
    zone = ZoneInfo(session.settings().zone)
    for one in _ask(session, lambda conn: list_tokens(conn, account)):
        click.echo(_line(one, zone))


@token.command("revoke")
@click.argument("number", type=click.IntRange(min=1))
@click.pass_obj
def token_revoke_command(session: Session, number: int) -> None:
    """Token NUMBER is of no use any more, at once."""
    gone = _ask(session, lambda conn: revoke_token(conn, number, actor=actor_name(), at=datetime.now(UTC)))
    click.echo(f"token {number} ({gone.name}) of account {gone.account_id} is revoked")


def _show(password: str) -> None:
    click.echo(f"one-time password, for {ONE_TIME.days} days, to be changed at the first sign-in:", err=True)
    click.echo(password)


def _of(account: Account) -> str:
    return f" of {', '.join(account.site_ids)}" if account.site_ids else ""


def _line(one: ApiToken, zone: ZoneInfo) -> str:
    def said(at: datetime | None) -> str:
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else "-"

    scope = "all" if one.permissions is None else ",".join(one.permissions)
    revoked = "\trevoked" if one.revoked_at else ""
    return (
        f"{one.token_no}\t{one.account_id}\t{one.name}\t{scope}\t{said(one.expires_at)}\t{said(one.used_at)}{revoked}"
    )


def _ask(session: Session, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await connect(session.dsn(), name="users") as conn, wrapped_errors():
            return await work(conn)

    return asyncio.run(run())
