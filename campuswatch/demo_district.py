"""What a demo's database holds before the roles start: schema, the simulated district, somebody on duty."""

from __future__ import annotations

from datetime import timedelta

from campuswatch.simulated_register import import_simulated_register, plan_shifts
from domain.clock import SystemClock
from storage.duty import replace_district_shift
from storage.link_proofs import accept_links
from storage.migrations import migrate
from storage.pool import connect, wrapped_errors
from storage.sites import load_site_numbers

#: So long ago each simulated one-key alarm was tested over both links, and receipted.
_ACCEPTED = timedelta(days=10)
#: The leader has been on duty for so long when the district first starts: the calendar of this week has no gap.
_ON_DUTY_SINCE = timedelta(days=7)
#: Planned anew at each start.
_SHIFTS_AHEAD = timedelta(days=14)


async def prepare(dsn: str, *, sites: int, seed: int, phone: str) -> None:
    """Migrate; with ``sites`` > 0 import the simulated ones; with a ``phone`` (Apprise URL) put a leader on duty."""
    await migrate(dsn)
    if not sites:
        return
    from devices.importer import import_district
    from simulators.district import build_district

    district = build_district(seed, sites)
    now = SystemClock().now()
    conn = await connect(dsn, name="demo")
    try:
        async with wrapped_errors():
            # What is there already may have been changed by hand: it is left alone.
            known = await load_site_numbers(conn)
            await import_district(
                conn,
                [site for site in district.sites if site.site_id not in known],
                [device for device in district.devices if device.site_id not in known],
                actor="demo",
            )
            await import_simulated_register(
                conn,
                [site for site in district.sites if site.site_id not in known],
                district.devices,
                seed=seed,
                actor="demo",
                at=now,
                contacts=[phone] if phone else [],
            )
            fresh = [site.site_id for site in district.sites if site.site_id not in known]
            await accept_links(conn, ["police", "education"], now - _ACCEPTED, site_ids=fresh)
            await plan_shifts(
                conn, district.sites, district.devices, seed=seed, actor="demo", at=now, ahead=_SHIFTS_AHEAD
            )
            if phone:
                async with conn.transaction():
                    await replace_district_shift(
                        conn,
                        "王主任（演示）",
                        [phone],
                        language="zh",
                        starts_at=now - _ON_DUTY_SINCE,
                        ends_at=now + timedelta(days=365),
                    )
    finally:
        await conn.close()
