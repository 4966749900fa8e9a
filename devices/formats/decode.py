"""From a topic and a payload, as they came from the broker, to observations. Both lanes go through here.

`Decoder.decode` never raises: whatever the bytes are, each fault becomes a `Rejected` that says which field is wrong,
where it stands and what was expected. One bad entry of a batch is put aside alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from devices.formats.channels import EXPECTED, OBSERVE, Limits, Observe, bad_version
from devices.formats.payload import (
    BATCH_DECODER,
    ENTRY_DECODERS,
    FORMAT_VERSION,
    MAX_BATCH,
    MESSAGE_DECODERS,
    VERSION_DECODER,
    Message,
)
from devices.formats.topic import DEVICE_ID, TOPIC_ROOT, parse_topic, topic_text
from devices.profiles.matching import ForeignRoute, ProfileSet
from devices.registry import Registry
from domain.device import RegisteredDevice
from domain.errors import PayloadError
from domain.observation import Channel, Observation
from domain.quarantine import Reason, Rejected

DEFAULT_FUTURE_S = 300
DEFAULT_MAX_AGE_S = 30 * 86_400
DEFAULT_MAX_PAYLOAD = 1024 * 1024

#: A rejected message is kept whole up to here.
KEPT_PAYLOAD = 64 * 1024
_KEPT_TOPIC = 512
_KEPT_NAME = 128  # names are indexed: PostgreSQL refuses an index entry of more than 2.7 KB
_KEPT_DETAIL = 500

_OWN_PREFIX = f"{TOPIC_ROOT.partition('/')[0]}/"


class Decoded(msgspec.Struct, gc=False):
    """What became of one message. ``site_no`` is the site its topic names, 0 = none that is known; ``own`` says that it
    is one of our own topics, whose channel belongs to one lane as a whole.

    Nothing at all in it: a message that a maker's profile says to ignore.
    """

    observations: list[Observation]
    rejected: list[Rejected]
    site_no: int
    own: bool = True


class _Spoken(NamedTuple):
    """What is said on a channel."""

    channel: Channel
    decode: Callable[[bytes], Any]
    observe: Observe


#: By the name of the channel in a topic.
_SPOKEN = {
    channel.value.encode(): _Spoken(channel, MESSAGE_DECODERS[channel].decode, observe)
    for channel, observe in OBSERVE.items()
}


class _Stranger(msgspec.Struct, frozen=True, gc=False):
    """Who is named by a topic and not registered. It may still be a gateway."""

    site_no: int
    site_id: str
    device_id: str


class Decoder:
    """Decodes messages against one state of the registry; not for use by several threads at once."""

    def __init__(
        self,
        registry: Registry,
        profiles: ProfileSet,
        *,
        future_s: float = DEFAULT_FUTURE_S,
        max_age_s: float = DEFAULT_MAX_AGE_S,
        max_payload: int = DEFAULT_MAX_PAYLOAD,
    ) -> None:
        self._registry = registry
        self._profiles = profiles
        self._limits = Limits(timedelta(seconds=future_s), timedelta(seconds=max_age_s))
        self._max_payload = max_payload
        #: Who spoke, by the topic without its channel: one entry a device, whatever it says.
        self._speakers: dict[bytes, RegisteredDevice] = {}

    @property
    def registry(self) -> Registry:
        return self._registry

    def use(self, registry: Registry) -> None:
        """Go on with a newly loaded registry."""
        self._registry = registry
        self._speakers.clear()

    def decode(self, topic: str | bytes, payload: bytes, received_at: datetime) -> Decoded:
        """Decode one message; see the module's docstring. ``received_at`` is aware UTC."""
        place, _, name = (topic if isinstance(topic, bytes) else topic.encode(errors="replace")).rpartition(b"/")
        speaker: RegisteredDevice | _Stranger | None = self._speakers.get(place)
        spoken = _SPOKEN.get(name)
        if speaker is None or spoken is None:
            try:
                found = self._find(topic, place)
            except PayloadError as error:
                return self._refuse_topic(topic, payload, received_at, error)
            if isinstance(found, ForeignRoute):
                return self._decode_foreign(found, topic, payload, received_at)
            speaker, spoken = found
        device = speaker if isinstance(speaker, RegisteredDevice) else None
        try:
            if not payload:
                raise PayloadError(Reason.EMPTY_PAYLOAD, "payload: expected a JSON object, got nothing")
            if len(payload) > self._max_payload:
                raise self._too_large(payload)
            if device is None and b'"batch"' not in payload:
                raise PayloadError(Reason.UNKNOWN_DEVICE, f"device {speaker.device_id}: not registered at this site")
            message: Message = spoken.decode(payload)
            if message.batch is not UNSET and bytes(message.batch) != b"null":
                return self._decode_batch(speaker, spoken, message, topic, received_at)
            if device is None:
                raise PayloadError(Reason.UNKNOWN_DEVICE, f"device {speaker.device_id}: not registered at this site")
            return Decoded([spoken.observe(device, message, received_at, self._limits)], [], speaker.site_no)
        except Exception as error:
            rejected = _reject(
                topic,
                speaker.site_id,
                speaker.device_id,
                spoken.channel,
                payload,
                received_at,
                _fault(error, payload),
                device_no=0 if device is None else device.device_no,
            )
            return Decoded([], [rejected], speaker.site_no)

    def _find(self, topic: str | bytes, place: bytes) -> tuple[RegisteredDevice | _Stranger, _Spoken] | ForeignRoute:
        """Who speaks on ``topic``, and what. ``place``: the topic without its channel.

        :raises PayloadError: the topic is no topic of ours nor of a profile, or its site is not registered.
        """
        text = topic_text(topic)
        if not text.startswith(_OWN_PREFIX):
            foreign = self._profiles.route(text)
            if foreign is None:
                parse_topic(text)  # raises, with what was expected
                raise PayloadError(Reason.BAD_TOPIC, "topic: not ours and of no profile")
            return foreign
        parsed = parse_topic(text)
        spoken = _SPOKEN.get(parsed.channel.encode())
        if spoken is None:
            raise PayloadError(Reason.BAD_TOPIC, f"channel: {parsed.channel} is sent to devices, never by them")
        device = self._registry.device(parsed.site_id, parsed.device_id)
        if device is not None:  # strangers must not fill the memory
            self._speakers[place] = device
            return device, spoken
        site_no = self._registry.site_no(parsed.site_id)
        if site_no is None:
            raise PayloadError(Reason.UNKNOWN_SITE, f"site {parsed.site_id}: not registered")
        return _Stranger(site_no, parsed.site_id, parsed.device_id), spoken

    def _decode_batch(
        self,
        gateway: RegisteredDevice | _Stranger,
        spoken: _Spoken,
        message: Message,
        topic: str | bytes,
        received_at: datetime,
    ) -> Decoded:
        """The gateway itself need not be registered: a known device's alarm counts, whoever carries it.

        :raises PayloadError: the batch as a whole is wrong.
        """
        if message.v is not None and message.v != FORMAT_VERSION:
            raise bad_version(message.v)
        assert message.batch is not UNSET
        try:
            entries = BATCH_DECODER.decode(message.batch)
        except msgspec.ValidationError as error:
            raise PayloadError(Reason.BAD_FIELD, f"batch: expected a list of objects: {error}") from error
        if not 1 <= len(entries) <= MAX_BATCH:
            raise PayloadError(Reason.BAD_FIELD, f"batch: expected 1 to {MAX_BATCH} entries, got {len(entries)}")
        decode = ENTRY_DECODERS[spoken.channel].decode
        decoded = Decoded([], [], gateway.site_no)
        for place, raw in enumerate(entries):
            device_id = ""
            device: RegisteredDevice | None = None
            try:
                entry = decode(raw)
                device_id = entry.device
                device = self._registry.device(gateway.site_id, device_id)
                if device is None:
                    raise _unknown_entry(device_id)
                decoded.observations.append(spoken.observe(device, entry, received_at, self._limits))
            except Exception as error:
                fault = _fault(error, raw)
                if not device_id:
                    device_id = _device_of(raw)
                    device = self._registry.device(gateway.site_id, device_id)
                    if DEVICE_ID.fullmatch(device_id) and device is None:
                        fault = _unknown_entry(device_id)  # as for a single message: who comes before what
                fault = PayloadError(fault.reason, f"batch[{place}].{fault.detail}", said_at=fault.said_at)
                # Kept as a batch of one on the same topic, so that it can be replayed as it is.
                payload = b'{"batch":[' + bytes(raw) + b"]}"
                decoded.rejected.append(
                    _reject(
                        topic,
                        gateway.site_id,
                        device_id,
                        spoken.channel,
                        payload,
                        received_at,
                        fault,
                        device_no=0 if device is None else device.device_no,
                    )
                )
        return decoded

    def _decode_foreign(
        self, route: ForeignRoute, topic: str | bytes, payload: bytes, received_at: datetime
    ) -> Decoded:
        """A message in a maker's own format. What its profile does not know is left alone."""
        if route.ignored:
            return Decoded([], [], 0, own=False)
        site_no = 0 if route.site_id is None else self._registry.site_no(route.site_id) or 0
        site_id, device_id, device_no = route.site_id or "", route.address, 0
        try:
            if not payload:
                raise PayloadError(Reason.EMPTY_PAYLOAD, "payload: expected a message, got nothing")
            if len(payload) > self._max_payload:
                raise self._too_large(payload)
            if route.site_id is not None and not site_no:
                raise PayloadError(Reason.UNKNOWN_SITE, f"site {route.site_id}: not registered")
            device = self._resolve(route)
            site_no, site_id = device.site_no, device.site_id
            device_id, device_no = device.device_id, device.device_no
            observations, faults = route.translate(device, payload, received_at, self._limits)
        except Exception as error:
            observations, faults = [], [_fault(error, payload)]
        name = route.profile
        rejected = [
            _reject(topic, site_id, device_id, name, payload, received_at, fault, device_no=device_no)
            for fault in faults
        ]
        return Decoded(observations, rejected, site_no, own=False)

    def _resolve(self, route: ForeignRoute) -> RegisteredDevice:
        found = self._registry.by_address(route.profile, route.address, route.site_id)
        if not found:
            raise PayloadError(
                Reason.UNKNOWN_DEVICE, f"address {route.address}: no device of profile {route.profile} has it"
            )
        if len(found) > 1:
            sites = ", ".join(sorted(device.site_id for device in found)[:5])
            raise PayloadError(
                Reason.UNKNOWN_DEVICE,
                f"address {route.address}: several sites have it ({sites}); the topic has to name the site",
            )
        return found[0]

    def _refuse_topic(self, topic: str | bytes, payload: bytes, received_at: datetime, error: PayloadError) -> Decoded:
        """As much of the topic as can be told is told: an alarm that nobody can place is still an alarm."""
        text = topic if isinstance(topic, str) else topic.decode(errors="replace")
        parts = text.split("/")
        site_id = device_id = channel = ""
        if len(parts) == 5 and text.startswith(_OWN_PREFIX):
            _, _, site_id, device_id, channel = parts
        rejected = _reject(topic, site_id, device_id, channel, payload, received_at, error)
        return Decoded([], [rejected], self._registry.site_no(site_id) or 0)

    def _too_large(self, payload: bytes) -> PayloadError:
        return PayloadError(
            Reason.TOO_LARGE, f"payload: expected at most {self._max_payload} bytes, got {len(payload)}"
        )


