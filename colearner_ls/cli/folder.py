"""From the global options to an open workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from colearner_ls.cli import output
from colearner_ls.cli.options import Said

if TYPE_CHECKING:
    from colearner_ls.cli.arguments import Folder
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.settings import Settings


def settings_of(said: Said, student: str | None = None) -> Settings:
    """The settings of the folder the user means. Raises :class:`BadInput` for a broken config or address."""
    from colearner_ls.workspace.settings import Overrides, resolve

    overrides = Overrides(role=said.role, session=said.session, student=student, author=said.author, bus=said.bus)
    return resolve(said.start, overrides, os.environ)


@contextmanager
def workspace_of(said: Said) -> Iterator[Workspace]:
    """The open workspace; closed afterwards. Raises :class:`NoSession` where none is set up."""
    from colearner_ls.workspace.door import Workspace

    workspace = Workspace.open(settings_of(said))
    try:
        if workspace.remark:
            output.message(workspace.remark)
        yield workspace
    finally:
        workspace.close()


def paths_of(workspace: Workspace, said: Said) -> Folder:
    """Reads the paths the user types."""
    from colearner_ls.cli.arguments import Folder  # with the requests, which reading verbs do without

    return Folder(workspace.root, said.start)
