"""One-shot use of the simulators: publish an alarm, give a running fleet an order.

A press goes straight to the broker, so it works without a fleet; what lasts (silence, heat, smoke) is the fleet's,
and is ordered from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import msgspec

from simulators.broker import BrokerAddress
from simulators.errors import NoFleet, OrderRefused, SimulatorError
from simulators.message import Message
from simulators.orders import CONTROL_TOPIC, REPLY_TOPIC, Op, Order, Reply
from simulators.uplink import OnMessage, Uplink

ACKNOWLEDGED_WITHIN_S = 5.0
REPLY_WITHIN_S = 3.0
ANSWER_WITHIN_S = 1.0


async def publish(broker: BrokerAddress, messages: list[Message]) -> None:
    """Publish and wait until the broker has acknowledged each.

    :raises BrokerUnreachable: no broker there. :raises SimulatorError: it did not acknowledge in time.
    """
    async with _connected(broker) as link:
        for message in messages:
            link.offer(message.topic, message.payload, urgent=message.urgent)
        if not await link.drain(ACKNOWLEDGED_WITHIN_S):
            raise SimulatorError(f"the broker at {broker} did not acknowledge within {ACKNOWLEDGED_WITHIN_S:g} s")


async def give_order(broker: BrokerAddress, order: Order, *, reply_within_s: float = REPLY_WITHIN_S) -> str:
    """Have a running fleet carry out ``order``; what it says it did.

    :raises NoFleet: nobody answered. :raises OrderRefused: the fleet refused, with its reason.
    """
    named = msgspec.structs.replace(order, id=order.id or uuid4().hex)
    replies: asyncio.Queue[Reply] = asyncio.Queue(maxsize=8)

    def on_message(_: str, payload: bytes) -> None:
        if not replies.full():
            replies.put_nowait(msgspec.json.decode(payload, type=Reply))

    async with _connected(broker, f"{REPLY_TOPIC}/{named.id}", on_message) as link:
        # One connection's packets are handled in order, so the subscription stands before the order arrives.
        link.offer(CONTROL_TOPIC, msgspec.json.encode(named))
        try:
            async with asyncio.timeout(reply_within_s):
                reply = await replies.get()
        except TimeoutError as error:
            raise NoFleet(
                f"no simulated fleet answers at {broker}; start one with: campuswatch sim fleet "
                f"--mqtt-url mqtt://{broker}"
            ) from error
    if not reply.ok:
        raise OrderRefused(reply.detail)
    return reply.detail


async def fleet_answers(broker: BrokerAddress) -> bool:
    """Is a fleet running there? It is asked for something that it cannot do.

    :raises BrokerUnreachable: no broker there.
    """
    nonsense = Order(op=Op.STATE, site="?", state={"asked": "whether you are there"})
    try:
        await give_order(broker, nonsense, reply_within_s=ANSWER_WITHIN_S)
    except OrderRefused:
        return True
    except NoFleet:
        return False
    return True


@asynccontextmanager
async def _connected(
    broker: BrokerAddress, subscribe: str = "", on_message: OnMessage | None = None
) -> AsyncIterator[Uplink]:
    link = Uplink(broker, f"campus-sim-{uuid4().hex[:12]}", subscribe=subscribe, on_message=on_message)
    running = asyncio.create_task(link.run(), name=link.client_id)
    up = asyncio.create_task(link.connected.wait(), name=f"{link.client_id}-up")
    try:
        await asyncio.wait([running, up], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield link
    finally:
        for task in (up, running):
            task.cancel()
        await asyncio.gather(up, running, return_exceptions=True)
