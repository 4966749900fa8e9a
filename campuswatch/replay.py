"""Replay of the quarantine, put together: today's registry and profiles, the lanes' decoder, the doubts' findings."""

from __future__ import annotations

from campuswatch.roles.registry import lane_decoder
from campuswatch.settings import Settings
from detectors.rules.doubtful_alarm import replayed_alarm
from devices.profiles.loading import load_profiles
from devices.registry import load_registry
from domain.finding import Finding
from domain.observation import Alarm
from domain.quarantine import Reason
from ingest.replay import Replay
from storage.pool import Connection
from storage.quarantine import Held


async def open_replay(conn: Connection, settings: Settings) -> Replay:
    """:raises ProfileError: a profile is wrong; nothing can be replayed by it."""
    decoder = lane_decoder(settings, load_profiles(settings.ingest.profiles))
    decoder.use(await load_registry(conn))
    return Replay(decoder, note_alarm=_note)


def _note(alarm: Alarm, held: Held) -> Finding:
    """Under the key that the doubt got when the message came: then its device, or its site, may not have been known."""
    known_site = held.reason is not Reason.UNKNOWN_SITE
    known_device = known_site and held.reason is not Reason.UNKNOWN_DEVICE
    return replayed_alarm(
        alarm,
        site_id=alarm.device.site_id if known_site else "",
        device_id=alarm.device.device_id if known_device else "",
    )
