"""Where every setting comes from: role, session, student, author, bus and sharing mode (contracts.md, last two sections)."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from colearner_ls.bus.errors import BadBusUrl
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.identity import default_author
from colearner_ls.journal.registry import Registry
from colearner_ls.journal.registry import user_data_folder as user_data_folder  # front ends keep their logs there
from colearner_ls.workspace.results import Setting

CONFIG_FOLDER: Final = ".colearner"
CONFIG_FILE: Final = "config.toml"
ROLES: Final = ("coach", "student")
SHARING_MODES: Final = ("auto", "ask", "off")

CONFIG_SOURCE: Final = "config.toml"

_PEER_EMBEDDED: Final = "file"
_PEER_KAFKA: Final = "kafka"


class BadConfig(BadInput):
    """A configuration file cannot be understood. It is never overwritten."""


@frozen
class Overrides:
    """What was said on the command line or by the editor; ``label`` names which of the two it was."""

    role: str | None = None
    session: str | None = None
    student: str | None = None
    author: str | None = None
    bus: str | None = None
    label: str = "command line"


@frozen
class Settings:
    """The resolved settings of one workspace folder.

    ``live``: set up on this machine with this bus and session (trust.md, *A repository is not a person*), so that the
    journal may be opened and the bus connected.
    """

    root: Path
    home: Path
    role: str | None
    session: str | None
    student: str | None
    student_named: bool
    """Whether somebody said who the student is; where not, a student's author name stands in."""
    author: str
    bus: BusUrl
    sharing: str
    live: bool
    configured: bool
    sources: tuple[Setting, ...]
    overrides: Overrides

    @property
    def folder(self) -> Path:
        """The ``.colearner`` folder of the workspace."""
        return self.root / CONFIG_FOLDER


def find_root(start: Path) -> Path:
    """The workspace folder for ``start``: the nearest ancestor with ``.colearner/config.toml``, else ``start`` itself.

    Never above the git root, and never the home folder or ``/`` (contracts.md, *Which folder*).
    """
    start = start.resolve()
    if start.is_file():
        start = start.parent
    home = Path.home().resolve()
    for folder in (start, *start.parents):
        if folder in (home, Path(folder.anchor)):
            break
        if (folder / CONFIG_FOLDER / CONFIG_FILE).is_file():
            return folder
        if (folder / ".git").exists():
            break
    return start


def read_config(root: Path) -> dict[str, Any]:
    """The parsed ``config.toml``; empty when there is none. Raises :class:`BadConfig` naming file, line and reason."""
    path = root / CONFIG_FOLDER / CONFIG_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        return {}
    except UnicodeDecodeError as error:
        raise BadConfig(
            f"{path} is not UTF-8 text: {error}.", "Mend the file or move it away; nothing was changed."
        ) from error
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    try:
        config = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(
            f"{path} is not valid TOML: {error}.", "Mend that line or move the file away; nothing was changed."
        ) from error
    _check_config(path, config)
    return config


def _check_config(path: Path, config: Mapping[str, Any]) -> None:
    for name in ("role", "session", "student", "author", "bus"):
        value = config.get(name)
        if value is not None and not isinstance(value, str):
            raise BadConfig(f"{path}: “{name}” must be text, not {type(value).__name__}.", "Put it in quotes.")
    share = config.get("share", {})
    if not isinstance(share, dict):
        raise BadConfig(f"{path}: “share” must be a table.", 'Write [share] and below it mode = "ask".')
    _one_of(share.get("mode"), SHARING_MODES, "share.mode", f"{path}")
    _one_of(config.get("role"), ROLES, "role", f"{path}")


def check_session_id(session: str) -> None:
    """Raises :class:`BadInput` for what no event may name as its session (contracts.md, *Envelope*)."""
    control = any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in session)
    if not 1 <= len(session) <= 200 or control:
        raise BadInput(
            "That is not a session id.",
            "Accepted: 1 to 200 characters without control characters, or none for a new one.",
        )


def _one_of(value: object, allowed: Iterable[str], name: str, where: str) -> None:
    if value is not None and value not in tuple(allowed):
        raise BadConfig(f"{where}: “{name}” is {value!r}.", f"Accepted: {', '.join(allowed)}.")


