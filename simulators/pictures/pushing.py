"""Simulated cameras that push their pictures over MQTT, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from domain.clock import SystemClock
from simulators.broker import BrokerAddress
from simulators.pictures.served import ServedCameras


async def push_pictures(served: ServedCameras, broker: BrokerAddress, keys: Sequence[str], *, every_s: float) -> None:
    """Each of ``keys`` (``site/device``) every ``every_s``, until cancelled. A camera that hangs says nothing."""
    if not keys:
        return
    clock = SystemClock()
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"campus-sim-cameras-{uuid4().hex[:8]}")
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set_context(broker.tls_context())
    client.reconnect_delay_set(1, 10)
    client.connect_async(broker.at or broker.host, broker.port)
    client.loop_start()
    try:
        while True:
            for key in keys:
                if client.is_connected() and served.mode(key) != "hang":
                    jpeg = await asyncio.to_thread(served.picture, key, clock.now())
                    client.publish(f"campus/v1/{key}/picture", jpeg, qos=0)
                await asyncio.sleep(every_s / len(keys))
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
