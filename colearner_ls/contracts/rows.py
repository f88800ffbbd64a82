"""From stored bytes to an `Event`, fast: for envelopes that were judged before, so nothing is checked again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colearner_ls.contracts.event import Event
from colearner_ls.contracts.trusted_json import decode_trusted
from colearner_ls.contracts.upcasters import UPCASTERS, says_nothing, upcast


def event_from_row(raw: bytes, *, id: str, hlc: int, derived: bool) -> Event:  # noqa: A002 - the field's own name
    """Return the event of an envelope that `judging.judge` has accepted, exactly as judging gave it.

    ``id``, ``hlc`` (µs) and ``derived`` are stored beside the bytes, so nothing is worked out again.
    """
    return event_of(decode_trusted(raw), id=id, hlc=hlc, derived=derived)


def event_of(envelope: Mapping[str, Any], *, id: str, hlc: int, derived: bool) -> Event:  # noqa: A002
    """Return the event of a decoded, accepted envelope. ``null`` in an optional field is the same as no field."""
    get = envelope.get
    event_type = envelope["event_type"]
    version = get("version") or 1
    payload = envelope["payload"]
    if UPCASTERS and (event_type, version) in UPCASTERS and not says_nothing(event_type, payload):
        payload = upcast(event_type, version, payload)
    writer, causation_id, correlation_id = get("writer"), get("causation_id"), get("correlation_id")
    return Event(
        id,
        hlc,
        envelope["ts"],
        envelope["actor"],
        envelope["session_id"],
        event_type,
        payload,
        version,
        get("student_id") or student_in(payload),
        get("author"),
        writer and _normal(writer),
        get("seq"),
        causation_id and _normal(causation_id),
        correlation_id and _normal(correlation_id),
        derived,
    )


def _normal(text: str) -> str:
    """`ids.normal_id`, which is needed only for texts with capitals: all that we wrote ourselves has none."""
    if text.islower():
        return text
    from colearner_ls.contracts.ids import normal_id  # with hashlib, which takes 4 ms to load

    return normal_id(text)


def student_in(payload: Mapping[str, Any]) -> str | None:
    """Return the student id inside a payload; ``None`` without one, or where it is not a text (unknown types)."""
    student = payload.get("student_id")
    return student if isinstance(student, str) and student else None