def _unknown_entry(device_id: str) -> PayloadError:
    if DEVICE_ID.fullmatch(device_id) is None:
        return PayloadError(Reason.BAD_FIELD, "device: expected 1 to 64 of A-Z a-z 0-9 _ . -")
    return PayloadError(Reason.UNKNOWN_DEVICE, f"device {device_id}: not registered at this site")


class _DeviceProbe(msgspec.Struct, gc=False):
    device: str = ""


_DEVICE_DECODER = msgspec.json.Decoder(_DeviceProbe)


def _device_of(entry: Raw) -> str:
    """The device that a broken entry of a batch names, "" where it names none."""
    try:
        return _DEVICE_DECODER.decode(entry).device
    except Exception:
        return ""


def _fault(error: Exception, payload: bytes | Raw) -> PayloadError:
    """Any error as one of ours. A newer version of the format comes before whatever else is wrong."""
    if isinstance(error, PayloadError):
        return error
    if isinstance(error, msgspec.ValidationError):
        return _newer_version(payload) or _bad_field(str(error))
    if isinstance(error, RecursionError):
        return PayloadError(Reason.BAD_JSON, "payload: nested too deeply")
    if isinstance(error, msgspec.DecodeError | UnicodeError):
        return PayloadError(Reason.BAD_JSON, f"payload: expected JSON in UTF-8: {error}")
    return PayloadError(Reason.BAD_FIELD, f"payload: cannot be read ({type(error).__name__})")


