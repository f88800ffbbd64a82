"""The invite, for people."""

from __future__ import annotations

from colearner_ls.cli.render.plain import plain


def invite_lines(invite: str, *, embedded: bool) -> list[str]:
    """The invite and what to do with it."""
    lines = ["", "Invite for the student:", "", f"  colearner join '{plain(invite)}'"]
    if embedded:
        lines += [
            "",
            "It works on this machine only: the session uses the embedded bus. For other machines give --bus kafka://…",
        ]
    return lines
