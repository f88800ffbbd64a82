"""Names of events: new ones, ones derived from what an event says, and the hash that tells two contents apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from colearner_ls.contracts.ijson import canonical

REQUIRED_FIELDS: Final = ("ts", "actor", "session_id", "event_type", "payload")
"""The envelope fields that every event has, and that a derived id and its content hash are made from."""

NAMESPACE: Final = bytes.fromhex("f8db1cfc2eb65c5c8a7e2d5408ada8b8")
"""The bytes of ``uuid5(NAMESPACE_URL, "urn:colearner:event:v1")`` (contracts.md, *Derived id*)."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def new_id() -> str:
    """Return a new UUIDv7 (RFC 9562) in lower-case text."""
    import uuid_utils  # 10 ms to import: only those who write need it

    return str(uuid_utils.uuid7())


def is_uuid(text: str) -> bool:
    """Tell whether ``text`` is a UUID of any version as 8-4-4-4-12 hexadecimal digits, in either case."""
    return _UUID.fullmatch(text) is not None


def normal_id(text: str) -> str:
    """Return a UUID in lower case, as ids are compared and stored, and any other text as it is."""
    lower = text.lower()
    return lower if lower != text and _UUID.fullmatch(text) is not None else text


def derived_id(envelope: Mapping[str, Any]) -> str:
    """Return the id of an event whose envelope has none: a UUIDv5 over the canonical JSON of its five required fields.

    ``envelope`` is as decoded, before any coercion. Raises `KeyError` where one of the five is missing.
    """
    digest = bytearray(hashlib.sha1(NAMESPACE + _five(envelope), usedforsecurity=False).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50  # version 5
    digest[8] = (digest[8] & 0x3F) | 0x80  # the variant of RFC 9562
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def content_hash(envelope: Mapping[str, Any], derived: bool) -> bytes:
    """Return the SHA-256 (32 bytes) by which two events of one id are compared.

    It is taken over the canonical JSON of the envelope as received, without ``sig``; where the id is ``derived``, over
    the five required fields only, so that copies which differ in the rest are one event.
    """
    if derived:
        return hashlib.sha256(_five(envelope)).digest()
    return hashlib.sha256(canonical({name: value for name, value in envelope.items() if name != "sig"})).digest()


def _five(envelope: Mapping[str, Any]) -> bytes:
    return canonical({name: envelope[name] for name in REQUIRED_FIELDS})
