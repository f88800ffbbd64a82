"""``colearner share``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.workspace.requests import SetSharing

_MEANING = {
    "auto": "what you save in files of an exercise is told by itself: names and hashes, no contents",
    "ask": "progress is told by itself, files only after you have seen what would leave",
    "off": "nothing leaves by itself",
}


@verb("share")
@click.argument("mode", required=False, metavar="[auto|ask|off]", type=click.Choice(list(_MEANING)))
@click.pass_obj
def command(said: Said, mode: str | None) -> None:
    """Set what leaves this folder by itself, or show what is in force.

    auto: names and hashes of saved files of an exercise. ask: progress only. off: nothing. Whatever it is, contents of
    files leave only with what you submit or share yourself.
    """
    if mode is not None:
        write(said, lambda _workspace: SetSharing(mode), lambda _written: f"Sharing is {mode} now")
        return
    with workspace_of(said) as workspace:
        snapshot = workspace.snapshot()
        source = next((each.source for each in workspace.settings.sources if each.name == "sharing"), None)
    if snapshot.sharing != workspace.settings.sharing:
        source = "the session: sharing_changed"
    if said.json:
        output.document({"mode": snapshot.sharing, "source": source})
    else:
        output.lines([f"Sharing is {snapshot.sharing} ({source}): {_MEANING[snapshot.sharing]}."])
