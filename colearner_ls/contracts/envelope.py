"""The envelope of every event (contracts.md, *Envelope*)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.event import Actor
from colearner_ls.contracts.ijson import MAX_SAFE_INTEGER
from colearner_ls.contracts.timestamps import to_us

UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
TS_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"
PLAIN_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]+$"


def _utc(ts: str) -> str:
    try:
        to_us(ts)
    except BadInput as error:
        raise ValueError(error.message) from None
    return ts


Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PLAIN_PATTERN)]
"""1 to 200 characters (code points), none of them a control character."""

Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
Timestamp = Annotated[
    str,
    AfterValidator(_utc),
    Field(json_schema_extra={"format": "date-time", "pattern": TS_PATTERN}),
]


_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")


def is_name(text: str) -> bool:
    """Tell whether ``text`` is a `Name`."""
    return _NAME.fullmatch(text) is not None


class Signature(BaseModel):
    """An Ed25519 signature over the canonical JSON of the envelope without ``sig``."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, defer_build=True)

    kid: str = Field(description="Name of the key: its JWK thumbprint (RFC 7638).")
    alg: str = Field(description="`EdDSA`.")
    value: str = Field(description="The signature: unpadded base64url of its 64 bytes.")
    public_key: str | None = Field(
        default=None, description="The Ed25519 public key that goes by this name, as it is shown in invites."
    )


class Envelope(BaseModel):
    """What every event has, whatever it says."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, defer_build=True)

    ts: Timestamp = Field(description="When it was said (RFC 3339, UTC, `Z`); for people, never for order.")
    actor: Actor = Field(description="The author's role.")
    session_id: Name = Field(description="Names the session: 1 to 200 characters, no control characters.")
    event_type: Name = Field(description="See the catalogue.")
    payload: dict[str, Any] = Field(description="See the catalogue.")
    id: Uuid | None = Field(
        default=None, description="Names the event for ever (we write UUIDv7); absent: derived from the five above."
    )
    hlc: Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)] | None = Field(
        default=None, description="Hybrid logical clock in µs: the order of the fold; absent: `ts`."
    )
    version: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)] | None = Field(
        default=None, description="Version of the payload's schema; absent: 1."
    )
    student_id: str | None = Field(
        default=None, description="Whose learning it is about; absent: `payload.student_id`."
    )
    author: str | None = Field(default=None, description="The person's or service's id; never identifies alone.")
    writer: Uuid | None = Field(default=None, description="Names the journal that the event was written in.")
    seq: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)] | None = Field(
        default=None, description="Gapless per (`writer`, `session_id`), from 1; a hole means that an event is missing."
    )
    causation_id: str | None = Field(default=None, description="Id of the event that this one answers.")
    correlation_id: str | None = Field(
        default=None, description="Id of the event (an exercise, an import) that it all belongs to."
    )
    sig: Signature | None = Field(default=None, description="Signature of the writer's key.")
