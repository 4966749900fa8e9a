"""The web application, put together: routes, stream, pages, and who stands at the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry

from dashboards.account_desk import AccountDesk
from dashboards.desk import Assessor, IncidentDesk, Registrar, Replayer, Responder, RuleKeeper
from dashboards.entry import Entry, install_entry
from dashboards.guard import Guard
from dashboards.identities import Identities
from dashboards.imports import Importer
from dashboards.journals import Journals
from dashboards.liaison import Liaison
from dashboards.metrics import RequestTiming, WebMetrics
from dashboards.oidc.provider import Fetch, Provider
from dashboards.oidc.sign_in import ProviderSignIn
from dashboards.openapi import DESCRIPTION, TAGS, install_openapi
from dashboards.pages import Pages
from dashboards.passwords import Passwords
from dashboards.permissions import declared
from dashboards.problems import LastResort, install_problem_handlers
from dashboards.reader import Reader
from dashboards.rosters import Roster
from dashboards.routes import API_PREFIX
from dashboards.routes.accounts import account_routes
from dashboards.routes.answers import answer_routes
from dashboards.routes.attachments import attachment_routes
from dashboards.routes.audit import audit_routes
from dashboards.routes.calendar import calendar_routes
from dashboards.routes.cameras import camera_routes
from dashboards.routes.compliance import compliance_routes, self_test_routes
from dashboards.routes.deliveries import delivery_routes
from dashboards.routes.devices import device_routes
from dashboards.routes.duty import duty_routes
from dashboards.routes.guard_posts import guard_post_routes
from dashboards.routes.guards import guard_routes
from dashboards.routes.health import health_routes, metrics_routes
from dashboards.routes.imports import MOST_BYTES as MOST_IMPORTED
from dashboards.routes.imports import import_routes
from dashboards.routes.incidents import incident_routes
from dashboards.routes.ledger import ledger_routes
from dashboards.routes.links import link_routes, resending_routes
from dashboards.routes.load import load_routes
from dashboards.routes.own_account import own_account_routes
from dashboards.routes.patrol_rounds import patrol_routes
from dashboards.routes.premises import premises_routes
from dashboards.routes.provider import provider_routes
from dashboards.routes.quarantine import quarantine_routes
from dashboards.routes.report_clocks import clock_routes
from dashboards.routes.reports import report_routes
from dashboards.routes.response import response_routes
from dashboards.routes.rosters import roster_routes
from dashboards.routes.rules import rule_routes
from dashboards.routes.session import session_routes
from dashboards.routes.sites import site_routes
from dashboards.routes.stream import stream_routes
from dashboards.routes.targets import target_routes
from dashboards.routes.trials import trial_routes
from dashboards.routes.wall import wall_routes
from dashboards.routes.warnings import warning_routes
from dashboards.routes.windows import window_routes
from dashboards.services import Services
from dashboards.settings import WebSettings
from dashboards.sign_in import SignIn
from dashboards.stream import Stream
from dashboards.trials import Tester
from domain.attachment import MOST_BYTES
from domain.clock import Clock
from domain.journal import JournalState
from storage.pool import KeptPool

#: Where more than a form comes in: the end of the path and the bytes.
LARGER_BODIES = {
    "/attachments": MOST_BYTES,
    "/shifts": 512 * 1024,  # a thousand shifts at once
    "/registry/import": MOST_IMPORTED,
}


def _operation_id(route: APIRoute) -> str:
    return route.name


def create_app(
    *,
    pool: KeptPool,
    desk: IncidentDesk,
    registrar: Registrar,
    replayer: Replayer,
    assessor: Assessor,
    responder: Responder,
    settings: WebSettings,
    clock: Clock,
    version: str,
    registry: CollectorRegistry | None = None,
    journals: Callable[[], Sequence[JournalState]] = tuple,
    liaison: Liaison | None = None,
    rules: RuleKeeper | None = None,
    tester: Tester | None = None,
    fetch: Fetch | None = None,
    importer: Importer | None = None,
    roster: Roster | None = None,
) -> FastAPI:
    """The application. Without a ``liaison`` it has no routes for links, reports and early warnings, without ``rules``
    none for rules, without a ``tester`` none for their trials, without an
    ``importer`` none for files of the registry, without a ``roster`` none to edit one.

    ``registry`` is what /metrics shows; the application adds its own metrics to it.
    ``fetch`` is how the OpenID Connect provider is asked, over HTTP where nothing else is said.
    ``journals`` reads the states of the lanes' journals from this machine's disk.

    The stream runs from the application's startup to its shutdown.
    """
    metrics = WebMetrics(CollectorRegistry() if registry is None else registry)
    reader = Reader(pool, timeout_s=settings.database_timeout_s)
    known = Journals(journals)
    identities = (
        Identities(reader=reader, clock=clock, dsn=settings.dsn, idle=settings.session_idle)
        if settings.sign_in
        else None
    )
    entry = Entry(identities, reader=reader, clock=clock, metrics=metrics)
    passwords = Passwords()
    sign_in = SignIn(reader=reader, clock=clock, metrics=metrics, lasts=settings.session_lasts, passwords=passwords)
    accounts = AccountDesk(reader=reader, clock=clock, passwords=passwords, idle=settings.session_idle)
    at_provider = None
    if settings.provider is not None and settings.sign_in:
        provider = Provider(settings.provider, clock=clock, fetch=fetch)
        at_provider = ProviderSignIn(provider, sign_in=sign_in, reader=reader, clock=clock, metrics=metrics)
    stream = Stream(reader=reader, settings=settings, clock=clock, metrics=metrics, journals=known)
    services = Services(
        reader=reader,
        desk=desk,
        registrar=registrar,
        replayer=replayer,
        assessor=assessor,
        responder=responder,
        stream=stream,
        journals=known,
        metrics=metrics,
        settings=settings,
        clock=clock,
        version=version,
        identities=identities,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(stream.run(), name="stream")]
        if identities is not None:
            running.append(asyncio.create_task(identities.run(), name="identities"))
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            for task in running:
                with suppress(asyncio.CancelledError):
                    await task

    app = FastAPI(
        title="campuswatch",
        version=version,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        openapi_url=f"{API_PREFIX}/openapi.json",
        docs_url=None,  # the usual pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        lifespan=lifespan,
    )
    for routes in (
        session_routes(services, sign_in, at_provider.provider if at_provider else None),
        *([] if at_provider is None else [provider_routes(at_provider)]),
        own_account_routes(accounts),
        account_routes(accounts, issuer=settings.provider.issuer if settings.provider else ""),
        wall_routes(services),
        site_routes(services),
        device_routes(services),
        incident_routes(services),
        attachment_routes(services),
        window_routes(services),
        delivery_routes(services),
        quarantine_routes(services),
        ledger_routes(services),
        duty_routes(services),
        response_routes(services),
        answer_routes(services),
        guard_routes(services),
        guard_post_routes(services),
        premises_routes(services),
        calendar_routes(services),
        target_routes(services),
        compliance_routes(services),
        self_test_routes(services),
        report_routes(services),
        audit_routes(services),
        load_routes(services),
        camera_routes(services),
        patrol_routes(services),
        health_routes(services),
        stream_routes(services),
        metrics_routes(services),
        *(
            []
            if liaison is None
            else [make(services, liaison) for make in (link_routes, resending_routes, clock_routes, warning_routes)]
        ),
        *([] if rules is None else [rule_routes(services, rules)]),
        *([] if tester is None else [trial_routes(services, tester)]),
        *([] if importer is None else [import_routes(services, importer)]),
        *([] if roster is None else [roster_routes(services, roster)]),
    ):
        declared(routes.routes)
        app.include_router(routes, dependencies=[Depends(entry)])
    app.router.default = Pages(settings.static_dir)
    install_problem_handlers(app)
    install_entry(app)
    install_openapi(app)
    # The one added last is the outermost.
    app.add_middleware(LastResort)
    app.add_middleware(Guard, hosts=settings.hosts, max_body_bytes=settings.max_body_bytes, larger=LARGER_BODIES)
    app.add_middleware(RequestTiming, metrics=metrics)
    return app
