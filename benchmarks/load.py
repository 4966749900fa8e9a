"""The simulators themselves: how many connections one process holds, and how many messages it gets acknowledged.

`campuswatch sim load` against a Mosquitto that refuses nothing, as a customer would start it. In the same minute the
same messages go through `mosquitto_pub -l` and through paho's loop, each over one connection.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.sheet import Plan, Sheet
from simulators.district import build_district
from simulators.load_plan import LoadSummary
from simulators.open_files import room
from simulators.traffic import Traffic
from tests.servers import Mosquitto, open_directory

Message = tuple[str, bytes]
Publish = Callable[[str, Sequence[Message]], float]

#: Required.
CONNECTIONS, RATE = 20_000, 10_000.0
HELD_S, QUICK_HELD_S = 30.0, 3.0
RATE_S, QUICK_RATE_S = 10.0, 2.0
BASELINE, QUICK_BASELINE = 50_000, 5_000
#: While 20,000 connections are held each says something every 30 s.
HOLDING_RATE = CONNECTIONS / 30.0
WINDOW = 500
OTHER_FILES = 16


def measure(plan: Plan) -> Sheet:
    sheet = Sheet(
        columns=("who", "connections", "asked /s", "acknowledged /s", "p50 ms", "p99 ms", "% of a core", "MB")
    )
    held_s, rate_s, count = (QUICK_HELD_S, QUICK_RATE_S, QUICK_BASELINE) if plan.quick else (HELD_S, RATE_S, BASELINE)
    # The process that holds them has some other files open than this one.
    wanted = 200 if plan.quick else min(CONNECTIONS, room() - OTHER_FILES)
    with open_directory() as directory:
        broker = Mosquitto(directory)
        broker.start()
        try:
            _load(sheet, "holding connections", broker.url, directory, wanted, HOLDING_RATE, held_s)
            _load(sheet, "10,000 a second", broker.url, directory, 8, RATE, rate_s)
            _load(sheet, "as fast as possible", broker.url, directory, 8, 0.0, rate_s)
            _baseline(sheet, "mosquitto_pub -l", _mosquitto_pub, broker.url, count)
            _baseline(sheet, "paho's loop", _paho, broker.url, count)
        finally:
            broker.stop()
    if wanted < CONNECTIONS and not plan.quick:
        sheet.notes.append(
            f"{wanted:,} connections instead of {CONNECTIONS:,}: a process here may open no more files (`ulimit -Hn`)"
        )
    sheet.notes.append(f"Required: {CONNECTIONS:,} connections held, {RATE:,.0f} messages a second acknowledged")
    return sheet


def _load(sheet: Sheet, who: str, url: str, directory: Path, connections: int, rate: float, seconds: float) -> None:
    file = directory / "load.json"
    began = time.monotonic()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "campuswatch", "sim", "load", "--mqtt-url", url, "--json", str(file)),
            *("--connections", str(connections), "--rate", str(rate), "--duration", str(seconds)),
            *("--window", str(WINDOW), "--wait", "30"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    memory_mb = 0.0
    while process.poll() is None:
        memory_mb = max(memory_mb, _resident_mb(process.pid))
        time.sleep(0.2)
    if not file.exists():
        sheet.faults.append(f"{who}: `campuswatch sim load` ended with {process.returncode} and without a summary")
        return
    summary = msgspec.json.decode(file.read_bytes(), type=LoadSummary)
    file.unlink()
    puback = summary.puback
    sheet.rows.append(
        (
            who,
            *(summary.connections, summary.asked_per_s, summary.acknowledged_per_s),
            *(puback.p50_ms, puback.p99_ms, summary.cpu_pct, memory_mb),
        )
    )
    sheet.figures[who] = {
        **json.loads(msgspec.json.encode(summary)),
        "memory_mb": memory_mb,
        "connected_within_s": time.monotonic() - began - summary.elapsed_s,
    }
    click.echo(f"  {who}: {summary.acknowledged_per_s:,.0f}/s over {summary.connections:,} connections")
    if process.returncode or not summary.complete:
        sheet.faults.append(f"{who}: {summary.in_flight} not acknowledged, {summary.reconnects} reconnects")
    if summary.asked_per_s and summary.acknowledged_per_s < 0.9 * summary.asked_per_s:
        sheet.faults.append(f"{who}: {summary.acknowledged_per_s:,.0f} of {summary.asked_per_s:,.0f} a second")


def _baseline(sheet: Sheet, who: str, publish: Publish, url: str, count: int) -> None:
    """``publish`` answers with its CPU seconds and returns when the broker has acknowledged the last message."""
    traffic = Traffic(build_district().devices)
    now_s = time.time()
    messages = [traffic.next(now_s + number / count)[1:] for number in range(count)]
    began = time.monotonic()
    cpu_s = publish(url, messages)
    took_s = time.monotonic() - began
    sheet.rows.append((who, 1, 0, count / took_s, "", "", 100 * cpu_s / took_s, ""))
    sheet.figures[who] = {"messages": count, "acknowledged_per_s": count / took_s, "cpu_pct": 100 * cpu_s / took_s}
    click.echo(f"  {who}: {count / took_s:,.0f}/s")


def _mosquitto_pub(url: str, messages: Sequence[Message]) -> float:
    """One topic, because it knows no more."""
    before = os.times()
    subprocess.run(
        ["mosquitto_pub", "-p", str(urlsplit(url).port), "-q", "1", "-l", "-t", messages[0][0]],
        input=b"\n".join(payload for _, payload in messages),
        check=True,
        timeout=600,
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _paho(url: str, messages: Sequence[Message]) -> float:
    client = Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(WINDOW)
    done, left = threading.Event(), len(messages)

    def published(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    client.on_publish = published
    client.connect("127.0.0.1", urlsplit(url).port or 1883)
    client.loop_start()
    began_s = time.process_time()
    for topic, payload in messages:
        client.publish(topic, payload, qos=1)
    if not done.wait(600):
        raise RuntimeError("paho was not acknowledged")
    client.disconnect()
    client.loop_stop()
    return time.process_time() - began_s


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
