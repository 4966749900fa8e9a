"""What a scenario does to the roster of a rehearsal, and the link by which somebody answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from alerting.notice_link import make_token
from domain.delivery import DeliveryChannel
from domain.duty import DutyOverride, DutyPattern, DutyRole
from domain.errors import DutyError
from domain.school_calendar import DayKind
from simulators.scenarios.script import OnRoster, RosterAct, StandInAct, SwapAct
from storage.duty import end_all_duty, put_contacts, put_override, put_pattern, put_person, put_shift, put_swap
from storage.pool import Connection
from storage.rehearsal import newest_notice, next_shift, person_number
from storage.responses import signing_key

_BY = "rehearsal"


async def change_roster(conn: Connection, act: RosterAct | SwapAct | StandInAct, *, now: datetime) -> None:
    """Carry ``act`` out.

    :raises DutyError: somebody is not on the roster, or has no shift to swap.
    """
    match act:
        case RosterAct():
            await end_all_duty(conn)
            for one in act.people:
                await _put(conn, one)
        case SwapAct():
            first = await next_shift(conn, act.first, at=now)
            second = await next_shift(conn, act.second, at=now)
            if first is None or second is None:
                raise DutyError(f"{act.first} and {act.second} have no two shifts to swap")
            await put_swap(conn, first, second, at=now, by=_BY)
        case StandInAct():
            override = DutyOverride(
                override_no=0,
                site_id=act.site,
                role=DutyRole(act.role),
                person_no=await _number(conn, act.person),
                instead_of=await _number(conn, act.instead_of) if act.instead_of else None,
                starts_at=now,
                ends_at=now + timedelta(seconds=act.seconds),
            )
            await put_override(conn, override, at=now, by=_BY)


async def _put(conn: Connection, one: OnRoster) -> None:
    number = await put_person(conn, one.person, one.person, site_id=one.site)
    contacts = [(DeliveryChannel.APPRISE, f"json://rehearsal/{number}")] if one.reachable else []
    await put_contacts(conn, number, contacts)
    role = DutyRole(one.role)
    if one.days:
        pattern = DutyPattern(
            pattern_no=0,
            site_id=one.site,
            role=role,
            person_no=number,
            day_kinds=frozenset(DayKind(day) for day in one.days),
            starts=time(),
            ends=time(),
            first_day=date(2000, 1, 1),
            last_day=date(2100, 1, 1),
        )
        await put_pattern(conn, pattern)
        return
    starts_at, ends_at = (datetime.fromtimestamp(seconds, UTC) for seconds in (one.starts_s, one.ends_s))
    await put_shift(conn, number, site_id=one.site, role=role, starts_at=starts_at, ends_at=ends_at)


async def _number(conn: Connection, name: str) -> int:
    number = await person_number(conn, name)
    if number is None:
        raise DutyError(f"{name} is not on the roster")
    return number


async def link_of(conn: Connection, *, rule: str, site_id: str, device_id: str, name: str, now: datetime) -> str | None:
    """What stands in the link of the newest message that somebody got of such an incident; None: he got none."""
    delivery_id = await newest_notice(conn, rule=rule, site_id=site_id, device_id=device_id, name=name)
    if delivery_id is None:
        return None
    return make_token(await signing_key(conn), delivery_id, until=now + timedelta(hours=1))
