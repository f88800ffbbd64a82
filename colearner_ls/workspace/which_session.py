"""Which session an explicit ``--session`` (or editor setting) means: a known one by a part of its id, or a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from colearner_ls.workspace.results import AmbiguousId
from colearner_ls.workspace.settings import Settings, read_config

if TYPE_CHECKING:
    from colearner_ls.journal.journal import Journal

SHORTEST_ID: Final = 4
"""An id may be given by any unique beginning or end of at least so many characters (cli.md)."""


def meant(journal: Journal, settings: Settings) -> tuple[Settings, str]:
    """The settings with the session that is meant, and a sentence where that is not just what was typed.

    A name that is known counts before any part of another. Raises :class:`AmbiguousId` where it begins or ends several.
    """
    given = settings.overrides.session
    if given is None or journal.bound_bus(given) is not None:
        return settings, ""
    known = {session.id for session in journal.sessions()}
    of_folder = read_config(settings.root).get("session")
    if of_folder is not None:
        known.add(of_folder)
    if given in known:
        return settings, ""
    matching = {each for each in known if each.startswith(given) or each.endswith(given)}
    if len(given) < SHORTEST_ID or not matching:
        return settings, f"Session “{given}” was not known here before; it is followed from now on."
    if len(matching) > 1:
        raise AmbiguousId(given, tuple(sorted(matching)))
    (session,) = matching
    overrides = replace(settings.overrides, session=session)
    return replace(settings, session=session, overrides=overrides), f"“{given}” means session “{session}” here."
