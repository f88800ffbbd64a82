"""The secured broker of a test session, and how to come to it as somebody."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from colearner_ls.bus.credentials import CA, CERT, KEY, PASSWORD, PASSWORD_FILE, USER
from colearner_ls.bus.kafka import KafkaBus, Timing
from colearner_ls.bus.url import BusUrl
from rigs.kafka import KafkaBroker
from rigs.kafka.certificates import Authority
from rigs.kafka.secured import LISTENERS, USERS
from rigs.proxy import Proxy

from .transports import Kafka

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kafka.md"
VARIABLES = (USER, PASSWORD, PASSWORD_FILE, CA, CERT, KEY)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Exactly these variables of ours are set meanwhile."""
    before = {name: os.environ.pop(name) for name in VARIABLES if name in os.environ}
    os.environ.update(values)
    try:
        yield
    finally:
        for name in VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(before)


@dataclass
class Secured:
    """A broker whose listeners each ask for something else, and the authority that signed its certificates."""

    broker: KafkaBroker
    authority: Authority
    proxy: Proxy
    """Before the listener ``PROXIED``."""

    def url(self, listener: str, prefix: str = "", **options: str | Path | None) -> BusUrl:
        """The right URL for this listener; ``options`` stand in place of what would be right (``None``: left out)."""
        protocol = LISTENERS.get(listener, "PLAINTEXT")
        right: dict[str, object] = {"security": protocol, "prefix": prefix or None, "partitions": 1}
        if protocol.startswith("SASL_"):
            right["sasl"] = "SCRAM-SHA-512"
        if protocol.endswith("SSL"):
            right["ca"] = self.authority.ca
        query = "&".join(f"{name}={value}" for name, value in (right | options).items() if value is not None)
        address = self.proxy.address if listener == "PROXIED" else self.broker.address(listener)
        return BusUrl.parse(f"kafka://{address}?{query}")

    def bus(
        self, url: BusUrl, user: str | None = "admin", password: str | None = None, patience: float = 5.0
    ) -> KafkaBus:
        """A client of this user, with its right password unless another is given."""
        known = {} if user is None else {USER: user, PASSWORD: password or USERS[user]}
        with environment(**known):
            return KafkaBus(url, client_id="colearner-tests", timing=Timing(request=patience, publish=patience))

    def grant(self, commands: Sequence[str], prefix: str, users: dict[str, str]) -> None:
        """Give the rights that these ``kafka-acls.sh --add`` lines name, by the admin protocol."""
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        bindings = list(dict.fromkeys(one for command in commands for one in bindings_of(command, prefix, users)))
        for made in admin.create_acls(bindings, request_timeout=20).values():
            made.result(20)


class SecuredTransport(Kafka):
    """The behaviour suite's bus, over TLS and SCRAM."""

    def __init__(self, secured: Secured, prefix: str) -> None:
        super().__init__(secured.broker, prefix)
        self._secured = secured

    def url(self, *, twin: bool = False) -> BusUrl:
        prefix = f"twin-{self.prefix}" if twin else self.prefix
        return self._secured.url("PROXIED", prefix, partitions="3")

    def open(self, *, patience: float = 5.0, twin: bool = False) -> KafkaBus:
        return self._secured.bus(self.url(twin=twin), patience=patience)

    def take_away(self) -> None:
        self._secured.proxy.refuse()
        self._secured.proxy.cut()

    def bring_back(self) -> None:
        self._secured.proxy.heal()

    @contextmanager
    def silenced(self):
        self._secured.proxy.blackhole()
        try:
            yield
        finally:
            self._secured.proxy.heal()


def acl_commands() -> dict[str, str]:
    """The commands under *Rights* in docs/kafka.md, by the comment above each."""
    rights = PAGE.read_text(encoding="utf-8").partition("### Rights")[2]
    block = rights.partition("```sh\n")[2].partition("```")[0].replace("\\\n", " ")
    found: dict[str, str] = {}
    title = ""
    for line in filter(None, block.splitlines()):
        if line.startswith("#"):
            title = line.lstrip("# ")
        else:
            found[title] = line
    return found


def bindings_of(command: str, prefix: str, users: dict[str, str]) -> list[AclBinding]:
    """What one ``kafka-acls.sh`` line adds; every option it has must be understood here, or the test fails."""
    words = shlex.split(command)
    assert words[0] == "kafka-acls.sh"
    assert "--add" in words
    options: dict[str, list[str]] = {}
    rest = iter(word for word in words[1:] if word != "--add")
    for name in rest:
        options.setdefault(name, []).append(next(rest))
    known = {"--bootstrap-server", "--command-config", "--allow-principal", "--operation", "--topic"}
    assert options.keys() <= known | {"--resource-pattern-type"}
    (pattern,) = options.get("--resource-pattern-type", ["literal"])
    principals = [re.fullmatch(r"User:([A-Z]+)", who) for who in options["--allow-principal"]]
    assert all(principals)
    return [
        AclBinding(
            ResourceType.TOPIC,
            topic.replace("PREFIX", prefix),
            ResourcePatternType[pattern.upper()],
            f"User:{users[who[1]]}",
            "*",
            AclOperation[operation.upper()],
            AclPermissionType.ALLOW,
        )
        for who in principals
        if who is not None and who[1] in users
        for operation in options["--operation"]
        for topic in options["--topic"]
    ]
