"""The alerting role: findings of the bulk lane become incidents; the outbox is carried to links and duty leaders."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

from prometheus_client import Counter

from alerting.casework import Casework
from alerting.channels.duty_notice import DutyNotice
from alerting.courier import Courier, Outcome
from alerting.desk import Desk
from alerting.directory import Directory
from alerting.dispatcher import Dispatcher
from alerting.early_warnings import WarningCourier
from alerting.escalator import Escalator
from alerting.expiry import Expiry
from alerting.intake import Intake
from alerting.link_answers import take_reply
from alerting.pace import Limit, Pace
from alerting.reporter import Reporter
from alerting.rounds import kept
from alerting.status_poll import StatusPoller
from alerting.supervision import Supervisor
from campuswatch.audit_heads import heads_file
from campuswatch.gazetteer import RegistryGazetteer
from campuswatch.roles.audit_watch import AuditWatch
from campuswatch.roles.bookkeeping import Bookkeeping
from campuswatch.roles.links import supervision_plan, what_starts
from campuswatch.roles.load_watch import LoadWatch
from campuswatch.roles.outside import Outside, World
from campuswatch.roles.surroundings import Surroundings
from campuswatch.roles.upkeep import keep_up
from campuswatch.roster_watch import RosterWatch
from campuswatch.targets.keeper import Keeper
from domain.delivery import DeliveryChannel
from domain.finding import Finding
from storage.notices import NoticeChannel
from storage.pool import Connection, wrapped_errors


async def run(around: Surroundings, outside: Outside | None = None) -> None:
    """:param outside: None = the world."""
    outside = outside or World(around)
    gazetteer = RegistryGazetteer()
    registry_known, findings_wait, deliveries_wait, responses_wait = (asyncio.Event() for _ in range(4))
    window_ends = asyncio.Event()
    findings = Counter("campuswatch_findings_handled", "Findings taken over", ["rule", "kind"], registry=around.metrics)
    deliveries = Counter(
        "campuswatch_deliveries", "Tries to deliver", ["channel", "recipient", "outcome"], registry=around.metrics
    )
    heartbeats = Counter(
        "campuswatch_link_heartbeats", "Heartbeats of links", ["link", "outcome"], registry=around.metrics
    )

    polls = Counter(
        "campuswatch_link_polls", "Questions to status URLs of links", ["link", "outcome"], registry=around.metrics
    )

    faults = Counter(
        "campuswatch_alerting_faults",
        "Rows and rounds of the alerting role that failed by a fault of the data or of the program",
        ["part"],
        registry=around.metrics,
    )
    steps = Counter("campuswatch_escalation_steps", "Steps of escalations done", registry=around.metrics)

    async def reload(conn: Connection) -> None:
        await gazetteer.load(conn)
        registry_known.set()

    async def wake_intake(conn: Connection) -> None:
        findings_wait.set()

    async def wake_expiry(conn: Connection) -> None:
        window_ends.set()

    async def wake_dispatcher(conn: Connection) -> None:
        deliveries_wait.set()

    async def wake_escalator(conn: Connection) -> None:
        responses_wait.set()

    def count_step(sends: int) -> None:
        steps.inc()
        deliveries_wait.set()

    def count_finding(finding: Finding) -> None:
        findings.labels(finding.rule, finding.kind.value).inc()
        responses_wait.set()
        deliveries_wait.set()

    def count_outcome(outcome: Outcome) -> None:
        # People are counted together: a label for each name would grow without bound.
        recipient = outcome.delivery.recipient if outcome.delivery.channel == "webhook" else "duty"
        deliveries.labels(outcome.delivery.channel.value, recipient, "taken" if outcome.taken else "failed").inc()

    def count_heartbeat(link_id: str, answered: bool) -> None:
        heartbeats.labels(link_id, "answered" if answered else "unanswered").inc()

    def count_fault(part: str, error: Exception) -> None:
        faults.labels(part).inc()
        outside.on_fault(part, error)

    def count_poll(link_id: str, answered: bool) -> None:
        polls.labels(link_id, "answered" if answered else "unanswered").inc()

    async def reply(link_id: str, body: bytes) -> None:
        async with wrapped_errors(), pool.connection() as conn:
            await take_reply(conn, link_id, body, around.clock.now())

    async def wake_reporter(conn: Connection) -> None:
        reports_wait.set()

    async def wake_warnings(conn: Connection) -> None:
        warnings_wait.set()

    reports_wait, warnings_wait = asyncio.Event(), asyncio.Event()
    reactions = {
        NoticeChannel.INCIDENT: wake_reporter,
        NoticeChannel.REPORT: wake_reporter,
        NoticeChannel.WARNING: wake_warnings,
        NoticeChannel.REGISTRY: reload,
        NoticeChannel.FINDING: wake_intake,
        NoticeChannel.DELIVERY: wake_dispatcher,
        NoticeChannel.WINDOW: wake_expiry,
        NoticeChannel.RESPONSE: wake_escalator,
    }
    told = around.settings.people
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(outside.pool(name="alerting", max_size=8))
        links = await stack.enter_async_context(outside.links("alerting", reply))
        look = Directory(pool, around.clock, public_url=told.public_url, lasts=timedelta(hours=told.link_hours))
        people = await stack.enter_async_context(outside.people(look))
        inquiries = await stack.enter_async_context(outside.inquiries())
        desk = Desk(gazetteer=gazetteer, link_ids=list(links), zone=around.zone, drill_links=outside.drill_links)
        courier = Courier(links, people)
        async with asyncio.TaskGroup() as tasks:

            def start(work: Callable[[], Awaitable[None]], name: str) -> None:
                """A part that ends by a fault is begun anew, and the others go on."""
                tasks.create_task(kept(name, work, on_fault=count_fault), name=name)

            def chore(work: Callable[[], Awaitable[None]], name: str) -> None:
                outside.chore(tasks, kept(name, work, on_fault=count_fault), name=name)

            start(lambda: outside.react(reactions, name="alerting notices"), "notices")
            await registry_known.wait()
            intake = Intake(
                pool=pool,
                desk=desk,
                clock=around.clock,
                wake=findings_wait,
                on_finding=count_finding,
                poll_s=outside.poll_s,
                on_fault=count_fault,
            )
            dispatcher = Dispatcher(
                pool=pool,
                courier=courier,
                clock=around.clock,
                wake=deliveries_wait,
                on_outcome=count_outcome,
                poll_s=outside.poll_s,
                chance=outside.chance,
                pace=Pace(
                    {
                        DeliveryChannel(name): Limit(per_minute=limit.per_minute, burst=limit.burst)
                        for name, limit in told.limits.items()
                    }
                ),
                on_fault=count_fault,
            )
            expiry = Expiry(
                pool=pool,
                desk=desk,
                casework=Casework(desk),
                clock=around.clock,
                wake=window_ends,
                poll_s=outside.poll_s,
                on_fault=count_fault,
            )
            start(expiry.run, "ends of windows")
            escalator = Escalator(
                pool=pool,
                desk=desk,
                clock=around.clock,
                wake=responses_wait,
                on_step=count_step,
                poll_s=outside.poll_s,
                on_fault=count_fault,
            )
            start(escalator.run, "escalator")
            supervisor = Supervisor(
                pool=pool,
                links=links if outside.supervised else {},
                plan=supervision_plan(around.settings),
                clock=around.clock,
                on_heartbeat=count_heartbeat,
            )
            poller = StatusPoller(pool=pool, plans=inquiries, clock=around.clock, on_poll=count_poll)
            start(poller.run, "status polling")
            roster = RosterWatch(pool=pool, clock=around.clock, zone=around.zone)
            start(roster.run, "audit of the roster")
            start(intake.run, "intake")
            start(supervisor.run, "supervision")
            reporter = Reporter(
                pool=pool,
                gazetteer=gazetteer,
                clock=around.clock,
                zone=around.zone,
                starts=what_starts(around.settings),
                wake=reports_wait,
                poll_s=outside.poll_s,
                on_fault=count_fault,
                most_late=outside.receipt_lateness,
            )
            start(reporter.run, "reporter")
            warnings = WarningCourier(
                pool=pool,
                clock=around.clock,
                zone=around.zone,
                wake=warnings_wait,
                poll_s=outside.poll_s,
                on_fault=count_fault,
            )
            start(warnings.run, "early warnings")
            start(dispatcher.run, "dispatcher")
            keeper = Keeper(
                pool=pool, clock=around.clock, zone=around.zone, metrics=around.metrics, settled=around.settled
            )
            start(
                lambda: outside.react(keeper.reactions, name="targets notices", pause_s=0.1, ears=keeper.ears),
                "targets notices",
            )
            start(lambda: keeper.run(outside.poll_s), "targets")
            chore(DutyNotice.prepare, "prepare duty notices")
            chore(lambda: keep_up(pool, around.clock, around.settings.retention.days()), "upkeep")
            chore(AuditWatch(pool, around.clock, around.metrics, heads_file(around.settings)).run, "audit head")
            chore(LoadWatch(pool, around.clock, around.metrics).run, "load on operators")
            chore(Bookkeeping(pool, around.clock, around.metrics).run, "bookkeeping")
