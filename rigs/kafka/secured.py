"""A broker that lets nobody in without saying who they are: TLS, SASL and ACLs, each on a listener of its own.

======== ================ =====================================================================
listener protocol         what is special
======== ================ =====================================================================
SECURE   SASL_SSL         PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, the right certificate
PROXIED  SASL_SSL         the same, for clients that come through a proxy (``advertised``)
OPEN     SASL_PLAINTEXT   the same mechanisms without TLS
SCRAMS   SASL_SSL         SCRAM only: PLAIN is the wrong mechanism
TLS      SSL              the right certificate, no user
MUTUAL   SSL              asks for a client certificate
EXPIRED  SSL              a certificate that ended yesterday
ELSEHOST SSL              a certificate for another host
======== ================ =====================================================================

``CLIENT`` is the rig's own back door (``User:ANONYMOUS`` is a super user there); on every other listener the
``StandardAuthorizer`` refuses what no ACL allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .broker import KafkaBroker
from .certificates import Authority, Certificate

USERS: Final[Mapping[str, str]] = {
    "admin": "admin-pw-Zürich",
    "coach": "coach-pw-Zürich",
    "student": "student-pw-Zürich",
    "reader": "reader-pw-Zürich",
}
"""User → password, the same for every mechanism. ``admin`` is a super user."""

LISTENERS: Final[Mapping[str, str]] = {
    "SECURE": "SASL_SSL",
    "PROXIED": "SASL_SSL",
    "OPEN": "SASL_PLAINTEXT",
    "SCRAMS": "SASL_SSL",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "EXPIRED": "SSL",
    "ELSEHOST": "SSL",
}
_SCRAM: Final = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_MECHANISMS: Final[Mapping[str, tuple[str, ...]]] = {
    "SECURE": ("PLAIN", *_SCRAM),
    "PROXIED": _SCRAM,
    "OPEN": ("PLAIN", *_SCRAM),
    "SCRAMS": _SCRAM,
}


def start_secured(folder: Path, *, advertised: Mapping[str, str] | None = None) -> tuple[KafkaBroker, Authority]:
    """Start one with certificates in ``folder``; the caller closes it. ``advertised`` is for a proxy before ``PROXIED``."""
    authority = Authority(folder)
    good = authority.issue("broker", ["127.0.0.1", "localhost"])
    certificates = dict.fromkeys(LISTENERS, good) | {
        "EXPIRED": authority.issue("expired", ["127.0.0.1"], days=(-9, -1)),
        "ELSEHOST": authority.issue("elsewhere", ["kafka.example"]),
    }
    settings = _authorizer()
    for listener, protocol in LISTENERS.items():
        if protocol.endswith("SSL"):
            settings |= _tls(listener, certificates[listener], authority)
        if protocol.startswith("SASL_"):
            settings |= _sasl(listener)
    users = [
        f"--add-scram={mechanism}=[name={name},password={word}]" for mechanism in _SCRAM for name, word in USERS.items()
    ]
    broker = KafkaBroker.start(listeners=LISTENERS, properties=settings, advertised=advertised, format_options=users)
    return broker, authority


def _authorizer() -> dict[str, str]:
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:admin",
        "allow.everyone.if.no.acl.found": "false",
    }


def _tls(listener: str, certificate: Certificate, authority: Authority) -> dict[str, str]:
    prefix = f"listener.name.{listener.lower()}."
    return {
        f"{prefix}ssl.keystore.type": "PEM",
        f"{prefix}ssl.keystore.location": str(certificate.both),
        f"{prefix}ssl.truststore.type": "PEM",
        f"{prefix}ssl.truststore.location": str(authority.ca),
        f"{prefix}ssl.client.auth": "required" if listener == "MUTUAL" else "none",
    }


def _sasl(listener: str) -> dict[str, str]:
    prefix = f"listener.name.{listener.lower()}."
    package = "org.apache.kafka.common.security"
    users = " ".join(f'user_{name}="{word}"' for name, word in USERS.items())
    found = {f"{prefix}sasl.enabled.mechanisms": ",".join(_MECHANISMS[listener])}
    for mechanism in _MECHANISMS[listener]:
        module = (
            f"plain.PlainLoginModule required {users}" if mechanism == "PLAIN" else "scram.ScramLoginModule required"
        )
        found[f"{prefix}{mechanism.lower()}.sasl.jaas.config"] = f"{package}.{module};"
    return found
