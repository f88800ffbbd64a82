"""Global options stand on either side of the verb; the prefixes are short for --role; help says what there is."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from colearner_ls.cli.catalogue import BY_NAME, VERBS
from colearner_ls.cli.commands import root
from colearner_ls.cli.reference import markdown
from tests.cli.conftest import Folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--offline", "hint", "x"],
        ["hint", "x", "--json", "--offline"],
        ["--offline", "hint", "--json", "x"],
        ["coach", "--json", "hint", "x", "--offline"],
        ["--json", "coach", "--offline", "hint", "x"],
        ["--role", "coach", "hint", "x", "--json", "--offline"],
    ],
)
def test_either_side_of_the_verb(coach: Folder, arguments: list[str]) -> None:
    doc = coach(*arguments).doc
    assert (doc["event_type"], doc["delivery"]) == ("coach_hint", "kept")


def test_the_last_word_counts(coach: Folder) -> None:
    assert coach("--as", "one", "student", "stuck", "x", "--as", "two", "--offline").code == 0
    assert coach("history", "--json").docs[-1]["author"] == "two"
    assert coach("--role", "student", "coach", "hint", "x", "--offline").code == 0
    assert coach("student", "hint", "x", "--offline", "--role", "coach").code == 0
    assert coach("coach", "hint", "x", "--offline", "--role", "student").code == 5
    assert coach("--wait", "0", "hint", "x").out.endswith("(4 waiting).\n")
    assert coach("--no-wait", "hint", "x", "--wait", "2").out.endswith("on this machine's bus.\n")


def test_a_prefix_is_the_role_and_help_shows_its_verbs(coach: Folder) -> None:
    for prefix, mine, theirs in (("coach", "assign", "submit"), ("student", "submit", "assign")):
        help_text = coach(prefix, "--help").out
        words = {line.split()[0] for line in help_text.splitlines() if line.startswith("  ") and line.strip()}
        assert {mine, "status"} <= words
        assert theirs not in words


def test_the_workspace_may_be_named_from_anywhere(coach: Folder, tmp_path: Path) -> None:
    for flag in ("--workspace", "-C"):
        ran = coach(
            "assign",
            "--topic",
            "t",
            "--exercise",
            "x",
            "--at",
            "mean.py:4",
            flag,
            str(coach.path / "src"),
            cwd=tmp_path,
        )
        assert ran.code == 0, ran
    assert coach("status", "--json").doc["exercises"][0]["anchors"][0]["path"] == "src/mean.py"


def test_help_of_everything(nowhere: Folder) -> None:
    for verb in VERBS:
        ran = nowhere(verb.name, "-h")
        assert ran.code == 0
        assert ran.out.startswith(f"Usage: colearner {verb.name}")
        assert "--workspace" in ran.out
    assert nowhere("--help").code == 0
    assert nowhere("quarantine", "drop", "--help").code == 0


def test_the_catalogue_is_what_the_modules_hold() -> None:
    ctx = click.Context(root())
    for name, verb in BY_NAME.items():
        command = root().get_command(ctx, name)
        assert command is not None
        assert command.name == name
        assert command.help, name
        assert verb.summary.endswith(".")
        shadowed = {option for param in command.params for option in param.opts}
        assert not shadowed.intersection(
            {"--json", "--yes", "--role", "--session", "--bus", "--as", "--wait", "--offline"}
        ), name


def test_the_reference_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    assert page.read_text(encoding="utf-8") == markdown(), "python -m colearner_ls.cli.reference > docs/cli.md"


def test_version(nowhere: Folder) -> None:
    from colearner_ls import __version__

    assert nowhere("--version").out == f"colearner {__version__}\n"
    assert nowhere("--json", "--version").out == f"colearner {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(nowhere: Folder, shell: str) -> None:
    ran = nowhere("completion", shell)
    assert ran.code == 0
    assert "_COLEARNER_COMPLETE" in ran.out
