"""One Kafka broker (KRaft, broker and controller in one process) on free ports of 127.0.0.1."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from . import install
from .install import RigError

START_S: Final = 60.0
STOP_S: Final = 20.0
PORTS: Final = range(20000, 32000)
"""Below Linux's range for outgoing connections: while the broker is down nobody else gets its port by chance."""

_JAVA: Final = (
    "-Xms128m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:ActiveProcessorCount=2",
    "-Dlog4j2.level=warn",
)
_PROPERTIES: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "num.partitions": "4",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.segment.bytes": "16777216",
    "log.index.size.max.bytes": "1048576",
    "log.retention.check.interval.ms": "5000",
    # Shorter than the defaults: after kill -9 the controller waits for the dead broker's session to end.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}


class KafkaBroker:
    """A running broker; made by :meth:`start`. It dies with the process that started it, however that ends."""

    def __init__(
        self,
        data_dir: Path,
        owned: bool,
        ports: Mapping[str, int],
        java_options: Sequence[str],
        format_options: Sequence[str],
    ) -> None:
        self.data_dir = data_dir
        self.ports = ports
        """Listener name → port; ``CLIENT`` and ``CONTROLLER`` are always there."""
        self._owned = owned
        self._java_options = java_options
        self._format_options = format_options
        self._keeper: subprocess.Popen[str] | None = None
        self._pid: int | None = None

    @classmethod
    def start(
        cls,
        *,
        data_dir: Path | None = None,
        properties: Mapping[str, str] | None = None,
        advertised: Mapping[str, str] | None = None,
        java_options: Sequence[str] = (),
        listeners: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
    ) -> Self:
        """Format a new data folder, start, and wait until a Metadata request is answered.

        ``data_dir`` is removed at the end unless given. ``properties`` go on top of the rig's; ``listeners`` are further
        ones, name → protocol (``SASL_SSL``, …); ``advertised`` is where clients of a listener are told to connect to, name →
        ``host:port`` of a proxy; ``format_options`` are for StorageTool. Raises :class:`~rigs.kafka.install.RigError`.
        """
        folder = data_dir or Path(tempfile.mkdtemp(prefix="colearner-kafka-"))
        names = ("CLIENT", "CONTROLLER", *(listeners or {}))
        ports = dict(zip(names, _free_ports(len(names)), strict=True))
        broker = cls(folder, data_dir is None, ports, tuple(java_options), tuple(format_options))
        try:
            broker._configure(properties or {}, advertised or {}, listeners or {})
            broker._format()
            broker._launch()
        except BaseException:
            broker.close()
            raise
        return broker

    @property
    def port(self) -> int:
        """The port for clients that show no credentials."""
        return self.ports["CLIENT"]

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients."""
        return self.address("CLIENT")

    def address(self, listener: str) -> str:
        """``host:port`` of one listener."""
        return f"127.0.0.1:{self.ports[listener]}"

    @property
    def running(self) -> bool:
        """Whether the process is there (it may be paused)."""
        return self._keeper is not None and self._keeper.poll() is None

    def stop(self) -> None:
        """End it in order (SIGTERM); by force after 20 s."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._gone(STOP_S)
        except RigError:
            self.kill9()

    def kill9(self) -> None:
        """Kill it at once, as a crash would."""
        self._signal(signal.SIGKILL)
        self._gone(STOP_S)

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP): the port accepts, nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Start it again on the same port and data; ends it in order first if it runs."""
        if self.running:
            self.stop()
        self._launch()

    def advertise(self, listener: str, address: str) -> None:
        """Send clients of this listener to ``address`` (``host:port``) from the next start on."""
        name = "advertised.listeners"
        settings = dict(line.split("=", 1) for line in self._settings.read_text().splitlines())
        told = dict(each.split("://") for each in settings[name].split(","))
        assert listener in told
        settings[name] = ",".join(f"{each}://{at}" for each, at in {**told, listener: address}.items())
        self._settings.write_text("".join(f"{each}={value}\n" for each, value in settings.items()))

    def wipe(self) -> None:
        """Start it again on the same port with no data and another cluster id, as after the loss of its disk."""
        if self.running:
            self.kill9()
        shutil.rmtree(self.data_dir / "data")
        self._format()
        self._launch()

    def close(self) -> None:
        """Kill it if it runs and remove its data folder unless it was given."""
        if self.running:
            with contextlib.suppress(RigError):
                self.kill9()
        if self._owned:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines the broker wrote, without the frames of Java's stack traces."""
        try:
            written = (self.data_dir / "broker.log").read_text(errors="replace").splitlines()
        except OSError:
            return "it wrote nothing"
        return "\n".join([line for line in written if not line.startswith("\tat ")][-lines:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _configure(
        self, properties: Mapping[str, str], advertised: Mapping[str, str], listeners: Mapping[str, str]
    ) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        told = {name: self.address(name) for name in self.ports} | dict(advertised)
        protocols = {"CLIENT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **listeners}
        ours = {
            "controller.quorum.bootstrap.servers": self.address("CONTROLLER"),
            "listeners": ",".join(f"{name}://{self.address(name)}" for name in self.ports),
            "advertised.listeners": ",".join(f"{name}://{at}" for name, at in told.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "log.dirs": str(self.data_dir / "data"),
        }
        lines = [f"{name}={value}\n" for name, value in ({**_PROPERTIES, **ours} | dict(properties)).items()]
        # Java reads property files as Latin-1; what is beyond ASCII is escaped.
        self._settings.write_text("".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in "".join(lines)))

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One word: an id may begin with "-".
        arguments = ["format", "--standalone", f"--cluster-id={cluster}", "-c", str(self._settings)]
        arguments += self._format_options
        # Moving the tool is KAFKA-14585; whichever name this version has, it answers.
        for main in ("kafka.tools.StorageTool", "org.apache.kafka.tools.StorageTool"):
            done = subprocess.run(
                self._java(main, *arguments),
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | {"LC_ALL": "C.UTF-8"},  # users' names and passwords come as arguments
            )
            if done.returncode == 0:
                return
            if "ClassNotFoundException" not in done.stderr:
                break
        raise RigError(f"the data folder of Kafka could not be formatted: {(done.stdout + done.stderr)[-800:]}")

    def _launch(self) -> None:
        if self.running:
            raise RigError("the broker is running already")
        folder = str(self.data_dir) if self._owned else "-"
        keeper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), folder]
        shared = [f"-XX:SharedArchiveFile={archive}"] if (archive := install.archive()).exists() else []
        command = self._java(*shared, *self._java_options, "kafka.Kafka", str(self._settings))
        with (self.data_dir / "broker.log").open("ab") as log:
            # Its own session: Ctrl-C at a terminal goes to the tests, which then end the broker in their order.
            self._keeper = subprocess.Popen(
                [*keeper, "sh", "-c", 'exec "$@" >&2', "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._keeper.stdout is not None
        self._pid = int(self._keeper.stdout.readline())
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while not self._answers():
            if not self.running:
                raise RigError(f"Kafka ended while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise RigError(f"Kafka did not answer within {START_S:g} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return alive_brokers(self.port) > 0
        except (OSError, struct.error):
            return False

    def _java(self, *arguments: str) -> list[str]:
        classpath = os.pathsep.join(str(jar) for jar in install.libs())
        return [install.java(), *_JAVA, "-cp", classpath, *arguments]

    @property
    def _settings(self) -> Path:
        return self.data_dir / "server.properties"

    def _signal(self, number: signal.Signals) -> None:
        # The keeper reaps its child only to end itself, so while it runs the process id is the broker's.
        if self.running and self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _gone(self, patience: float) -> None:
        if self._keeper is None:
            return
        try:
            self._keeper.wait(patience)
        except subprocess.TimeoutExpired:
            raise RigError(f"Kafka (process {self._pid}) did not end within {patience:g} s") from None
        for pipe in (self._keeper.stdin, self._keeper.stdout):
            if pipe is not None:
                pipe.close()


def alive_brokers(port: int, timeout: float = 2.0) -> int:
    """Ask for metadata and count the brokers that are up. Raises :class:`OSError` where nobody answers.

    An open port is not enough: a broker accepts connections before it is let into its cluster.
    Source: Kafka protocol guide, Metadata request v4 (API key 3), request header v1.
    """
    client = b"colearner-rig"
    request = struct.pack(">hhih", 3, 4, 1, len(client)) + client + struct.pack(">ib", 0, 0)
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        answer = _exactly(connection, size)
    # correlation id, throttle time in ms, number of brokers
    return int(struct.unpack_from(">iii", answer)[2])


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the broker hung up")
        data += part
    return data


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RigError("there are no free ports")
