"""The TLS context of a bus: host names are always checked, and every file that is no good is named with what it lacks."""

from __future__ import annotations

from pathlib import Path
from ssl import SSLContext, SSLError
from typing import Final

from aiokafka.helpers import create_ssl_context

from ..credentials import CA, CERT, KEY, tls_files_from
from ..errors import BadBusUrl
from ..url import BusUrl

_CA_HINT: Final = f"Name a PEM file with the authority's certificate: ca=… in the bus URL, or {CA}."
_CERT_HINT: Final = f"Name PEM files: cert=… and key=… in the bus URL, or {CERT} and {KEY}."


class _KeyLockedError(Exception):
    """The private key asks for a password."""


def ssl_context(url: BusUrl) -> SSLContext | None:
    """The TLS context the URL asks for, or ``None``; reads the files. Raises :class:`BadBusUrl`."""
    if not url.security.endswith("SSL"):
        return None
    files = tls_files_from(url)
    context = _trusting(files.ca)
    if files.cert is not None:
        _show(context, files.cert, files.key)
    elif files.key is not None:
        raise BadBusUrl(f"{KEY} names a key, but no certificate is named that belongs to it", _CERT_HINT)
    return context


def _trusting(ca: Path | None) -> SSLContext:
    try:
        context: SSLContext = create_ssl_context(cafile=str(ca) if ca else None)
    except SSLError as error:
        raise BadBusUrl(f"the CA file {ca} holds no certificates ({_reason(error)})", _CA_HINT) from None
    except OSError as error:
        raise BadBusUrl(f"the CA file {ca} cannot be read: {error.strerror}", _CA_HINT) from None
    return context


def _show(context: SSLContext, cert: Path, key: Path | None) -> None:
    for file in filter(None, (cert, key)):
        try:
            file.open("rb").close()
        except OSError as error:
            raise BadBusUrl(f"the client's file {file} cannot be read: {error.strerror}", _CERT_HINT) from None
    try:
        context.load_cert_chain(cert, key, password=_ask_nobody)
    except _KeyLockedError:
        raise BadBusUrl(
            f"the private key in {key or cert} is locked with a password, which is not supported",
            "Unlock a copy with `openssl pkey -in KEY -out NEW`, readable by you alone, and name that one.",
        ) from None
    except SSLError as error:
        both = f"{cert} and {key} are" if key else f"{cert} is"
        raise BadBusUrl(f"{both} no certificate with its private key ({_reason(error)})", _CERT_HINT) from None


def _ask_nobody() -> str:
    # Without this OpenSSL would ask on the terminal, in the middle of a language server's stream.
    raise _KeyLockedError


def _reason(error: SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
