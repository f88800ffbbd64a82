"""The bus between the two: the embedded one, Kafka's Java broker started here, or a broker the user names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from demo.failure import DemoFailedError

if TYPE_CHECKING:
    from rigs.kafka import KafkaBroker

PREFIX = "colearner-demo."
"""Topics of the demo on a broker that others use too."""


class DemoBus(Protocol):
    """``url`` is what both sides are told; ``name`` is for people. ``removable``: it can be taken away here."""

    url: str
    name: str
    removable: bool
    embedded: bool

    def take_away(self) -> str:
        """Put it out of everybody's reach; how, in words."""
        ...

    def bring_back(self) -> str:
        """Undo :meth:`take_away`; how, in words."""
        ...


class EmbeddedBus:
    """``bus.db`` in a folder of its own."""

    name = "the embedded bus (a file on this machine)"
    removable = True
    embedded = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._elsewhere = folder.with_name(folder.name + ".away")
        folder.mkdir(parents=True)
        self.url = "sqlite://" + quote(str(folder / "bus.db"))

    def take_away(self) -> str:
        """Move the folder; a file in its place, so that nobody makes a new one there."""
        self._folder.rename(self._elsewhere)
        self._folder.write_text("The demo has taken the bus away.\n", encoding="utf-8")
        return "the folder of bus.db is moved out of reach"

    def bring_back(self) -> str:
        """Move it back."""
        self._folder.unlink()
        self._elsewhere.rename(self._folder)
        return "the folder of bus.db is back in its place"


class StartedBroker:
    """Apache Kafka, started by the demo and killed to take it away."""

    name = "Apache Kafka, started here"
    removable = True
    embedded = False

    def __init__(self, broker: KafkaBroker) -> None:
        self._broker = broker
        self.url = f"kafka://{broker.bootstrap}"

    def take_away(self) -> str:
        """``kill -9``."""
        self._broker.kill9()
        return "the broker is killed (SIGKILL)"

    def bring_back(self) -> str:
        """Start it again on its data."""
        self._broker.restart()
        return "the broker is started again"


class OthersBroker:
    """A broker that is not ours: it is used, never stopped."""

    removable = False
    embedded = False

    def __init__(self, url: str) -> None:
        options = "" if "prefix=" in url else ("&" if "?" in url else "?") + f"prefix={PREFIX}"
        self.url = url + options
        self.name = f"Kafka at {url.partition('?')[0].removeprefix('kafka://')}"

    def take_away(self) -> str:
        """Never called."""
        raise DemoFailedError("this broker is not the demo's to stop")

    def bring_back(self) -> str:
        """Never called."""
        raise DemoFailedError("this broker is not the demo's to start")


@contextmanager
def open_bus(wanted: str, folder: Path) -> Iterator[DemoBus]:
    """The bus that ``BUS=`` names: empty, ``kafka``, or a ``kafka://`` URL. Raises :class:`DemoFailedError`."""
    if not wanted:
        yield EmbeddedBus(folder)
    elif wanted == "kafka":
        from rigs.kafka import KafkaBroker, RigError, prepare

        try:
            prepare()
            broker = KafkaBroker.start()
        except RigError as error:
            raise DemoFailedError(str(error)) from None
        with broker:
            yield StartedBroker(broker)
    elif wanted.startswith("kafka://"):
        yield OthersBroker(wanted)
    else:
        raise DemoFailedError(f"BUS={wanted}: leave it out, or say kafka, or kafka://HOST:PORT")
