"""A scenario in real time, over a real broker, against a control room that runs elsewhere.

::

    steps ──orders──► fleet in this process ──MQTT──► broker ──► control room ──► far ends (`sim receivers`)
      ├────how links behave──────────────────────────────────────────────────────────▲
      └────operators────────────────────────────────────────web API──►│
    happenings ◄──────────────────────── timelines and deliveries ◄───┘

The scenario begins now; otherwise its times are kept. What only a rehearsal can do (kill a process, take the database
away, leave the roster empty) is refused before anything starts.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from math import ceil
from uuid import uuid4

import msgspec

from domain.clock import Clock, SystemClock
from domain.incident import TRANSITIONS, IncidentAction
from simulators.asking import Asking
from simulators.broker import BrokerAddress
from simulators.console import fleet_answers
from simulators.errors import NotInRealTime, WallRefused
from simulators.far_ends import LinkBehaviour, LinkName, Mode
from simulators.fleet import Fleet
from simulators.message import CHINA_TIME
from simulators.operator import Operator, SeenIncident
from simulators.orders import Order
from simulators.pages import happenings_of
from simulators.preconditions import Preconditions, named
from simulators.progress import Progress
from simulators.register import build_register
from simulators.scenarios.happening import OPERATOR, Happening, HappeningKind
from simulators.scenarios.played import Played
from simulators.scenarios.script import (
    TESTED_S,
    LinkAct,
    MaintenanceAct,
    OperatorAct,
    RegistryAct,
    RegistryOp,
    Script,
    ShelveAct,
    Step,
)
from simulators.scenarios.times import short_clock, spoken

#: The fleet is up this long before the scenario begins, and the last happenings have so long to reach the pages.
BEFORE_S, AFTER_S = 1.0, 1.0
ACTOR = "模拟值班员"
#: What can be done from outside.
_FIT = Order | LinkAct | OperatorAct | MaintenanceAct | ShelveAct | RegistryAct


def starting_at(script: Script, start_s: float) -> Script:
    """The same script, begun at another time."""
    later_s = start_s - script.start_s
    moved = msgspec.structs.replace
    return moved(
        script,
        start_s=start_s,
        ends_s=script.ends_s + later_s,
        steps=tuple(moved(step, at_s=step.at_s + later_s) for step in script.steps),
        wants=tuple(moved(want, since_s=want.since_s + later_s, by_s=want.by_s + later_s) for want in script.wants),
        quiets=tuple(
            moved(quiet, since_s=quiet.since_s + later_s, until_s=quiet.until_s + later_s) for quiet in script.quiets
        ),
    )


def refuse_unfit(script: Script) -> None:
    """:raises NotInRealTime: it asks for what cannot be done to a control room, or seen of it, from outside."""
    unfit = [step for step in script.steps if not isinstance(step.act, _FIT) or _of_the_day(step)]
    if script.limits or script.tested_s != TESTED_S:
        raise NotInRealTime(
            f"{script.name} can only be rehearsed: its limits and when its alarms were tested are not those of a "
            "control room that runs; run it without --live"
        )
    targets = [want for want in script.wants if want.kind is HappeningKind.TARGET]
    if targets and not unfit:
        raise NotInRealTime(
            f"{script.name} can only be rehearsed: line {targets[0].line} wants to know how a site stands to a target, "
            "which the live run does not follow; run it without --live"
        )
    if unfit:
        lines = ", ".join(f"line {step.line}: {type(step.act).__name__.removesuffix('Act').lower()}" for step in unfit)
        raise NotInRealTime(
            f"{script.name} can only be rehearsed, because it reaches into the control room ({lines}); run it without "
            "--live"
        )


def _of_the_day(step: Step) -> bool:
    """Whether it is about what people of the simulated day do, which nobody does in real time."""
    ops = (RegistryOp.UNREPORTED, RegistryOp.REPORTED_AGAIN)
    return isinstance(step.act, RegistryAct) and step.act.op in ops


def announced(script: Script) -> str:
    """How long it takes, said before it begins."""
    first = f"the first thing happens at {short_clock(script.steps[0].at_s)}" if script.steps else "nothing is done"
    lasts = spoken(script.ends_s - script.start_s, english=True)
    return f"{lasts} in real time, until {short_clock(script.ends_s)}; {first}. Ctrl-C ends it."


class LiveRun:
    """One run of ``script``. ``receivers`` is the address of `campuswatch sim receivers`, which the control room's
    links and telephone lead to.
    """

    def __init__(
        self,
        script: Script,
        broker: BrokerAddress,
        *,
        operator: Operator,
        receivers: str,
        progress: Progress,
        clock: Clock | None = None,
    ) -> None:
        refuse_unfit(script)
        self._script = script
        self._broker = broker
        self._operator = operator
        self._receivers = receivers.rstrip("/")
        self._progress = progress
        self._clock = clock or SystemClock()
        self._stopping = asyncio.Event()
        self._preconditions = Preconditions(script, operator, progress, self._stopping)
        self._failed: list[Happening] = []
        self._run = uuid4().hex[:8]
        self._fleet = Fleet(script.district, broker, seed=script.seed, quiet=True)

    def stop(self) -> None:
        """Ask `play` to end now and to leave things as they should be."""
        self._stopping.set()

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    async def play(self) -> Played:
        """The script as it was played, and what happened.

        :raises WallRefused: the control room or the receivers do not answer, or do not know the scenario's sites.
        :raises NotInRealTime: another fleet lets the same devices speak, incidents are open there that only people
            end, or devices stay silent.
        :raises BrokerUnreachable: no broker. :raises BrokerRefused: it does not let us in.
        """
        async with Asking() as asking:
            await self._look_around(asking)
            speaking = asyncio.create_task(self._fleet.run(), name="live-fleet")
            try:
                await self._until_it_speaks(speaking)
                await self._preconditions.calm()
                # On a whole second: what the pages tell of is cut to the millisecond.
                script = starting_at(self._script, ceil(self._now_s() + BEFORE_S))
                if not self.stopped:
                    self._progress.say(announced(script))
                    await self._carry_out(script, asking)
                    await self._wait_until(script.ends_s)
                stopped_s = self._now_s() if self.stopped else None
                if not self.stopped:
                    await asyncio.sleep(AFTER_S)
                return Played(script, await self._happenings(script), stopped_s)
            finally:
                self._progress.end()
                self._fleet.stop()
                with suppress(WallRefused):
                    await self._all_links_well(asking)
                await speaking

    async def _look_around(self, asking: Asking) -> None:
        await self._preconditions.hold()
        if await fleet_answers(self._broker):
            raise NotInRealTime(
                f"a fleet is speaking at {self._broker} already, and its devices would contradict the scenario's; "
                "stop it, or start the demo with --no-fleet"
            )
        with named("--receivers"):
            await self._all_links_well(asking)

    async def _until_it_speaks(self, speaking: asyncio.Task[object]) -> None:
        up = asyncio.create_task(self._fleet.up.wait(), name="live-fleet-up")
        try:
            await asyncio.wait([up, speaking], return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if speaking.done():
            speaking.result()

    async def _carry_out(self, script: Script, asking: Asking) -> None:
        for step in script.steps:
            await self._wait_until(step.at_s, step)
            if self.stopped:
                return
            self._progress.say(f"{_clock_time(self._now_s())}  {await self._act(step, asking)}")

    async def _act(self, step: Step, asking: Asking) -> str:
        match step.act:
            case Order() as order:
                # Of its own in each run: the same id twice is the same alarm twice.
                reply = self._fleet.obey(msgspec.structs.replace(order, id=f"{self._run}-line-{step.line}"))
                return reply.detail
            case LinkAct() as act:
                await self._behave(
                    asking,
                    LinkBehaviour(
                        link=act.link,
                        mode=act.mode,
                        seconds=act.seconds,
                        person=act.person,
                        person_after_s=act.person_after_s,
                    ),
                )
                return f"{act.link.value}: {act.mode.value}"
            case OperatorAct() as act:
                return await self._operate(act)
            case MaintenanceAct() as act:
                return await self._maintain(act)
            case ShelveAct() as act:
                return await self._shelve(act)
            case RegistryAct() as act:
                return await self._change_registry(act)
        raise AssertionError(step.act)

    async def _maintain(self, act: MaintenanceAct) -> str:
        try:
            await self._operator.open_window(
                site=act.site,
                device=act.device,
                rule=act.rule,
                kind=act.kind,
                until=self._in(act.seconds),
                reason=act.reason,
                actor=act.actor or ACTOR,
            )
        except WallRefused as error:
            return self._refused(f"maintenance: {error}")
        return f"maintenance: {act.reason}"

    async def _shelve(self, act: ShelveAct) -> str:
        try:
            incident = await self._oldest(act, IncidentAction.SHELVE)
            await self._operator.shelve(
                incident.incident_id, until=self._in(act.seconds), reason=act.reason, actor=act.actor or ACTOR
            )
        except WallRefused as error:
            return self._refused(f"shelve: {error}")
        return f"shelve: incident {incident.number}"

    async def _change_registry(self, act: RegistryAct) -> str:
        today, district = self._clock.now().astimezone(CHINA_TIME).date(), self._script.district
        register = build_register(self._script.seed, district.sites, district.devices, on=today)
        try:
            await self._operator.change_registry(act, register, today=today, actor=ACTOR)
        except WallRefused as error:
            return self._refused(f"{act.op.value}: {error}")
        return f"registry: {act.op.value} {act.subject or act.site}"

    def _in(self, seconds: float) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)

    def _refused(self, text: str) -> str:
        self._failed.append(Happening(at_s=self._now_s(), kind=HappeningKind.FAILURE, what=OPERATOR, text=text))
        return text

    async def _oldest(self, act: OperatorAct | ShelveAct, action: IncidentAction) -> SeenIncident:
        """The oldest incident that fits and lets it be done.

        :raises WallRefused: there is none.
        """
        fits = [
            one
            for one in await self._operator.queue("all")
            if one.rule == act.rule
            and act.site in ("", one.site_id)
            and act.device in ("", one.device_id)
            and (one.state, action) in TRANSITIONS
        ]
        if not fits:
            raise WallRefused(f"no open incident of {act.rule} at {act.site or 'any site'}")
        return min(fits, key=lambda one: one.number)

    async def _operate(self, act: OperatorAct) -> str:
        action = IncidentAction(act.action.value)
        try:
            incident = await self._oldest(act, action)
            await self._operator.act(incident.incident_id, action.value, actor=act.actor or ACTOR, note=act.note)
        except WallRefused as error:
            return self._refused(f"{action.value}: {error}")
        return f"{action.value}: incident {incident.number}"

    async def _all_links_well(self, asking: Asking) -> None:
        for link in LinkName:
            await self._behave(asking, LinkBehaviour(link=link, mode=Mode.OK))

    async def _behave(self, asking: Asking, wanted: LinkBehaviour) -> None:
        await asking.post(f"{self._receivers}/behaviour", wanted)

    async def _wait_until(self, at_s: float, step: Step | None = None) -> None:
        """Until then, or until somebody says stop; meanwhile the progress stands on the terminal."""
        while not self.stopped and (left_s := at_s - self._now_s()) > 0:
            if self._progress.on_terminal:
                what = "end" if step is None else f"line {step.line}"
                connected = "connected" if self._fleet.connected else "broker lost"
                self._progress.show(f"{_clock_time(self._now_s())}  {what} in {left_s:.0f} s  {connected}")
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, 0.5)):
                    await self._stopping.wait()

    async def _happenings(self, script: Script) -> list[Happening]:
        """What the control room's pages tell of the time since the script began, in the order of time."""
        ours = {site.site_id for site in script.district.sites}
        told = list(self._failed)
        for incident in await self._operator.queue("all"):
            if incident.site_id in ours and incident.last_event_at.timestamp() >= script.start_s:
                told += happenings_of(incident, await self._operator.detail(incident.incident_id))
        since = [one for one in told if one.at_s >= script.start_s]
        return sorted(since, key=lambda one: (one.at_s, list(HappeningKind).index(one.kind), one.what, one.device))

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def _clock_time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, CHINA_TIME).strftime("%H:%M:%S")
