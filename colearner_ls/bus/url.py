"""Where a bus is, as a URL (contracts.md, *Where the broker's address comes from*). Pure text: nothing is opened here.

``sqlite:///absolute/path/bus.db``
    the embedded bus of this machine; ``%20`` and other percent-encoded characters are decoded.
``kafka://host:9092,host2:9092?security=…&sasl=…&ca=FILE&cert=FILE&key=FILE&prefix=…&replication=N&partitions=N``
    Apache Kafka. The port is 9092 where absent; IPv6 addresses stand in brackets.

User and password never stand in the URL: they come from the environment (:mod:`~colearner_ls.bus.credentials`).
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, unquote, unquote_plus

from colearner_ls.contracts.frozen import frozen

from .errors import BadBusUrl

Scheme = Literal["sqlite", "kafka"]

SECURITY: Final = ("PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT")
SASL: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
DEFAULT_PORT: Final = 9092
DEFAULT_PARTITIONS: Final = 12
MAX_PREFIX: Final = 200
"""Kafka's topic names have at most 249 characters of ``[a-zA-Z0-9._-]``; ours have 25 without the prefix."""

_HINT: Final = (
    "Write kafka://host:9092,host2:9092?prefix=…&security=…&sasl=…&ca=FILE&cert=FILE&key=FILE&partitions=N&replication=N "
    "or sqlite:///absolute/path/bus.db."
)
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?\]")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]*")


@frozen
class BusUrl:
    """A bus URL that was understood. Made by :meth:`parse` or :meth:`for_file`, not by hand.

    ``hosts`` are ``host:port``, in the order written; ``path`` is absolute. ``replication`` is ``None`` where the
    number of brokers decides: ``min(3, brokers)``. ``client_cert`` and ``client_key`` are the options ``cert`` and ``key``:
    what this machine shows a broker that asks who it is by TLS.
    """

    scheme: Scheme
    path: Path | None = None
    hosts: tuple[str, ...] = ()
    prefix: str = ""
    partitions: int = DEFAULT_PARTITIONS
    replication: int | None = None
    security: str = "PLAINTEXT"
    sasl: str | None = None
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None

    @classmethod
    def parse(cls, text: str) -> BusUrl:
        """Understand a URL; raises :class:`~.errors.BadBusUrl`, which never repeats a password that stood in it."""
        scheme, separator, rest = text.strip().partition("://")
        if not separator:
            raise BadBusUrl(f"{_without_secrets(text)!r} is not a bus URL: there is no ://", _HINT)
        if any(ord(c) < 0x20 or ord(c) == 0x7F for c in text.strip()):
            raise BadBusUrl("the bus URL has a control character in it", _HINT)
        match scheme.lower():
            case "sqlite":
                return _parse_sqlite(rest)
            case "kafka":
                return _parse_kafka(rest)
        raise BadBusUrl(
            f"{_without_secrets(scheme)!r} is not a kind of bus that is known here; kafka and sqlite are", _HINT
        )

    @classmethod
    def for_file(cls, path: Path) -> BusUrl:
        """The embedded bus in this file."""
        return cls(scheme="sqlite", path=Path(os.path.abspath(path)))  # noqa: PTH100 - resolve() would touch the disk

    @property
    def key(self) -> str:
        """What a session is bound to: the set of bootstrap addresses and the prefix, or the file. Stable text."""
        if self.scheme == "sqlite":
            return f"sqlite://{self.path}"
        hosts = ",".join(sorted({host.lower() for host in self.hosts}))
        return f"kafka://{hosts}" + (f"?prefix={self.prefix}" if self.prefix else "")

    @property
    def portable(self) -> str:
        """The URL for another machine: without the options that name files of this one (``ca``, ``cert``, ``key``)."""
        return str(replace(self, ca=None, client_cert=None, client_key=None))

    @property
    def redacted(self) -> str:
        """For logs and messages. The whole URL, since secrets are never part of one."""
        return str(self)

    def __str__(self) -> str:
        if self.scheme == "sqlite":
            return f"sqlite://{quote(str(self.path))}"
        options = {
            "security": self.security if self.security != "PLAINTEXT" else None,
            "sasl": self.sasl,
            "ca": self.ca,
            "cert": self.client_cert,
            "key": self.client_key,
            "prefix": self.prefix or None,
            "replication": self.replication,
            "partitions": self.partitions if self.partitions != DEFAULT_PARTITIONS else None,
        }
        query = "&".join(f"{name}={quote(str(value))}" for name, value in options.items() if value is not None)
        return f"kafka://{','.join(self.hosts)}" + (f"?{query}" if query else "")


