"""Invites, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearner_ls.cli.render.plain import plain

if TYPE_CHECKING:
    from colearner_ls.workspace.invite import Invite


def invite_lines(invite: Invite, *, embedded: bool) -> list[str]:
    """The invite and what to do with it."""
    until = f", good until {plain(invite.expires)}" if invite.expires else ""
    lines = [f"Invite for the student{until}:", "", f"  colearner join '{plain(invite.url)}'", ""]
    lines += ["The same as text, for mail that breaks links:", "", f"  colearner join {plain(invite.text)}"]
    if invite.key is None:
        lines += ["", "The session is unverified: it began without keys, so there is none in the invite."]
    if embedded:
        lines += [
            "",
            "It works on this machine only: the session uses the embedded bus. For other machines give --bus kafka://…",
        ]
    return lines


def invite_view(invite: Invite) -> dict[str, Any]:
    """``InviteView``."""
    view = {
        "session_id": invite.session,
        "invite": invite.url,
        "text": invite.text,
        "student_id": invite.student,
        "expires": invite.expires,
        "kid": invite.kid,
    }
    return {name: value for name, value in view.items() if value is not None}
