"""What the editor says about the session: ``initializationOptions`` and the settings section ``colearner``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

from colearner_ls.contracts.frozen import frozen

SECTION: Final = "colearner"

LABEL: Final = "editor setting"
"""How ``doctor`` names values from here."""


@frozen
class Options:
    """Each ``None`` where it is not said; empty text counts as not said (VS Code's default for a text setting)."""

    role: str | None = None
    session: str | None = None
    student: str | None = None
    author: str | None = None
    bus: str | None = None
    quiet: bool = False
    """Do not disturb: no messages pop up; everything is still there to be seen."""

    def overlaid(self, upper: Options) -> Options:
        """These options, with what ``upper`` says in front."""
        said = {name.name: value for name in fields(upper) if (value := getattr(upper, name.name))}
        return replace(self, **said)


@frozen
class Parsed:
    """Options and, in words, what of them could not be used."""

    options: Options
    problems: tuple[str, ...] = ()


def parse(given: object, where: str) -> Parsed:
    """Options from a received object; unknown keys are left alone, wrong types are told and left out."""
    if given is None:
        return Parsed(Options())
    if not isinstance(given, Mapping):
        return Parsed(Options(), (f"{where} should be an object, not {type(given).__name__}",))
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name in ("role", "session", "student", "author", "bus"):
        value = given.get(name)
        if isinstance(value, str) and value.strip():
            values[name] = value.strip()
        elif value is not None and not isinstance(value, str):
            problems.append(f"{where}: “{name}” should be text, not {type(value).__name__}")
    if values.get("role") not in (None, "coach", "student"):
        problems.append(f"{where}: “role” should be coach or student, not {values.pop('role')!r}")
    quiet = given.get("quiet", False)
    if isinstance(quiet, bool):
        values["quiet"] = quiet
    elif quiet is not None:
        problems.append(f"{where}: “quiet” should be true or false")
    return Parsed(Options(**values), tuple(problems))
