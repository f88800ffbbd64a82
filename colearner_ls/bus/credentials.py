"""What this machine shows a bus to be let in.

User and password come from the environment only; they never stand in a URL, a log, an error or a repr.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .errors import BadBusUrl
from .url import BusUrl

USER: Final = "COLEARNER_KAFKA_USER"
PASSWORD: Final = "COLEARNER_KAFKA_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_FILE: Final = "COLEARNER_KAFKA_PASSWORD_FILE"  # noqa: S105 - the name of a variable

CA: Final = "COLEARNER_KAFKA_CA"
CERT: Final = "COLEARNER_KAFKA_CERT"
KEY: Final = "COLEARNER_KAFKA_KEY"

_MAX_FILE: Final = 4096
"""Bytes read of a password file; a longer one is not a password."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password; neither shows in the repr."""

    user: str = field(repr=False)
    password: str = field(repr=False)

    def scrub(self, text: str) -> str:
        """``text`` with the password (and the user, where it is no common word) blotted out."""
        for secret in (self.password, self.user):
            if len(secret) > 2:
                text = text.replace(secret, "•••")
        return text


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for TLS; ``None`` is the system's authorities, no client certificate, the key inside ``cert``."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


def tls_files_from(url: BusUrl, env: Mapping[str, str] = os.environ) -> TlsFiles:
    """Which files to use: what this machine's environment names goes before what the URL names.

    An invite carries its URL to machines where its paths mean nothing.
    """

    def chosen(variable: str, named: Path | None) -> Path | None:
        return Path(env[variable]).expanduser().absolute() if env.get(variable) else named

    cert = chosen(CERT, url.client_cert)
    # A key belongs to its certificate: another certificate does not go with the URL's key.
    return TlsFiles(chosen(CA, url.ca), cert, chosen(KEY, url.client_key if cert == url.client_cert else None))


def credentials_from(env: Mapping[str, str] = os.environ) -> Credentials:
    """Read them for a bus that asks for SASL; raises :class:`~.errors.BadBusUrl` naming the variable in question."""
    user = env.get(USER, "")
    if not user:
        raise BadBusUrl("the bus asks for a user and there is none", f"Set {USER}, and {PASSWORD} or {PASSWORD_FILE}.")
    if PASSWORD in env and PASSWORD_FILE in env:
        raise BadBusUrl(f"{PASSWORD} and {PASSWORD_FILE} are both set", "Set one of them.")
    password = env.get(PASSWORD) or _from_file(env.get(PASSWORD_FILE, ""))
    if not password:
        raise BadBusUrl("the bus asks for a password and there is none", f"Set {PASSWORD} or {PASSWORD_FILE}.")
    return Credentials(user, password)


def _from_file(name: str) -> str:
    if not name:
        return ""
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise BadBusUrl(
            f"the file that {PASSWORD_FILE} names cannot be read: {error.strerror}", "Check the path."
        ) from None
    if len(content) > _MAX_FILE:
        raise BadBusUrl(f"the file that {PASSWORD_FILE} names is too large to be a password", "Check the path.")
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadBusUrl(f"the file that {PASSWORD_FILE} names is not UTF-8 text", "Check the path.") from None
