"""``colearner keys``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import family
from colearner_ls.cli.delivering import done, report
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.keys import keys_lines, keys_view, pinned_lines, pinned_view, short_kid
from colearner_ls.workspace.requests import AddKey, RevokeKey

if TYPE_CHECKING:
    from colearner_ls.contracts.signing import PublicKey
    from colearner_ls.workspace.door import Workspace


@family("keys")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Who speaks for the coach: the keys that count, your own, those of students, and what changed.

    In a session with keys, what claims to be the coach's without a signature by one of them is put aside. Without a verb:
    show them.
    """
    if ctx.invoked_subcommand is None:
        _list(ctx.ensure_object(Said))


@command.command("list", short_help="Show them (the default).")
@click.pass_obj
def _listing(said: Said) -> None:
    """Show the keys that count, your own, those of students, and what changed."""
    _list(said)


def _list(said: Said) -> None:
    from colearner_ls.workspace.keys import shown

    with workspace_of(said) as workspace:
        keys = shown(workspace)
    if said.json:
        output.document(keys_view(keys))
    else:
        output.lines(keys_lines(keys, output.style()))


@command.command("add", short_help="Let one more key speak for the coach.")
@click.argument("public_key")
@click.option("--note", metavar="T", help="Whose key it is.")
@click.pass_obj
def _add(said: Said, public_key: str, note: str | None) -> None:
    """Let PUBLIC_KEY speak for the coach as yours does: another coach, or yourself on another machine.

    They see it with colearner keys. Everybody in the session learns of it; yours has to count already.
    """
    _change(said, AddKey(public_key, note), "counts from now on")


@command.command("revoke", short_help="Let a key count no more.")
@click.argument("kid")
@click.option("--note", metavar="T", help="Why.")
@click.pass_obj
def _revoke(said: Said, kid: str, note: str | None) -> None:
    """Let the key KID (or its beginning or end, 4 characters or more) count no more, for everybody in the session.

    What was said with it before stays.
    """
    _change(said, RevokeKey(kid, note), "counts no more")


@command.command("trust", short_help="Pin a coach's key by hand, on this machine.")
@click.argument("public_key")
@click.pass_obj
def _trust(said: Said, public_key: str) -> None:
    """Pin PUBLIC_KEY as the coach's, on this machine: for a session joined without an invite, or with a new key.

    Get it from the coach by a way you trust. From then on what claims to be the coach's and is not signed is put aside,
    also what came before.
    """
    from colearner_ls.workspace.keys import trust_key

    _pin(said, lambda workspace: trust_key(workspace, public_key), pinned=True)


@command.command("distrust", short_help="Take back a key pinned on this machine.")
@click.argument("kid")
@click.pass_obj
def _distrust(said: Said, kid: str) -> None:
    """Take back the pin of the key KID (or its beginning or end), on this machine only.

    Without any pinned key the session is unverified.
    """
    from colearner_ls.workspace.keys import distrust_key

    _pin(said, lambda workspace: distrust_key(workspace, kid), pinned=False)


def _change(said: Said, request: AddKey | RevokeKey, what: str) -> None:
    with workspace_of(said) as workspace:
        written = done(workspace, request)
        stored = workspace.journal.event(written.event_id)
        kid = str(stored.event.payload.get("kid")) if stored is not None else ""
        report(workspace, said, written, f"Key {short_kid(kid)} {what}")


def _pin(said: Said, change: Callable[[Workspace], PublicKey], *, pinned: bool) -> None:
    with workspace_of(said) as workspace:
        key = change(workspace)
        session_id, trust = workspace.session_id, workspace.trust()
    if said.json:
        output.document(pinned_view(session_id, key, trust, pinned=pinned))
    else:
        output.lines(pinned_lines(key, trust, pinned=pinned))
