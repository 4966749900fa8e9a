"""The document is complete: whoever reads it needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from dashboards import schemas as models
from dashboards.schemas.stream import DeltaFrame, SnapshotFrame, TroubleFrame


@pytest.fixture
def database(plain_database: str) -> str:
    return plain_database


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    parsed: dict[str, Any] = response.json()
    return parsed


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_path_of_the_contract_is_there(document: dict[str, Any]) -> None:
    assert {(method.upper(), path.removeprefix("/api/v1")) for path, method, _ in _operations(document)} == {
        ("GET", "/session"),
        ("POST", "/session"),
        ("DELETE", "/session"),
        ("POST", "/session/password"),
        ("GET", "/session/sessions"),
        ("DELETE", "/session/sessions"),
        ("DELETE", "/session/sessions/{session_no}"),
        ("GET", "/session/tokens"),
        ("POST", "/session/tokens"),
        ("DELETE", "/session/tokens/{token_no}"),
        ("GET", "/roles"),
        ("GET", "/accounts"),
        ("POST", "/accounts"),
        ("GET", "/accounts/{account_id}"),
        ("PUT", "/accounts/{account_id}"),
        ("POST", "/accounts/{account_id}/disable"),
        ("POST", "/accounts/{account_id}/enable"),
        ("POST", "/accounts/{account_id}/unlock"),
        ("POST", "/accounts/{account_id}/password"),
        ("GET", "/accounts/{account_id}/sessions"),
        ("DELETE", "/accounts/{account_id}/sessions"),
        ("DELETE", "/accounts/{account_id}/sessions/{session_no}"),
        ("POST", "/accounts/{account_id}/tokens"),
        ("GET", "/tokens"),
        ("DELETE", "/tokens/{token_no}"),
        ("GET", "/wall"),
        ("GET", "/ledger"),
        ("GET", "/audit"),
        ("GET", "/load"),
        ("GET", "/journals"),
        ("POST", "/quarantine/replay"),
        ("GET", "/sites"),
        ("GET", "/sites/{site_id}"),
        ("GET", "/sites/{site_id}/devices"),
        ("GET", "/sites/{site_id}/devices/{device_id}"),
        ("GET", "/sites/{site_id}/devices/{device_id}/past"),
        ("GET", "/devices"),
        ("GET", "/deliveries"),
        ("GET", "/incidents"),
        ("GET", "/incidents/{incident_id}"),
        ("POST", "/incidents/{incident_id}/acknowledge"),
        ("POST", "/incidents/{incident_id}/reset"),
        ("POST", "/incidents/{incident_id}/close"),
        ("POST", "/incidents/{incident_id}/notes"),
        ("POST", "/incidents/{incident_id}/verify"),
        ("POST", "/incidents/{incident_id}/severity"),
        ("POST", "/incidents/{incident_id}/merge"),
        ("POST", "/incidents/{incident_id}/split"),
        ("POST", "/incidents/{incident_id}/shelve"),
        ("POST", "/incidents/{incident_id}/unshelve"),
        ("POST", "/incidents/{incident_id}/assign"),
        ("POST", "/incidents/{incident_id}/unassign"),
        ("POST", "/incidents/{incident_id}/attachments"),
        ("GET", "/incidents/{incident_id}/attachments/{attachment_no}"),
        ("GET", "/verification-reasons"),
        ("GET", "/windows"),
        ("POST", "/windows"),
        ("POST", "/windows/{window_no}/end"),
        ("GET", "/held"),
        ("GET", "/quarantine"),
        ("GET", "/unregistered"),
        ("POST", "/unregistered/{site_id}/{device_id}/adopt"),
        ("GET", "/incidents/{incident_id}/response"),
        ("POST", "/incidents/{incident_id}/take"),
        ("POST", "/incidents/{incident_id}/decline"),
        ("POST", "/incidents/{incident_id}/grade"),
        ("POST", "/incidents/{incident_id}/checklist"),
        ("GET", "/response/plan"),
        ("POST", "/response/plan"),
        ("GET", "/response/templates"),
        ("GET", "/duty/people"),
        ("GET", "/duty/who"),
        ("GET", "/duty/shifts"),
        ("GET", "/duty/audit"),
        ("POST", "/duty/overrides"),
        ("POST", "/duty/swaps"),
        ("POST", "/duty/handovers"),
        ("POST", "/duty/contacts/{contact_no}/test"),
        ("GET", "/guards"),
        ("GET", "/guards/{guard_id}"),
        ("PUT", "/guards/{guard_id}"),
        ("DELETE", "/guards/{guard_id}"),
        ("POST", "/guards/{guard_id}/phone"),
        ("GET", "/shifts"),
        ("POST", "/shifts"),
        ("DELETE", "/shifts/{guard_id}/{starts_at}"),
        ("GET", "/check-ins"),
        ("POST", "/check-ins"),
        ("GET", "/posts"),
        ("PUT", "/posts/{site_id}/{post_id}"),
        ("DELETE", "/posts/{site_id}/{post_id}"),
        ("POST", "/posts/{site_id}/{post_id}/reports"),
        ("GET", "/post-reports"),
        ("GET", "/safety-officers"),
        ("PUT", "/safety-officers/{site_id}/{name}"),
        ("DELETE", "/safety-officers/{site_id}/{name}"),
        ("GET", "/gates"),
        ("PUT", "/gates/{site_id}/{gate_id}"),
        ("DELETE", "/gates/{site_id}/{gate_id}"),
        ("GET", "/barriers"),
        ("PUT", "/barriers/{site_id}/{barrier_id}"),
        ("DELETE", "/barriers/{site_id}/{barrier_id}"),
        ("GET", "/barriers/{site_id}/{barrier_id}/inspections"),
        ("POST", "/barriers/{site_id}/{barrier_id}/inspections"),
        ("GET", "/calendar"),
        ("PUT", "/calendar/{year}"),
        ("DELETE", "/calendar/{year}"),
        ("GET", "/sites/{site_id}/bells"),
        ("PUT", "/sites/{site_id}/bells/{from_day}"),
        ("DELETE", "/sites/{site_id}/bells/{from_day}"),
        ("GET", "/sites/{site_id}/enrolment"),
        ("PUT", "/sites/{site_id}/enrolment"),
        ("GET", "/targets"),
        ("GET", "/targets/{target_id}"),
        ("POST", "/targets/{target_id}/versions"),
        ("GET", "/compliance"),
        ("GET", "/compliance/rates"),
        ("GET", "/compliance/days"),
        ("GET", "/compliance/sites/{site_id}"),
        ("GET", "/compliance/sites/{site_id}/history"),
        ("GET", "/self-tests"),
        ("GET", "/reports/compliance"),
        ("GET", "/patrol"),
        ("GET", "/cameras"),
        ("GET", "/cameras/{site_id}/{device_id}"),
        ("GET", "/cameras/{site_id}/{device_id}/picture"),
        ("GET", "/cameras/{site_id}/{device_id}/references/{light}"),
        ("GET", "/cameras/{site_id}/{device_id}/evidence/{evidence_id}/{part}"),
        ("POST", "/cameras/{site_id}/{device_id}/lessons"),
        ("GET", "/camera-availability"),
        ("GET", "/patrol-rounds"),
        ("POST", "/patrol-rounds"),
        ("GET", "/patrol-rounds/{round_no}"),
        ("POST", "/patrol-rounds/{round_no}/items/{place}"),
        ("POST", "/patrol-rounds/{round_no}/end"),
        ("GET", "/patrol-rounds/{round_no}/report"),
        ("GET", "/reports/patrol"),
        ("GET", "/camera-hazards"),
        ("POST", "/camera-hazards/{hazard_no}/strike-off"),
        ("GET", "/health"),
        ("GET", "/stream"),
        ("GET", "/metrics"),
    }


def test_every_operation_says_what_it_is_for(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    seen = set()
    for path, method, operation in _operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert set(operation["tags"]) <= tags, where
        assert len(operation["tags"]) == 1, where
        assert operation["operationId"].isidentifier(), where
        seen.add(operation["operationId"])
    assert len(seen) == sum(1 for _ in _operations(document))


def test_every_operation_documents_its_answers_and_refusals(document: dict[str, Any]) -> None:
    for path, method, operation in _operations(document):
        where = f"{method} {path}"
        answers = operation["responses"]
        if path.endswith(("/stream", "/metrics", "/{attachment_no}", "/picture", "/{light}", "/{part}")):
            continue
        assert "$ref" in answers["200"]["content"]["application/json"]["schema"], where
        if path.endswith(
            ("/health", "/journals", "/verification-reasons", "/roles")
        ):  # these answer while the database is away
            continue
        assert "503" in answers, where
        if "{" in path:
            assert {"404", "422"} <= answers.keys(), where
        if operation.get("parameters"):
            assert "422" in answers, where
        if method == "post":
            assert {"403", "409", "413", "422"} <= answers.keys(), where
        for status, answer in answers.items():
            assert answer["description"], f"{where} {status}"
            if int(status) >= 400:
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, f"{where} {status}"


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    for path, method, operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), f"{method} {path} {parameter['name']}"


def test_every_body_and_every_main_answer_has_an_example(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in (
        "ActionBody",
        "NoteBody",
        "AdoptBody",
        "Problem",
        "SiteTileReply",
        "IncidentReply",
        "DeviceReply",
        "LedgerLineReply",
    ):
        assert schemas[name]["examples"], name


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = set(_references(document))
    assert references
    assert {reference.rsplit("/", 1)[-1] for reference in references} <= schemas.keys()
    assert {"SnapshotFrame", "DeltaFrame", "TroubleFrame"} <= schemas.keys()
    assert [name for name in schemas if "__" in name] == []  # two models of one name would carry their modules in it


@pytest.mark.parametrize("module", [one.name for one in iter_modules(models.__path__)])
def test_examples_are_what_the_models_accept(module: str) -> None:
    """Those that a model inherits too: they lack what it adds."""
    home = import_module(f"{models.__name__}.{module}")
    for model in vars(home).values():
        if isinstance(model, type) and issubclass(model, BaseModel):
            extra = model.model_config.get("json_schema_extra")
            for example in extra["examples"] if isinstance(extra, dict) else ():  # type: ignore[union-attr]
                model.model_validate(example)


def test_the_frames_of_the_stream_are_the_documented_ones(document: dict[str, Any]) -> None:
    for frame in (SnapshotFrame, DeltaFrame, TroubleFrame):
        documented = document["components"]["schemas"][frame.__name__]
        assert set(documented["properties"]) == set(frame.model_fields)


async def test_no_page_asks_the_internet_for_its_scripts(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc", "/api/v1/docs"):
        assert "cdn" not in (await client.get(f"http://localhost{path}")).text


def test_the_document_is_made_once(app: FastAPI) -> None:
    assert app.openapi() is app.openapi()
