"""What is wrong with a connection, in plain words with what to do: Kafka mostly just hangs up.

Which error stands for which mistake was found out with a real broker (tests/bus/test_kafka_security.py), listener by
listener; where several mistakes look alike from here the words say so.
"""

from __future__ import annotations

from asyncio import IncompleteReadError
from collections.abc import Iterator
from ssl import SSLCertVerificationError, SSLError
from typing import Final

from aiokafka.errors import IllegalSaslStateError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from ..credentials import CA, CERT, KEY, PASSWORD, USER, tls_files_from
from ..errors import BusDenied, BusUnreachable
from ..url import BusUrl
from .causes import Cause
from .settings import Connection

_TLS_RECORDS: Final = range(0x14030000, 0x18030500)
"""The first four bytes of a TLS record (RFC 8446, 5.1), read as the length of a Kafka answer."""
_HTTP: Final = int.from_bytes(b"HTTP")

# OpenSSL's verification codes (x509_vfy.h).
_NOT_YET: Final = 9
_EXPIRED: Final = 10
_UNKNOWN_CA: Final = (2, 18, 19, 20, 21)
_OTHER_NAME: Final = (62, 64)


def unreachable(connection: Connection, cause: Cause | str) -> BusUnreachable:
    """The error to raise for ``cause``: :class:`BusDenied` where the broker answered and we do not fit."""
    url = connection.url
    text = cause if isinstance(cause, str) else cause.text
    denied = False
    if isinstance(cause, Cause):
        said = _denied(cause, url)
        denied = said is not None
        text = said or _suspected(cause, url) or text
    if connection.credentials is not None:
        text = connection.credentials.scrub(text)
    return (BusDenied if denied else BusUnreachable)(url.redacted, text)


def _denied(cause: Cause, url: BusUrl) -> str | None:
    """What certainly does not fit."""
    who = f"the broker at {cause.where}" if cause.where else "the broker"
    for error in _chain(cause.error):
        match error:
            case SaslAuthenticationFailed():
                said = str(error.args[0]) if error.args and error.args[0] else "no reason given"
                return (
                    f"{who} does not take this user and password with {url.sasl}; it says: {said}. "
                    f"Check {USER} and {PASSWORD} (Kafka does not tell which of them is wrong)"
                )
            case UnsupportedSaslMechanismError():
                return f"{who} does not offer {url.sasl}. Ask whoever runs it which mechanism it does: sasl=… in the bus URL"
            case IllegalSaslStateError():
                plain = url.security.removeprefix("SASL_")
                return f"{who} asks for no user and password on this port. Name its SASL port, or security={plain}"
            case SSLCertVerificationError():
                return _certificate(error, who, url)
            case SSLError() if "ALERT" in (error.reason or "") and "CERTIFICATE" in (error.reason or ""):
                return _client_certificate(who, url)
            case IncompleteReadError() if error.expected in _TLS_RECORDS:
                wanted = "SASL_SSL" if url.sasl else "SSL"
                return f"{who} speaks TLS on this port. Set security={wanted}, or name its port without TLS"
            case IncompleteReadError() if error.expected == _HTTP:
                return f"what answers at {cause.where} is a web server, no Kafka broker. Check host and port"
    return None


def _certificate(error: SSLCertVerificationError, who: str, url: BusUrl) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return (
            f"the certificate of {who} has expired. Whoever runs it has to renew it (or this machine's clock is wrong)"
        )
    if code == _NOT_YET:
        return f"the certificate of {who} is not valid yet. Check the clocks of both machines"
    if code in _OTHER_NAME:
        # OpenSSL's sentence ends in the name that was asked for.
        return f"the certificate of {who} is for another host ({error.verify_message}). Name the host as in the certificate"
    if code in _UNKNOWN_CA:
        ca = tls_files_from(url).ca
        trusted = f"the authority in {ca}" if ca else "any authority that this machine trusts"
        return (
            f"the certificate of {who} is not signed by {trusted}. Name the right file with ca=… in the bus URL or {CA}"
        )
    return f"the certificate of {who} is not accepted: {error.verify_message}"


def _client_certificate(who: str, url: BusUrl) -> str:
    cert = tls_files_from(url).cert
    if cert is None:
        return (
            f"{who} asks for a client certificate. Name one with cert=… and key=… in the bus URL, or {CERT} and {KEY}"
        )
    return (
        f"{who} does not take the client certificate {cert}: it is expired, or signed by an authority it does not trust"
    )


def _suspected(cause: Cause, url: BusUrl) -> str | None:
    """What probably does not fit; a broker that is being stopped can look the same, so it is no denial."""
    where = cause.where or "the broker"
    if cause.connecting and url.security.endswith("SSL") and isinstance(cause.error, ConnectionResetError | SSLError):
        return (
            f"{where} ended the connection when TLS began ({_last_word(cause.error)}): is it a port without TLS? "
            f"Then set security={'SASL_PLAINTEXT' if url.sasl else 'PLAINTEXT'}, on a network that you trust only"
        )
    if (
        cause.greeted
        and url.sasl is None
        and any(isinstance(error, IncompleteReadError) for error in _chain(cause.error))
    ):
        return f"{where} hung up after the greeting: it probably asks for a user. Set security=SASL_… and sasl=…"
    return None


def _last_word(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return reason.lower().replace("_", " ") if isinstance(reason, str) else "connection reset"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