def resolve(start: Path, overrides: Overrides, env: Mapping[str, str]) -> Settings:
    """Resolve everything for the folder ``start`` lies in.

    Raises :class:`BadConfig` for a broken file and :class:`~colearner_ls.bus.url.BadBusUrl` for an address that is none.
    """
    root = find_root(start)
    config = read_config(root)
    home = user_data_folder(env)
    found = _Found(config, overrides)
    role = found.first("role", overrides.role)
    session = found.first("session", overrides.session)
    student = found.first("student", overrides.student)
    author = found.first("author", overrides.author) or found.default("author", default_author())
    bus = _resolve_bus(overrides, env, config, home, found)
    sharing = config.get("share", {}).get("mode")
    sharing = found.take("sharing", sharing, "config.toml [share] mode") if sharing else found.default("sharing", "ask")
    named = student is not None
    if student is None and role == "student":
        student = found.default("student", author, "the author")
    _one_of(role, ROLES, "role", overrides.label)
    live = bool(overrides.session) or _is_live(Registry(home), root, session, bus, found)
    return Settings(
        root=root,
        home=home,
        role=role,
        session=session,
        student=student,
        student_named=named,
        author=author,
        bus=bus,
        sharing=sharing,
        live=live,
        configured=bool(config),
        sources=tuple(found.sources),
        overrides=overrides,
    )


def _is_live(registry: Registry, root: Path, session: str | None, bus: BusUrl, found: _Found) -> bool:
    """Recorded on this machine, with the session and, where the *file* names the bus, with that bus.

    A bus that comes from the environment or the command line is this person's own word and needs no record.
    """
    entry = registry.get(root)
    if entry is None or entry.session != session:
        return False
    return entry.bus == bus.key or found.source_of("bus") != CONFIG_SOURCE


class _Found:
    """Collects values with their sources, for ``doctor``."""

    def __init__(self, config: Mapping[str, Any], overrides: Overrides) -> None:
        self._config = config
        self._label = overrides.label
        self.sources: list[Setting] = []

    def source_of(self, name: str) -> str | None:
        return next((known.source for known in self.sources if known.name == name), None)

    def take(self, name: str, value: str, source: str) -> str:
        self.sources.append(Setting(name, value, source))
        return value

    def default(self, name: str, value: str, source: str = "default") -> str:
        self.sources = [known for known in self.sources if known.name != name]
        return self.take(name, value, source)

    def first(self, name: str, said: str | None) -> str | None:
        if said:
            return self.take(name, said, self._label)
        value = self._config.get(name)
        if value:
            return self.take(name, str(value), CONFIG_SOURCE)
        self.sources.append(Setting(name, None, "not set"))
        return None


def _resolve_bus(
    overrides: Overrides, env: Mapping[str, str], config: Mapping[str, Any], home: Path, found: _Found
) -> BusUrl:
    embedded = str(BusUrl.for_file(home / "bus.db"))
    candidates: tuple[tuple[str, Callable[[], str | None]], ...] = (
        (overrides.label, lambda: overrides.bus),
        ("COLEARNER_BUS", lambda: env.get("COLEARNER_BUS")),
        (CONFIG_SOURCE, lambda: config.get("bus")),
        ("COLEARNER_BROKERS", lambda: _brokers_url(env.get("COLEARNER_BROKERS"))),
        ("AAFW_HOME/CFG/agent.yaml", lambda: _agent_yaml_url(env.get("AAFW_HOME"))),
    )
    for source, value_of in candidates:
        value = (value_of() or "").strip()
        if not value or value == _PEER_KAFKA:
            continue
        if value == _PEER_EMBEDDED:
            return _parsed(embedded, f"{source} (“file”: the embedded bus)", env, found)
        if "://" not in value:
            raise BadBusUrl(
                f"{source}: “{value}” is not a bus address.",
                "Write sqlite:///path/bus.db or kafka://host:9092 (or the words “file” and “kafka”).",
            )
        return _parsed(value, source, env, found)
    return _parsed(embedded, "default: the embedded bus", env, found)


def _parsed(value: str, source: str, env: Mapping[str, str], found: _Found) -> BusUrl:
    url = BusUrl.parse(value)
    found.take("bus", url.redacted, source)
    return url


def _brokers_url(brokers: str | None) -> str | None:
    names = [name.strip() for name in (brokers or "").split(",") if name.strip()]
    return f"kafka://{','.join(names)}" if names else None


def _agent_yaml_url(aafw_home: str | None) -> str | None:
    """Peers keep ``kafka: {brokers: [...]}`` in an agent.yaml (contracts.md, *Where the broker's address comes from*)."""
    path = Path(aafw_home) / "CFG" / "agent.yaml" if aafw_home else None
    if path is None or not path.is_file():
        return None
    from colearner_ls.workspace.peers_bus import read_agent_yaml  # only peers' installations need it

    try:
        found = read_agent_yaml(path)
    except ValueError as error:
        raise BadConfig(
            f"{path} cannot be used: {error}.", "Mend it, or name the bus with --bus or COLEARNER_BUS."
        ) from error
    url = _brokers_url(found.brokers)
    return f"{url}?prefix={quote(found.prefix, safe='')}" if url and found.prefix else url