def _newer_version(payload: bytes | Raw) -> PayloadError | None:
    try:
        version = VERSION_DECODER.decode(payload).v
    except Exception:
        return None
    if version is UNSET or (text := bytes(version)) in (b"null", str(FORMAT_VERSION).encode()):
        return None
    return bad_version(text.decode(errors="replace"))


def _bad_field(message: str) -> PayloadError:
    """msgspec's message, such as "Expected `str`, got `int` - at `$.id`", in our words."""
    text, _, place = message.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    if text.startswith("Object missing required field `"):
        place = text.split("`")[1]
        text = "missing"
    if not place:
        return PayloadError(Reason.BAD_FIELD, f"payload: {text[:1].lower()}{text[1:].replace('`', '')}")
    expected = EXPECTED.get(place.split("[")[0].split(".")[0])
    if expected is None:
        return PayloadError(Reason.BAD_FIELD, f"{place}: {text}")
    _, got, kind = text.partition(", got ")
    found = f", got {kind}" if got else f" ({text})"
    return PayloadError(Reason.BAD_FIELD, f"{place}: expected {expected}{found}".replace("`", ""))


def _reject(
    topic: str | bytes,
    site_id: str,
    device_id: str,
    channel: str,
    payload: bytes,
    received_at: datetime,
    fault: PayloadError,
    *,
    device_no: int = 0,
) -> Rejected:
    return Rejected(
        received_at=received_at,
        topic=_storable(topic if isinstance(topic, str) else topic.decode(errors="replace"), _KEPT_TOPIC),
        site_id=_storable(site_id, _KEPT_NAME),
        device_id=_storable(device_id, _KEPT_NAME),
        channel=_storable(channel, _KEPT_NAME),
        reason=Reason(fault.reason),
        detail=_storable(fault.detail, _KEPT_DETAIL),
        payload=bytes(payload[:KEPT_PAYLOAD]),
        size=len(payload),
        device_no=device_no,
        said_at=fault.said_at,
    )


def _storable(text: str, length: int) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogate, not without end."""
    return text[:length].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
