"""Trials of rules asked for on the page: one at a time, each in a process of its own (`campuswatch.trial_process`).

They live as long as the web role does; the newest are kept to be looked at again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import structlog

from campuswatch.backtest import Backtest
from campuswatch.rulekeeper import SHIPS, all_versions
from campuswatch.trial_process import Failed, Order, Progress, Result, Told
from dashboards.people import Who
from dashboards.trials import Trial, TrialLine, TrialResult, TrialState
from detectors.documents.reading import read_said
from domain.clock import Clock
from domain.errors import TrialRefused, UnknownRule, UnknownTrial
from storage.pool import Pool, wrapped_errors
from storage.rules import RuleVersion

log = structlog.get_logger("campuswatch.rules")

LONGEST = timedelta(days=31)
TIMEOUT_S = 1800.0
KEPT = 10
_PARTING_S = 2.0
_MOST_LINE = 4_000_000


class Trials:
    """A `dashboards.trials.Tester`."""

    def __init__(self, pool: Pool, dsn: str, clock: Clock, zone: ZoneInfo) -> None:
        self._pool = pool
        self._dsn = dsn
        self._clock = clock
        self._zone = zone
        self._trials: dict[UUID, Trial] = {}
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def start(self, said: object, *, since: datetime, until: datetime, site_id: str | None, by: Who) -> Trial:
        document = read_said(said)
        if until - since > LONGEST:
            raise TrialRefused(f"at most {LONGEST.days} days are tried at once")
        # Refuses what cannot be tried at all.
        Backtest(self._dsn, document, since=since, until=until, site_id=site_id, zone=self._zone)
        if self._running is not None:
            raise TrialRefused("another rule is being tried; wait for it, or cancel it")
        trial = Trial(
            trial_id=uuid4(),
            rule=document.name,
            since=since,
            until=until,
            site_id=site_id,
            asked_by=by.actor,
            asked_at=self._clock.now(),
        )
        # Before anything is waited for: of two that ask at once one is refused.
        task = asyncio.create_task(self._run(trial, document.said), name=f"trial {trial.trial_id}")
        self._keep(trial)
        self._running = task
        task.add_done_callback(self._over)
        log.info("rule on trial", rule=document.name, since=since.isoformat(), until=until.isoformat(), actor=by.actor)
        return trial

    def trials(self) -> list[Trial]:
        return list(reversed(self._trials.values()))

    def trial(self, trial_id: UUID) -> Trial:
        if trial_id not in self._trials:
            raise UnknownTrial(f"no trial {trial_id}; only the last {KEPT} are kept, and only by this process")
        return self._trials[trial_id]

    async def cancel(self, trial_id: UUID, *, by: Who) -> Trial:
        trial = self.trial(trial_id)
        if trial.state is not TrialState.RUNNING:
            raise TrialRefused(f"it is {trial.state.value} already")
        await self._end()
        log.info("trial cancelled", rule=trial.rule, actor=by.actor)
        return self.trial(trial_id)

    # -- one trial ----------------------------------------------------------------------------------------------------

    def _keep(self, trial: Trial) -> None:
        self._trials[trial.trial_id] = trial
        while len(self._trials) > KEPT:
            del self._trials[next(iter(self._trials))]

    def _over(self, task: asyncio.Task[None]) -> None:
        if self._running is task:
            self._running = None

    async def _end(self) -> None:
        if (task := self._running) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, trial: Trial, said: object) -> None:
        try:
            today, standing = await self._today(trial.rule, said)
            trial = msgspec.structs.replace(trial, today=standing)
            self._keep(trial)
            order = Order(
                dsn=self._dsn,
                document=msgspec.json.decode(msgspec.json.encode(said)),
                today=today,
                since=trial.since,
                until=trial.until,
                site_id=trial.site_id,
                zone=self._zone.key,
            )
            async with asyncio.timeout(TIMEOUT_S):
                trial = await self._follow(trial, order)
        except asyncio.CancelledError:
            self._keep(msgspec.structs.replace(self.trial(trial.trial_id), state=TrialState.CANCELLED))
            raise
        except TimeoutError:
            trial = _failed(trial, f"not done within {TIMEOUT_S / 60:g} minutes: choose a shorter time, or one site")
        except Exception as error:
            log.exception("trial failed", rule=trial.rule)
            trial = _failed(trial, str(error))
        self._keep(trial)
        log.info("trial over", rule=trial.rule, state=trial.state.value)

    async def _today(self, rule: str, said: object) -> tuple[RuleVersion | None, str]:
        """The rule in force, where it has to be tried as well, and how it stands: none, off, same or tried."""
        async with wrapped_errors(), self._pool.connection() as conn:
            try:
                newest = (await all_versions(conn, rule))[0]
            except UnknownRule:
                return None, "none"
        if not newest.enabled:
            return None, "off"
        if msgspec.json.encode(newest.document, order="sorted") == msgspec.json.encode(said, order="sorted"):
            return None, "same"
        if newest.author == SHIPS:
            newest = msgspec.structs.replace(newest, document=msgspec.json.decode(msgspec.json.encode(newest.document)))
        return newest, "tried"

    async def _follow(self, trial: Trial, order: Order) -> Trial:
        environment = {**os.environ, "PGOPTIONS": "-c max_parallel_workers_per_gather=0"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "campuswatch.trial_process",
            stdin=PIPE,
            stdout=PIPE,
            env=environment,
            limit=_MOST_LINE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(order) + b"\n")
            await process.stdin.drain()
            while line := await process.stdout.readline():
                told = msgspec.json.decode(line, type=Told)
                match told:
                    case Progress():
                        trial = msgspec.structs.replace(trial, progress=told.part, observations=told.observations)
                        self._keep(trial)
                    case Failed():
                        return _failed(trial, told.error)
                    case Result():
                        return msgspec.structs.replace(
                            trial,
                            state=TrialState.DONE,
                            progress=1.0,
                            observations=told.observations,
                            result=_shown(told),
                        )
            return _failed(trial, f"its process ended with {await process.wait()}")
        finally:
            await _ended(process)


async def _ended(process: Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _PARTING_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _failed(trial: Trial, error: str) -> Trial:
    return msgspec.structs.replace(trial, state=TrialState.FAILED, error=error)


def _shown(result: Result) -> TrialResult:
    lines = [TrialLine(**msgspec.structs.asdict(line)) for line in result.lines]
    return TrialResult(**{**msgspec.structs.asdict(result), "lines": lines})