def _parse_sqlite(rest: str) -> BusUrl:
    path, _, query = rest.partition("?")
    if query or "#" in rest:
        raise BadBusUrl("a sqlite:// bus takes no options (write ? as %3F and # as %23 in a path)", _HINT)
    if not path.startswith("/"):
        raise BadBusUrl(
            f"{'sqlite://' + path!r} has no absolute path: three slashes, then the path from the root", _HINT
        )
    decoded = unquote(path, errors="strict") if _decodes(path) else None
    if decoded is None or "\0" in decoded or decoded.endswith("/"):
        raise BadBusUrl(f"{'sqlite://' + path!r} does not name a file", _HINT)
    return BusUrl.for_file(Path(decoded))


def _decodes(path: str) -> bool:
    try:
        unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _parse_kafka(rest: str) -> BusUrl:
    authority, _, query = rest.partition("?")
    if "@" in unquote(authority):
        raise BadBusUrl(
            "a bus URL carries no user and no password",
            "Set COLEARNER_KAFKA_USER and COLEARNER_KAFKA_PASSWORD (or COLEARNER_KAFKA_PASSWORD_FILE) instead.",
        )
    hosts = tuple(dict.fromkeys(_address(part.strip()) for part in authority.removesuffix("/").split(",")))
    options = _options(query)
    fields = {_FIELDS.get(name, name): _READERS[name](value) for name, value in options.items()}
    url = BusUrl(scheme="kafka", hosts=hosts, **fields)
    _check_security(url)
    return url


def _address(text: str) -> str:
    host, port = text, str(DEFAULT_PORT)
    if not text.endswith("]") and ":" in text:
        host, _, port = text.rpartition(":")
    if not _HOST.fullmatch(host):
        raise BadBusUrl(f"{text!r} is not host:port", _HINT)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadBusUrl(f"{text!r} has no port between 1 and 65535", _HINT)
    return f"{host.lower()}:{int(port)}"


def _options(query: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        if name not in _READERS:
            known = ", ".join(_READERS)
            raise BadBusUrl(f"{name!r} is not an option of a kafka:// bus; these are: {known}", _HINT)
        if name in found:
            raise BadBusUrl(f"the option {name!r} stands twice in the bus URL", _HINT)
        found[name] = unquote_plus(value)
    return found


def _one_of(name: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.upper() not in allowed:
            raise BadBusUrl(f"{name}={value!r} is not known; one of {', '.join(allowed)}", _HINT)
        return value.upper()

    return read


def _count(name: str, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) < 6 and 0 < int(value) <= most):
            raise BadBusUrl(f"{name}={value!r} is not a number from 1 to {most}", _HINT)
        return int(value)

    return read


def _prefix(value: str) -> str:
    if not _PREFIX.fullmatch(value) or len(value) > MAX_PREFIX:
        raise BadBusUrl(
            f"prefix={value!r} cannot begin a Kafka topic name",
            f"Use letters, digits, dot, underscore and hyphen, {MAX_PREFIX} at most.",
        )
    return value


def _file(name: str) -> Callable[[str], Path]:
    def read(value: str) -> Path:
        if not value or "\0" in value:
            raise BadBusUrl(f"{name}= names no file", _HINT)
        return Path(os.path.abspath(Path(value).expanduser()))  # noqa: PTH100 - resolve() would touch the disk

    return read


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "security": _one_of("security", SECURITY),
    "sasl": _one_of("sasl", SASL),
    "ca": _file("ca"),
    "cert": _file("cert"),
    "key": _file("key"),
    "prefix": _prefix,
    "replication": _count("replication", 99),
    "partitions": _count("partitions", 10_000),
}
_FIELDS: Final[Mapping[str, str]] = {"cert": "client_cert", "key": "client_key"}
"""Options whose field has another name: :attr:`BusUrl.key` is what a session is bound to."""


def _check_security(url: BusUrl) -> None:
    """Options that do not go together are refused rather than one of them ignored: it may be the one that protects."""
    if url.security.startswith("SASL_") and url.sasl is None:
        raise BadBusUrl(f"security={url.security} needs a mechanism: sasl=PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", _HINT)
    if url.sasl is not None and not url.security.startswith("SASL_"):
        raise BadBusUrl(f"sasl={url.sasl} needs security=SASL_SSL (or SASL_PLAINTEXT on a trusted network)", _HINT)
    files = {"ca": url.ca, "cert": url.client_cert, "key": url.client_key}
    for name in (name for name, file in files.items() if file is not None and not url.security.endswith("SSL")):
        raise BadBusUrl(f"{name}= needs security=SSL or SASL_SSL", _HINT)
    if url.client_key is not None and url.client_cert is None:
        raise BadBusUrl("key= needs the certificate that belongs to it: cert=FILE", _HINT)


def _without_secrets(text: str) -> str:
    return re.sub(r"[^\s/,]*@", "…@", text.strip())[:200]
