"""Proofs that a one-key alarm reaches police and education: the newest alarm of each that they have receipted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.site_facts import LinkProof
from storage.instants import utc
from storage.pool import Connection

#: A transaction that took its time earlier may commit later: so far back is looked again.
_LATE = timedelta(hours=1)


async def gather_proofs(conn: Connection) -> list[int]:
    """Take receipts that came since the last call into the proofs; the devices whose proofs are new or newer.

    The time is ours, when the receipt was written down: the other side's clock proves nothing.
    """
    cursor = await conn.execute(
        "INSERT INTO link_proof AS old (device_no, link_id, proved_at, receipt_id, test, incident_id)"
        " SELECT DISTINCT ON (i.device_no, d.recipient)"
        "  i.device_no, d.recipient, d.sent_at, d.receipt_id, i.test, i.incident_id"
        " FROM delivery AS d JOIN incident AS i USING (incident_id)"
        " WHERE d.channel = 'webhook' AND d.notice = 'raised' AND d.receipt_id IS NOT NULL"
        " AND i.rule = 'one_key_alarm' AND i.device_no IS NOT NULL"
        " AND d.sent_at > (SELECT coalesce(max(proved_at), '-infinity') FROM link_proof WHERE incident_id IS NOT NULL)"
        "  - %s::interval"
        " ORDER BY i.device_no, d.recipient, d.sent_at DESC"
        " ON CONFLICT (device_no, link_id) DO UPDATE SET proved_at = excluded.proved_at,"
        " receipt_id = excluded.receipt_id, test = excluded.test, incident_id = excluded.incident_id"
        " WHERE old.proved_at < excluded.proved_at RETURNING device_no",
        (_LATE,),
    )
    return [device_no for (device_no,) in await cursor.fetchall()]


async def load_proofs(conn: Connection, site_nos: Sequence[int] | None = None) -> dict[int, tuple[LinkProof, ...]]:
    """By device_no, of all sites or of some."""
    cursor = await conn.execute(
        "SELECT p.device_no, p.link_id, p.proved_at, p.receipt_id, p.test FROM link_proof AS p"
        " JOIN device AS d USING (device_no) WHERE %(sites)s::integer[] IS NULL OR d.site_no = ANY(%(sites)s)"
        " ORDER BY p.device_no, p.link_id",
        {"sites": None if site_nos is None else list(site_nos)},
    )
    found: dict[int, list[LinkProof]] = {}
    for device_no, link_id, proved_at, receipt_id, test in await cursor.fetchall():
        proof = LinkProof(link_id=link_id, proved_at=utc(proved_at), receipt_id=receipt_id, test=test)
        found.setdefault(device_no, []).append(proof)
    return {device_no: tuple(proofs) for device_no, proofs in found.items()}


async def accept_links(
    conn: Connection, link_ids: Sequence[str], proved_at: datetime, *, site_ids: Sequence[str] | None = None
) -> int:
    """Write down that every one-key alarm without a proof was tested over each of ``link_ids`` when it was taken into
    service, a little before ``proved_at`` each; how many proofs that makes. A simulated district begins so.
    """
    cursor = await conn.execute(
        "INSERT INTO link_proof (device_no, link_id, proved_at, receipt_id)"
        " SELECT d.device_no, l.link_id, %(at)s::timestamptz - make_interval(mins => d.device_no %% 600), 'acceptance'"
        " FROM device AS d JOIN site AS s USING (site_no), unnest(%(links)s::text[]) AS l (link_id)"
        " WHERE d.kind = 'one_key_alarm' AND d.retired_at IS NULL"
        " AND (%(sites)s::text[] IS NULL OR s.site_id = ANY(%(sites)s))"
        " ON CONFLICT DO NOTHING",
        {"at": proved_at, "links": list(link_ids), "sites": None if site_ids is None else list(site_ids)},
    )
    return cursor.rowcount
