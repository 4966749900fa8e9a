"""The OpenAPI document, completed with what FastAPI cannot know: problems, the frames of the stream, and what `Entry`
answers before a route is asked.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from dashboards.permissions import RULES
from dashboards.problems import Problem, problem_responses
from dashboards.schemas.ledger import LedgerLineReply
from dashboards.schemas.links import AnswerBody
from dashboards.schemas.sites import DeviceReply
from dashboards.schemas.stream import DeltaFrame, SnapshotFrame, TroubleFrame

DESCRIPTION = """\
Ingestion and alerting of a school-safety control room.

Times are RFC 3339 in UTC. Lists come in pages: `next_cursor` of one is `cursor` of the next. Errors are problem details
(RFC 9457, `application/problem+json`); a 503 says that the database is away, and nothing older is shown in its place.
"""

TAGS = [
    {"name": "session", "description": "Signing in, and who one is."},
    {"name": "accounts", "description": "Who may use the control room, and tokens of programs. For administrators."},
    {"name": "wall", "description": "All sites at one glance."},
    {"name": "stream", "description": "The wall and the queue as they change."},
    {"name": "incidents", "description": "What people handle. States follow ISA-18.2 / IEC 62682."},
    {"name": "maintenance", "description": "What is held back, by whom, why and until when. Never life safety."},
    {"name": "sites", "description": "Schools and their devices."},
    {
        "name": "registry",
        "description": "What the targets rest on: guards, shifts, posts, gates, barriers, calendar. Every edit names"
        " the version that it saw; the past stays.",
    },
    {
        "name": "targets",
        "description": "The 100% targets: definitions, compliance with its proof, self-tests, reports.",
    },
    {"name": "duty", "description": "People, who is on duty, and what is wrong with the roster."},
    {"name": "response", "description": "Grades, escalation, check-lists, and what people answer."},
    {"name": "rules", "description": "What the control room concludes: documents with versions. See docs/rules.md."},
    {"name": "quarantine", "description": "Messages that were not taken, and devices to adopt."},
    {"name": "ledger", "description": "What came in and what became of it."},
    {"name": "audit", "description": "Who changed what is alerted, when and from where."},
    {"name": "report clocks", "description": "The two-hour clock, and reports up the line."},
    {"name": "warnings", "description": "Early warnings and who has read them."},
    {"name": "links", "description": "Police and education: supervision, receipts, answers."},
    {"name": "patrol", "description": "Cameras: truths with their proof, pictures, availability, rounds, hazards."},
    {"name": "load", "description": "How often operators are called, and how soon they answer."},
    {"name": "health", "description": "The state of this server."},
]

_COMPLETED = (Problem, AnswerBody, SnapshotFrame, DeltaFrame, TroubleFrame, DeviceReply, LedgerLineReply)
_REFERENCES = "#/components/schemas/{model}"


def install_openapi(app: FastAPI) -> None:
    made_by_fastapi = app.openapi

    def document() -> dict[str, Any]:
        complete = app.openapi_schema is not None
        schema = made_by_fastapi()
        if not complete:
            _, extra = models_json_schema(
                [(model, "serialization") for model in _COMPLETED],
                ref_template=_REFERENCES,
            )
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            for name, definition in extra["$defs"].items():
                known = schemas.setdefault(name, definition)
                if "examples" in definition:  # FastAPI takes the nulls out of them, which are part of the format
                    known["examples"] = definition["examples"]
            refusals = {str(status): answer for status, answer in problem_responses(401, 403).items()}
            for operations in schema["paths"].values():
                for operation in operations.values():
                    if RULES[operation["operationId"]].permission is not None:
                        operation["responses"] = {**refusals, **operation["responses"]}
        return schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
