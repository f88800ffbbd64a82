"""Every string that a student writes is screened for credentials before it is stored (trust.md)."""

from __future__ import annotations

from typing import overload


@overload
def screened(text: str) -> str: ...
@overload
def screened(text: None) -> None: ...


def screened(text: str | None) -> str | None:
    """``text`` with credentials masked as ``«redacted:rule»``."""
    if text is None:
        return None
    from colearner_ls.evidence.redaction import redact

    return redact(text).text
