"""`campuswatch demo`: everything on this machine, from the embedded servers to the simulated district."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import structlog

from campuswatch.demo_accounts import ACCOUNT, password_file, read_secret
from campuswatch.demo_cameras import camera_addresses, simulated_cameras
from campuswatch.embedded import EmbeddedBroker, EmbeddedPostgres, EmbeddedServer
from campuswatch.embedded.account import default_data_dir
from campuswatch.free_ports import FreePorts, is_free
from campuswatch.journal import open_journal
from campuswatch.secrets import kept_secret
from campuswatch.settings import Settings
from campuswatch.supervisor import Worker, watch
from domain.errors import CampuswatchError, EmbeddedError, first_error

log = structlog.get_logger("campuswatch.demo")

START_S = 60.0
ROLES = ("alarm", "bulk", "alerting", "web", "patrol")


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What was asked for on the command line."""

    settings: Settings
    settings_file: Path | None
    port: int | None
    mqtt_port: int
    data: Path | None
    sites: int
    seed: int
    simulate: bool
    duration_s: float | None
    fleet: bool = True  # its devices speak
    cameras: bool = True  # some of its cameras show something

    async def run(self) -> int:
        """Until Ctrl-C or the duration is over; the exit code."""
        open_journal(level=self.settings.log.level, form=self.settings.log.format, role="demo")
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        started: list[Worker | EmbeddedServer] = []
        ports = FreePorts()
        running = asyncio.create_task(self._start_and_watch(started, ports), name="demo")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({running, stopping}, timeout=None, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        except* _Over:
            pass
        except* CampuswatchError as group:
            # What went wrong first is what has to be mended; the rest followed from it.
            raise first_error(group) from None
        finally:
            running.cancel()
            stopping.cancel()
            await asyncio.wait({running, stopping})
            await self._stop(started)
            ports.close()
        return 0

    # -- up ---------------------------------------------------------------------------------------------------------

    async def _start_and_watch(self, started: list[Worker | EmbeddedServer], ports: FreePorts) -> None:
        began = time.monotonic()
        web_port = self.port or self.settings.web.port
        _check_free(web_port, "--port")
        data = (self.data or self.settings.data or default_data_dir()).absolute()
        servers: list[EmbeddedServer] = []
        if self.settings.database.url is None:
            postgres = EmbeddedPostgres(data / "postgresql")
            servers.append(postgres)
            dsn = postgres.dsn
        else:
            dsn = self.settings.database_url()
        if self.settings.mqtt.url is None:
            broker = EmbeddedBroker(data / "broker", port=self.mqtt_port)
            servers.append(broker)
            mqtt_url = broker.url
        else:
            mqtt_url = self.settings.mqtt_url()
        async with asyncio.TaskGroup() as tasks:
            for server in servers:
                started.append(server)
                tasks.create_task(server.start(), name=f"start {server.name}")

        receivers_port = ports.row(1, near=8090)
        metrics_port = ports.row(len(ROLES) - 1, near=self.settings.metrics.port)
        secret = kept_secret(data / "demo-link-secret")
        phone = f"json://127.0.0.1:{receivers_port}/phone" if self.simulate else ""
        environment = {
            "CAMPUSWATCH_DATA": str(data),
            "CAMPUSWATCH_DATABASE__URL": dsn,
            "CAMPUSWATCH_MQTT__URL": mqtt_url,
            "CAMPUSWATCH_MQTT__KEEPS_SESSIONS": str(self.settings.mqtt.url is not None).lower(),
            "CAMPUSWATCH_WEB__PORT": str(web_port),
            "CAMPUSWATCH_METRICS__PORT": str(metrics_port),
        }
        if self.simulate:
            for link in ("POLICE", "EDUCATION"):
                environment[f"CAMPUSWATCH_LINKS__{link}__URL"] = f"http://127.0.0.1:{receivers_port}/{link.lower()}"
                environment[f"CAMPUSWATCH_LINKS__{link}__SECRET"] = secret
        pictures = simulated_cameras(self.sites) if self.simulate and self.cameras else None
        camera_ports = ports.row(2, near=8093) if pictures else 0
        if pictures:
            environment |= pictures.environment(self.settings)
        await self._prepare(environment, phone, camera_ports)

        workers = [
            Worker(role, ["run", "--role", role], environment=environment, settings_file=self.settings_file)
            for role in ROLES
        ]
        fleet: Worker | None = None
        if self.simulate:
            workers.append(
                Worker(
                    "receivers",
                    ["sim", "receivers", "--port", str(receivers_port)],
                    environment={"CAMPUSWATCH_SIM_SECRET": secret},
                )
            )
        if self.simulate and self.fleet:
            fleet = Worker(
                "fleet",
                ["sim", "fleet", "--sites", str(self.sites), "--seed", str(self.seed), "--wait", "30"],
                environment={"CAMPUSWATCH_MQTT__URL": mqtt_url},
                output=data / "log" / "fleet.log",
            )
        if pictures:
            workers.append(
                Worker(
                    "cameras",
                    ["sim", "cameras", *pictures.arguments(camera_ports)],
                    environment={"CAMPUSWATCH_MQTT__URL": mqtt_url},
                    output=data / "log" / "cameras.log",
                )
            )
        for worker in workers:
            started.append(worker)
            await worker.start()
        async with asyncio.TaskGroup() as tasks:
            for ward in started:
                tasks.create_task(watch(ward), name=f"watch {ward.name}")
            await _answers(web_port)
            # Who speaks before the lanes listen for the first time is heard by nobody.
            for offset, lane in enumerate(("alarm", "bulk")):
                await _hears(metrics_port + offset, lane)
            if fleet is not None:
                started.append(fleet)
                await fleet.start()
                tasks.create_task(watch(fleet), name="watch fleet")
            self._say(web_port, mqtt_url, receivers_port, data, time.monotonic() - began)
            if self.duration_s is not None:
                await asyncio.sleep(self.duration_s)
                raise _Over

    async def _prepare(self, environment: dict[str, str], phone: str, camera_ports: int) -> None:
        arguments = ["prepare-demo", "--sites", str(self.sites if self.simulate else 0), "--seed", str(self.seed)]
        worker = Worker(
            "prepare",
            [*arguments, "--phone", phone, *(camera_addresses(camera_ports) if camera_ports else ())],
            environment=environment,
            settings_file=self.settings_file,
        )
        await worker.start()
        try:
            code = await worker.finished(START_S)
        finally:
            await worker.stop()
        if code != 0:
            raise EmbeddedError("the database could not be prepared; what is wrong stands above")

    def _say(self, web_port: int, mqtt_url: str, receivers_port: int, data: Path, seconds: float) -> None:
        host, port = mqtt_url.rpartition("/")[2].rsplit("@")[-1].rsplit(":", 1)
        elsewhere = "" if port == "1883" else f" --mqtt-url mqtt://{host}:{port}"
        lines = [
            "",
            f"  校园安全监控中心已就绪 / campuswatch is up ({seconds:.1f} s)",
            "",
            f"    监控大屏 wall   http://127.0.0.1:{web_port}",
            f"    登录 sign in    {_sign_in(data)}",
            f"    设备 devices    mqtt://{host}:{port}",
            f"    数据 data       {data}",
        ]
        if self.simulate:
            speak = [
                "",
                "  设备静默 / the devices are silent:",
                "",
                f"    campuswatch sim fleet --sites {self.sites} --seed {self.seed}{elsewhere}",
                f"    campuswatch sim run impatient-finger --live{elsewhere} --wall http://127.0.0.1:{web_port} \\",
                f"      --receivers http://127.0.0.1:{receivers_port}",
            ]
            lines += [
                f"    已收到 received http://127.0.0.1:{receivers_port}/received   (police, education, duty phone)",
                "",
                "  按下一键报警 / press a one-key alarm:",
                "",
                f"    mosquitto_pub -h {host} -p {port} -q 1 \\",
                '      -t campus/v1/s001/s001-btn-01/alarm -m \'{"alarm":"panic"}\'',
                "",
                f"    campuswatch sim press s001{elsewhere}     (campuswatch sim --help)",
                *([] if self.fleet else speak),
            ]
        else:
            lines += [
                "",
                "  没有模拟:请导入设备、配置联动和值班 / no simulator: import devices, configure links and duty",
            ]
        click.echo("\n".join([*lines, "", "  Ctrl-C 结束 / ends it", ""]))

    # -- down -------------------------------------------------------------------------------------------------------

    @staticmethod
    async def _stop(started: list[Worker | EmbeddedServer]) -> None:
        """Our own processes first, all at once; then the servers under them. Within five seconds."""
        workers = [ward for ward in started if isinstance(ward, Worker)]
        servers = [ward for ward in started if not isinstance(ward, Worker)]
        for group in (workers, servers):
            await asyncio.gather(*(ward.stop() for ward in group), return_exceptions=True)


def _sign_in(data: Path) -> str:
    password = read_secret(password_file(data))
    if not password:
        return "您自己的账号 / your own account (campuswatch users reset demo)"
    return f"账号 account: {ACCOUNT}  密码 password: {password}"


class _Over(Exception):
    """The duration is over."""


async def _answers(port: int) -> None:
    """Wait until the wall answers. Whoever watches the roles says why it does not."""
    await _until_said(port, "/api/v1/health", b" 200 ", f"the wall does not answer on port {port}")


async def _hears(port: int, lane: str) -> None:
    """Wait until the lane has subscribed, by its metrics."""
    connected = f'campuswatch_broker_connected{{lane="{lane}"}} 1.0'.encode()
    await _until_said(port, "/metrics", connected, f"the {lane} lane does not hear the broker")


async def _until_said(port: int, path: str, said: bytes, trouble: str) -> None:
    deadline = time.monotonic() + START_S
    request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    while time.monotonic() < deadline:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answer = await reader.read(1_000_000)
            while piece := await reader.read(1_000_000):
                answer += piece
            writer.close()
            if said in answer:
                return
        await asyncio.sleep(0.1)
    raise EmbeddedError(f"{trouble} after {START_S:.0f} s; what is wrong stands above")


def _check_free(port: int, option: str) -> None:
    if not is_free(port):
        raise EmbeddedError(f"port {port} is taken by another program; end it, or choose another one with {option}")
