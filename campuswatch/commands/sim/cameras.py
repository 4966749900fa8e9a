"""``campuswatch sim cameras``: pictures of simulated cameras over HTTP, RTSP and MQTT."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from importlib.util import find_spec

import click

from campuswatch.commands.sim.options import broker_options, plain_errors
from simulators.broker import BrokerAddress


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8093, show_default=True, help="Of snapshots over HTTP.")
@click.option("--stream-port", type=click.IntRange(0, 65_535), default=8554, show_default=True, help="Of RTSP.")
@click.option("--push", multiple=True, metavar="SITE/DEVICE", help="A camera that pushes over MQTT; several times.")
@click.option(
    "--every", "every_s", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Push, seconds."
)
@click.option(
    "--faulty",
    multiple=True,
    metavar="SITE/DEVICE=MODE",
    help="A camera with a fault, or one that misbehaves; several.",
)
@plain_errors
@broker_options
def cameras(
    broker: BrokerAddress, port: int, stream_port: int, push: tuple[str, ...], every_s: float, faulty: tuple[str, ...]
) -> None:
    """Be the cameras of any site: a picture is drawn for whoever asks, with day, weather and people.

    \b
      http://127.0.0.1:8093/s001/s001-cam-01.jpg     a snapshot
      rtsp://127.0.0.1:8554/s001/s001-cam-01         a stream
      campus/v1/s001/s001-cam-08/picture             what --push s001/s001-cam-08 sends
      POST http://127.0.0.1:8093/behaviour           make one faulty:

    \b
      curl -X POST 127.0.0.1:8093/behaviour -d '{"camera":"s001/s001-cam-01","mode":"covered","strength":1}'

    Modes: ok, hang, garbage, refuse, error, huge, cut, and the faults no_signal, black, overexposed, stripes, snow,
    noise, covered, blurred, moved, colour_cast, frozen (docs/patrol.md). Needs the extra `patrol`.
    """
    if find_spec("cv2") is None:
        raise click.ClickException("pictures need OpenCV: pip install 'campuswatch[patrol]'")
    from aiohttp import web

    from simulators.pictures.pushing import push_pictures
    from simulators.pictures.served import Behaviour, ServedCameras
    from simulators.pictures.streamed import StreamedCameras

    served = ServedCameras()
    for one in faulty:
        camera, _, mode = one.partition("=")
        try:
            served.behave(Behaviour(camera=camera, mode=mode))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--faulty") from error

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            runner = web.AppRunner(served.application(), access_log=None, shutdown_timeout=0.2)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", port).start()
            streams = await stack.enter_async_context(StreamedCameras(served, port=stream_port))
            click.echo(f"cameras: http://127.0.0.1:{runner.addresses[0][1]} rtsp://127.0.0.1:{streams.port}", err=True)
            pushing = asyncio.create_task(push_pictures(served, broker, push, every_s=every_s), name="push")
            try:
                await stop.wait()
            finally:
                pushing.cancel()
                await asyncio.gather(pushing, return_exceptions=True)

    asyncio.run(run())
