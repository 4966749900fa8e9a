"""The published description, the schemas beside it and the decoder say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry as SchemaRegistry
from referencing import Resource

from devices.formats.payload import MAX_BATCH, MAX_ID_LENGTH
from devices.formats.storable import MAX_OBJECT_BYTES
from devices.formats.topic import TOPIC_ROOT
from domain.metric import METRICS
from domain.observation import AlarmKind, Channel, EventKind
from ingest.pictures.pushed import FILTER
from ingest.pictures.taken import MOST_BYTES
from tests.unit.devices.school import NOW, TS, decoder

FORMATS = resources.files("devices.formats")
DOCUMENT = yaml.safe_load(FORMATS.joinpath("asyncapi.yaml").read_text("utf-8"))
SCHEMAS = {file.name: json.loads(file.read_text("utf-8")) for file in FORMATS.joinpath("schemas").iterdir()}
REFERENCES: SchemaRegistry[Any] = SchemaRegistry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)
#: No JSON, and of no lane: the patrol role hears it.
PICTURE = "picture"
CHANNELS = [channel for channel in Channel if channel is not Channel.COMMAND]


def validator(channel: Channel) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[f"{channel}.schema.json"], registry=REFERENCES)


def examples(channel: Channel) -> list[Any]:
    return [example["payload"] for example in DOCUMENT["components"]["messages"][channel]["examples"]]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolve(pointer: str) -> Any:
    part = DOCUMENT
    for key in pointer.removeprefix("#/").split("/"):
        part = part[key]
    return part


def test_every_reference_of_the_document_leads_somewhere() -> None:
    found = sorted(set(references(DOCUMENT)))
    assert len(found) > 20
    for reference in found:
        if reference.startswith("#/"):
            assert isinstance(resolve(reference), dict)
        else:
            assert reference.removeprefix("./schemas/") in SCHEMAS


def test_document_has_every_channel_with_its_address_and_operation() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {name: channel["address"] for name, channel in DOCUMENT["channels"].items()} == {
        name: f"{TOPIC_ROOT}/{{site}}/{{device}}/{name}" for name in (*(channel.value for channel in Channel), PICTURE)
    }
    operations = {
        operation["channel"]["$ref"].rsplit("/", 1)[1]: operation["action"]
        for operation in DOCUMENT["operations"].values()
    }
    receiving = {channel.value: "receive" for channel in CHANNELS}
    assert operations == {**receiving, PICTURE: "receive", Channel.COMMAND.value: "send"}
    for operation in DOCUMENT["operations"].values():
        name = operation["channel"]["$ref"].rsplit("/", 1)[1]
        assert operation["bindings"]["mqtt"]["qos"] == (0 if name == PICTURE else 1)
        assert [message["$ref"] for message in operation["messages"]] == [f"#/channels/{name}/messages/{name}"]
        assert set(DOCUMENT["channels"][name]["parameters"]) == {"site", "device"}


def test_a_picture_is_a_jpeg_on_the_topic_that_the_patrol_listens_to() -> None:
    message = DOCUMENT["components"]["messages"][PICTURE]
    assert message["contentType"] == "image/jpeg"
    assert message["payload"]["maxLength"] == MOST_BYTES
    address = DOCUMENT["channels"][PICTURE]["address"]
    assert address.replace("{site}", "+").replace("{device}", "+") == FILTER


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schemas_are_schemas_and_their_references_lead_somewhere(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == name
    resolver = REFERENCES.resolver(base_uri=name)
    for reference in references(schema):
        assert resolver.lookup(reference).contents


@pytest.mark.parametrize("channel", list(Channel))
def test_every_example_fits_its_schema(channel: Channel) -> None:
    assert examples(channel)
    for example in examples(channel):
        assert [error.message for error in validator(channel).iter_errors(example)] == []


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_example_is_decoded(channel: Channel) -> None:
    for example in examples(channel):
        text = json.dumps(example).replace("s001-tmp-04", "s001-tmp-01").replace("s001-cam-02", "s001-cam-01")
        received_at = NOW.replace(hour=23)
        decoded = decoder().decode(f"campus/v1/s001/s001-gw-01/{channel}", text.encode(), received_at)
        assert [rejected.detail for rejected in decoded.rejected] == []
        assert len(decoded.observations) == len(example.get("batch", "1"))


NO_OBJECTS: tuple[Any, ...] = ([], "text", 5, None, {})
NO_BATCHES: tuple[Any, ...] = ([], {}, "text", 1)

INVALID: list[tuple[Channel, Any]] = [
    *((channel, document) for channel in CHANNELS for document in NO_OBJECTS),
    *(
        (channel, {"v": v, "ts": TS, "alarm": "panic", "event": "tamper", "state": {}, "values": {"co_ppm": 1}})
        for channel in CHANNELS
        for v in (2, "1", True)
    ),
    *((channel, {"batch": batch}) for channel in CHANNELS for batch in NO_BATCHES),
    (Channel.ALARM, {"alarm": "Panic"}),
    (Channel.ALARM, {"alarm": None}),
    (Channel.ALARM, {"alarm": "panic", "active": "yes"}),
    (Channel.ALARM, {"alarm": "panic", "drill": 1}),
    (Channel.ALARM, {"alarm": "panic", "id": 1.5}),
    (Channel.ALARM, {"alarm": "panic", "id": "x" * 65}),
    (Channel.ALARM, {"alarm": "panic", "ts": "2026-11-22T08:05:00"}),
    (Channel.ALARM, {"alarm": "panic", "ts": 1_795_000_000}),
    (Channel.ALARM, {"batch": [{"alarm": "panic"}]}),
    (Channel.ALARM, {"batch": [{"device": 5, "alarm": "panic"}]}),
    (Channel.HEARTBEAT, {"battery_pct": 50}),
    (Channel.HEARTBEAT, {"ts": "22.11.2026 08:05"}),
    (Channel.HEARTBEAT, {"ts": "2026-11-22T08:05:00 +08:00"}),
    (Channel.HEARTBEAT, {"ts": TS, "battery_pct": -1}),
    (Channel.HEARTBEAT, {"ts": TS, "battery_pct": True}),
    (Channel.HEARTBEAT, {"batch": [{"device": "s001-cam-01"}]}),
    (Channel.READING, {"ts": TS}),
    (Channel.READING, {"values": {"temperature_c": 20}}),
    (Channel.READING, {"ts": TS, "values": []}),
    (Channel.READING, {"ts": TS, "values": {"temperature": 20}}),
    (Channel.READING, {"ts": TS, "values": {"temperature_c": "20"}}),
    (Channel.READING, {"ts": TS, "values": {"temperature_c": None}}),
    (Channel.READING, {"ts": TS, "values": {"temperature_c": True}}),
    (Channel.READING, {"ts": TS, "values": {"temperature_c": 600.1}}),
    (Channel.EVENT, {"event": "smoke"}),
    (Channel.EVENT, {"event": "tamper", "detail": "text"}),
    (Channel.STATE, {"state": ["open"]}),
    (Channel.STATE, {"state": None}),
]


@pytest.mark.parametrize(("channel", "document"), INVALID)
def test_what_is_invalid_is_refused_by_schema_and_decoder_alike(channel: Channel, document: Any) -> None:
    assert not validator(channel).is_valid(document)
    decoded = decoder().decode(f"campus/v1/s001/s001-btn-01/{channel}", json.dumps(document).encode(), NOW)
    assert decoded.observations == []
    assert len(decoded.rejected) == 1


def test_schemas_name_the_same_kinds_quantities_and_bounds_as_the_code() -> None:
    alarm = SCHEMAS["alarm.schema.json"]["$defs"]["single"]["properties"]
    event = SCHEMAS["event.schema.json"]["$defs"]["single"]["properties"]
    values = SCHEMAS["reading.schema.json"]["$defs"]["single"]["properties"]["values"]["properties"]
    common = SCHEMAS["common.schema.json"]["$defs"]
    assert alarm["alarm"]["enum"] == list(AlarmKind)
    assert event["event"]["enum"] == list(EventKind)
    assert {name: (value["minimum"], value["maximum"]) for name, value in values.items()} == {
        metric.name: (metric.low, metric.high) for metric in METRICS.values()
    }
    assert common["id"]["maxLength"] == MAX_ID_LENGTH
    assert f"{MAX_OBJECT_BYTES // 1024} KiB" in common["detail"]["description"]
    for channel in CHANNELS:
        batch = SCHEMAS[f"{channel}.schema.json"]["$defs"]["batch"]["properties"]["batch"]
        assert (batch["minItems"], batch["maxItems"]) == (1, MAX_BATCH)


def test_entries_of_a_batch_have_the_fields_of_a_single_message_and_a_device() -> None:
    for channel in CHANNELS:
        parts = SCHEMAS[f"{channel}.schema.json"]["$defs"]
        single, entry = parts["single"]["properties"], parts["entry"]["properties"]
        assert {**single, "device": entry["device"]} == {**entry, "batch": single["batch"]}
        assert parts["entry"]["required"] == ["device", *parts["single"]["required"]]
