"""Payloads about the session as a whole."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from colearner_ls.contracts.payloads.parts import Part, Payload


class Repo(Part):
    """The repository that is worked in."""

    remote: str | None = Field(default=None, description="Its URL, without credentials.")
    commit: str | None = Field(default=None, description="The commit that was checked out.")


class SessionStarted(Payload):
    """Payload of ``session_started``."""

    session_id: str | None = Field(default=None, description="Same as the envelope's.")
    coach_id: str | None = Field(default=None, description="Who coaches.")
    title: str | None = Field(default=None, description="What people call the session.")
    repo: Repo | None = Field(default=None, description="The repository that is worked in.")


class SessionClosed(Payload):
    """Payload of ``session_closed``."""

    session_id: str | None = Field(default=None, description="Same as the envelope's.")
    summary: dict[str, Any] | None = Field(default=None, description="Free figures or remarks for the record.")


class Lifecycle(Payload):
    """Payload of ``lifecycle``."""

    stage: Literal["init", "plan", "practice", "review", "done", "note", "insight"] = Field(
        description="The stage that begins; `note` and `insight` are remarks and change no stage."
    )
    note: str | None = Field(default=None, description="A remark.")


class _Key(Payload):
    kid: str = Field(description="Name of the key: its JWK thumbprint (RFC 7638).")
    public_key: str | None = Field(
        default=None, description="The Ed25519 public key: unpadded base64url of its 32 bytes."
    )
    role: str | None = Field(
        default=None, description="Whom it speaks for: `coach` (also for services; so where absent) or `service`."
    )
    note: str | None = Field(default=None, description="A remark.")


class KeyAdded(_Key):
    """Payload of ``key_added``."""


class KeyRevoked(_Key):
    """Payload of ``key_revoked``."""
