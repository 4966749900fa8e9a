"""Everything the routes work with, passed to each of them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from fastapi import Response

from dashboards.desk import Assessor, IncidentDesk, Registrar, Replayer, Responder
from dashboards.identities import Identities
from dashboards.journals import Journals
from dashboards.metrics import WebMetrics
from dashboards.reader import Reader
from dashboards.settings import WebSettings
from dashboards.stream import Stream
from domain.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    reader: Reader
    desk: IncidentDesk
    registrar: Registrar
    replayer: Replayer
    assessor: Assessor
    responder: Responder
    stream: Stream
    journals: Journals
    metrics: WebMetrics
    settings: WebSettings
    clock: Clock
    version: str
    identities: Identities | None  # None: nobody has to sign in


def json_reply(value: object) -> Response:
    """``value``, made of msgspec structs, as it goes out."""
    return Response(msgspec.json.encode(value), media_type="application/json")
