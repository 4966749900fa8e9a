"""One import of the registry in a process of its own: ``python -m campuswatch.import_process``.

A workbook of twenty thousand devices is seconds of reading, in which the wall must not stand still. The order comes as
one line on standard input, what came of it goes to standard output. The file is all or nothing, so that a process that
is ended half way has changed nothing.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from campuswatch.import_order import Order, Outcome, Sheet, Wrong
from devices.profiles.loading import load_profiles
from devices.records import Fault
from devices.register.importer import RegisterReport, import_register
from domain.errors import CampuswatchError, ImportRefused
from storage.audit_trail import asked_from
from storage.pool import connect, wrapped_errors

_NICE = 10
#: Faults that are handed back one by one; all are counted.
LISTED = 500
_MOST_ORDER = 65_536
#: Twenty thousand devices take a tenth of it. A file that would take more is refused, before this machine, on which
#: alarms may be handled, has no memory left.
MOST_MEMORY_BYTES = 2 << 30


async def imported(order: Order) -> Outcome:
    asked_from.set(order.origin)
    try:
        async with await connect(order.dsn, name="import") as conn, wrapped_errors():
            report = await import_register(
                conn,
                Path(order.file),
                actor=order.actor,
                at=order.at,
                zone=ZoneInfo(order.zone),
                dry_run=order.dry_run,
                profiles=load_profiles(None if order.profiles is None else Path(order.profiles)).names,
            )
    except ImportRefused as refused:
        return _refused(refused)
    except CampuswatchError as error:
        return Outcome(error=str(error))
    return _done(report)


def _done(report: RegisterReport) -> Outcome:
    return Outcome(
        sheets=[
            Sheet(zh=name.zh, en=name.en, added=one.added, changed=one.changed, unchanged=one.unchanged)
            for name, one in report.changes.items()
        ],
        ignored=report.ignored,
    )


def _refused(refused: ImportRefused) -> Outcome:
    faults = [one for one in refused.faults if isinstance(one, Fault)]
    if not faults:
        text = str(refused)
        return Outcome(faults=1, wrong=[Wrong(sheet="", line=0, column="", zh=text, en=text)])
    return Outcome(
        faults=len(faults),
        wrong=[
            Wrong(sheet=one.sheet, line=one.line, column=one.column, zh=one.why.zh, en=one.why.en)
            for one in faults[:LISTED]
        ],
    )


def main() -> None:
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    order = msgspec.json.decode(sys.stdin.buffer.readline(_MOST_ORDER), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(imported(order))))


if __name__ == "__main__":
    main()
