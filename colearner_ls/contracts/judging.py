"""Judging one record: what a reader does with bytes from anywhere, and how a writer makes bytes that pass.

`judge` never raises and never converts: it says what the bytes are. Only what no reader can use is rejected; what a
newer version may understand is accepted and left out of the fold (contracts.md, *What a reader does with bad input*).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import ValidationError

from colearner_ls.contracts.catalogue import CATALOGUE, EventType, model_for, row_of
from colearner_ls.contracts.envelope import Envelope, is_name
from colearner_ls.contracts.errors import BadInput, NotAllowed, NotIJson, NotJson, TooLarge
from colearner_ls.contracts.event import MAX_EVENT_BYTES, Event
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.ids import content_hash, derived_id, is_uuid, normal_id
from colearner_ls.contracts.ijson import MAX_SAFE_INTEGER, compact, decode
from colearner_ls.contracts.rows import event_of
from colearner_ls.contracts.signing import Signer, signed
from colearner_ls.contracts.timestamps import to_us
from colearner_ls.contracts.upcasters import CannotUpcast, says_nothing, upcast

RejectReason = Literal["not_json", "not_ijson", "not_an_object", "malformed", "too_large", "not_allowed"]

Note = Literal["unknown_type", "newer_version", "ack_sent"]

_MAX_DETAILS: Final = 3
_MAX_DETAIL_CHARS: Final = 500
_MAX_LENIENT_BYTES: Final = 4 * 1024 * 1024
"""Records over the size limit are parsed up to this size, only to learn their session (Kafka's own default limit for a
record is 1 MiB)."""

_BESIDES_COMPLETED: Final = frozenset({"confidence", "active_step", "files_changed", "blockers"})
_WORDS: Final = {"missing": "is missing", "string_pattern_mismatch": "does not have the form it must have"}


@frozen
class Accepted:
    """An event that is kept. ``raw`` are the bytes as they came; ``content`` is the SHA-256 of `ids.content_hash`.

    ``applied`` is false for what is kept but stays out of the fold; ``note`` then says why.
    """

    event: Event
    raw: bytes
    content: bytes
    applied: bool
    note: Note | None


@frozen
class Rejected:
    """Bytes to be quarantined. ``detail`` says what is wrong with them, for people.

    ``session_id`` and ``event_id`` are what they seem to name, where that can be read, and prove nothing.
    """

    reason: RejectReason
    detail: str
    session_id: str | None
    event_id: str | None


def judge(raw: bytes) -> Accepted | Rejected:
    """Say what ``raw`` is: an event, or why not. Takes any bytes and never raises."""
    if len(raw) > MAX_EVENT_BYTES:
        detail = f"It has {len(raw):,} bytes; the limit is {MAX_EVENT_BYTES:,}."
        return Rejected("too_large", detail, *_names(_lenient(raw)))
    try:
        value = decode(raw)
    except NotIJson as error:
        reason: RejectReason = "not_json" if isinstance(error, NotJson) else "not_ijson"
        return Rejected(reason, error.message, *_names(_lenient(raw)))
    if not isinstance(value, dict):
        return Rejected("not_an_object", f"It is {_kind(value)}, not an object.", None, None)
    return _judge_object(value, raw)


def make(
    *,
    event_type: str,
    actor: str,
    session_id: str,
    payload: Mapping[str, Any],
    id: str,  # noqa: A002 - the field's own name
    hlc: int,
    ts: str,
    author: str,
    writer: str | None,
    seq: int | None,
    student_id: str | None = None,
    causation_id: str | None = None,
    correlation_id: str | None = None,
    key: Signer | None = None,
) -> Accepted:
    """Return a new event of the catalogue in its newest version, as `judge` has accepted its bytes: compact JSON.

    ``student_id`` is put into the payload too, and a ``progress_update`` gets a ``completed`` list, because peers read
    them there. With a ``key`` it is signed; the limit is for what comes out. ``writer`` and ``seq`` are ``None`` only
    for what nobody else will see. Raises `NotAllowed` where the catalogue does not let ``actor`` say it, `TooLarge` with
    size and limit, `BadInput` with the fields at fault for anything else. Nothing is changed in what was given.
    """
    row = row_of(event_type)
    if actor not in row.actors:
        raise NotAllowed(f"A {actor} may not say {event_type}.", f"Only a {_who(row)} may.")
    _check_names(session_id=session_id, author=author, student_id=student_id)
    envelope: dict[str, Any] = {
        "ts": ts,
        "actor": actor,
        "session_id": session_id,
        "event_type": event_type,
        "payload": _dressed(event_type, payload, student_id),
        "id": normal_id(id),
        "hlc": hlc,
        "version": row.version,
        "student_id": student_id,
        "author": author,
        "writer": writer and normal_id(writer),
        "seq": seq,
        "causation_id": causation_id,
        "correlation_id": correlation_id,
    }
    envelope = {name: value for name, value in envelope.items() if value is not None}
    raw = compact(envelope)
    if key is not None:
        raw = compact(signed(envelope, key))
    verdict = judge(raw)
    if isinstance(verdict, Rejected):
        raise _refusal(event_type, verdict)
    if not verdict.applied:
        raise BadInput(f"The {event_type} would have no effect ({verdict.note}).", "Choose another status than 'sent'.")
    return verdict


def build(
    *,
    event_type: str,
    actor: str,
    session_id: str,
    payload: Mapping[str, Any],
    **fields: Any,
) -> bytes:
    """The bytes of :func:`make`, which see."""
    return make(event_type=event_type, actor=actor, session_id=session_id, payload=payload, **fields).raw


def _judge_object(envelope: dict[str, Any], raw: bytes) -> Accepted | Rejected:
    try:
        read = Envelope.model_validate(envelope)
        hlc = _hlc(read)
    except ValidationError as error:
        return _malformed(error, envelope, "")
    except BadInput as error:
        return Rejected("malformed", error.message, *_names(envelope))
    derived = read.id is None
    event_id = derived_id(envelope) if read.id is None else normal_id(read.id)
    note = _note(read)
    row = CATALOGUE.get(read.event_type)
    if note is None and row is not None:
        if read.actor not in row.actors:
            detail = f"A {read.actor} may not say {read.event_type}; only a {_who(row)} may."
            return Rejected("not_allowed", detail, read.session_id, event_id)
        try:
            model_for(row.name).model_validate(upcast(row.name, read.version or 1, envelope["payload"]))
        except ValidationError as error:
            return _malformed(error, envelope, "payload")
        except CannotUpcast as error:
            return Rejected("malformed", error.message, *_names(envelope))
    event = event_of(envelope, id=event_id, hlc=hlc, derived=derived)
    return Accepted(event, raw, content_hash(envelope, derived), note is None, note)


def _note(read: Envelope) -> Note | None:
    """Why an event is kept out of the fold. An ack ``sent`` comes before actor and status: it says nothing at all."""
    row = CATALOGUE.get(read.event_type)
    if says_nothing(read.event_type, read.payload):
        return "ack_sent"
    if row is None:
        return "unknown_type"
    if (read.version or 1) > row.version:
        return "newer_version"
    return None


def _hlc(read: Envelope) -> int:
    if read.hlc is not None:
        return read.hlc
    us = to_us(read.ts)
    if not 0 <= us <= MAX_SAFE_INTEGER:
        raise BadInput(f"ts: {read.ts} cannot stand in for hlc: it is not between the years 1970 and 2255.")
    return us


def _dressed(event_type: str, payload: Mapping[str, Any], student_id: str | None) -> dict[str, Any]:
    dressed = {name: value for name, value in payload.items() if value is not None}
    if student_id is not None and dressed.setdefault("student_id", student_id) != student_id:
        raise BadInput(
            f"The payload names the student {dressed['student_id']!r}, the event {student_id!r}.", "Name one of them."
        )
    if event_type == "progress_update" and _BESIDES_COMPLETED & dressed.keys():
        dressed.setdefault("completed", [])
    return dressed


def _check_names(**names: str | None) -> None:
    """Stricter than reading: these names end up in headers and on screens."""
    for field, name in names.items():
        if name is not None and not is_name(name):
            raise BadInput(f"{field}: {name[:60]!r} cannot be used.", "It needs 1 to 200 characters, no control ones.")


def _refusal(event_type: str, verdict: Rejected) -> BadInput:
    if verdict.reason == "too_large":
        return TooLarge(f"The {event_type} is too large: {verdict.detail}", "Shorten its texts, or leave some out.")
    return BadInput(f"The {event_type} is not valid: {verdict.detail}", "See docs/events.md for what it may have.")


def _who(row: EventType) -> str:
    return " or a ".join(sorted(row.actors))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", list: "an array", str: "a string"}.get(type(value), "a number")


def _malformed(error: ValidationError, envelope: dict[str, Any], within: str) -> Rejected:
    details = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in ((within,) if within else ()) + fault["loc"])
        words = _WORDS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        details.append(f"{place}: {words}" if place else words)
    text = "; ".join(details[:_MAX_DETAILS])
    if len(details) > _MAX_DETAILS:
        text += f"; and {len(details) - _MAX_DETAILS} more"
    return Rejected("malformed", _printable(text[:_MAX_DETAIL_CHARS]), *_names(envelope))


def _printable(text: str) -> str:
    """Names from the wire may hold control codes, and details end up on terminals."""
    return "".join(ascii(char)[1:-1] if unicodedata.category(char)[0] == "C" else char for char in text)


def _names(value: Any) -> tuple[str | None, str | None]:
    """Return the session and the event that a rejected value seems to name."""
    if not isinstance(value, dict):
        return None, None
    session_id, event_id = value.get("session_id"), value.get("id")
    return (
        session_id if isinstance(session_id, str) and is_name(session_id) else None,
        normal_id(event_id) if isinstance(event_id, str) and is_uuid(event_id) else None,
    )


def _lenient(raw: bytes) -> Any:
    """Read whatever Python can, only to learn which session garbage is of."""
    if len(raw) > _MAX_LENIENT_BYTES:
        return None
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
