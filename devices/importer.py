"""Import of sites and devices from CSV and XLSX files, all or nothing; nothing that a file leaves out is removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from devices.profiles.loading import load_profiles
from devices.rows import Known, plan_import
from devices.tables import read_tables
from domain.device import Device
from domain.errors import ImportRefused
from domain.site import Site
from storage.devices import list_devices, upsert_devices
from storage.pool import Connection
from storage.registry import Changes
from storage.sites import list_sites, upsert_sites

__all__ = ["Changes", "ImportReport", "import_district", "import_file"]


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do. ``ignored`` are sheets and columns that nothing is known about."""

    sites: Changes
    devices: Changes
    ignored: list[str]
    dry_run: bool


class _DryRun(Exception):
    """Leaves the transaction without committing it."""


async def import_file(
    conn: Connection,
    path: Path,
    *,
    actor: str,
    at: datetime,
    dry_run: bool = False,
    language: str = "zh",
    profiles: Iterable[str] | None = None,
) -> ImportReport:
    """Import a file. A dry run does all of it, constraints of the database included, and takes it back.

    A column that the file does not have leaves the value of a registered device alone; an empty cell empties it.

    :param profiles: names of the makers' profiles in use; None = the shipped ones.
    :raises ImportRefused: the file cannot be read, or rows are bad: then the message has a line for each fault.
    """
    tables = read_tables(path)
    names = tuple(load_profiles().names if profiles is None else profiles)
    report: ImportReport | None = None
    try:
        async with conn.transaction():
            sites = {row.site.site_id: row.site for row in await list_sites(conn, limit=None)}
            devices = {(device.site_id, device.device_id): device for device in await list_devices(conn, limit=None)}
            plan = plan_import(tables, Known(sites, devices, names))
            if plan.faults:
                raise ImportRefused("\n".join(fault.text(language) for fault in plan.faults))
            if not plan.tables:
                raise ImportRefused(
                    f"{path.name}: 没有可识别的表头 / no headings found (学校编号 site_id, 设备编号 device_id, ...)"
                )
            report = ImportReport(
                sites=await upsert_sites(conn, plan.sites, actor=actor, at=at),
                devices=await upsert_devices(conn, plan.devices, actor=actor, at=at),
                ignored=plan.ignored,
                dry_run=dry_run,
            )
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    assert report is not None
    return report


async def import_district(
    conn: Connection,
    sites: Iterable[Site],
    devices: Iterable[Device],
    *,
    actor: str = "district",
    at: datetime | None = None,
) -> tuple[Changes, Changes]:
    """Load a whole district at once; the same again changes nothing.

    :raises RegistryError: the data contradict themselves; nothing was changed.
    """
    at = at or datetime.now(UTC)
    async with conn.transaction():
        return (
            await upsert_sites(conn, sites, actor=actor, at=at),
            await upsert_devices(conn, devices, actor=actor, at=at),
        )
