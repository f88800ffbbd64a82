"""One walk in a real Neovim with its built-in LSP client, set up by README's own lines, and no plugin.

The test does what a person there can do: types keys, reads the screen. Every step's screen is kept under
``test-artifacts/neovim`` (SVG and text).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.checkouts import Checkouts, check_out
from demo.story import SAMPLE
from rigs.neovim import Neovim

pytestmark = [pytest.mark.neovim, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "test-artifacts" / "neovim"
PROGRAMS = Path(sys.executable).parent
FILE = "depgraph/graph.py"
LINE = 57
"""``def find_cycle`` in the sample."""
MISTAKE_LINE = 65
WALKED = "        for need in graph.needs(part):"


def _readme_lua() -> str:
    blocks = re.findall(r"^```lua\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


class Person:
    """Somebody with a checkout, a user data folder and the real ``colearner``."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COLEARNER_", "AAFW_"))}
        path = f"{PROGRAMS}{os.pathsep}{kept.get('PATH', '')}"
        self.environment = {**kept, "COLEARNER_HOME": str(home), "NO_COLOR": "1", "PATH": path}

    def says(self, *arguments: str) -> str:
        done = subprocess.run(
            ["colearner", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            executable=str(PROGRAMS / "colearner"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self) -> Any:
        return json.loads(self.says("--json", "status"))

    def history(self) -> list[str]:
        return [json.loads(line)["event_type"] for line in self.says("--json", "history").splitlines()]


@pytest.fixture
def people(tmp_path: Path) -> tuple[Person, Person]:
    (tmp_path / "bus").mkdir()
    checkouts: Checkouts = check_out(SAMPLE, tmp_path, is_sample=True)
    coach = Person(checkouts.coach, tmp_path / "coach-data")
    student = Person(checkouts.student, tmp_path / "student-data")
    bus = f"sqlite://{tmp_path / 'bus' / 'bus.db'}"
    said = coach.says("coach", "init", "--as", "kim", "--student", "ada", "--bus", bus)
    invite = re.search(r"colearner://join\?[^\s']+", said)
    assert invite is not None
    student.says("join", "--as", "ada", invite[0])
    coach.says("plan", _plan(tmp_path))
    return coach, student


def _plan(folder: Path) -> str:
    file = folder / "plan.md"
    file.write_text("- `cycles` find circles\n- `order` build order\n", encoding="utf-8")
    return str(file)


@pytest.fixture
def nvim(people: tuple[Person, Person], tmp_path: Path) -> Iterator[Neovim]:
    _, student = people
    init = tmp_path / "init.lua"
    # The screen is 110 columns; the rest is README's word for word.
    init.write_text("vim.o.number = true\nvim.o.swapfile = false\n" + _readme_lua(), encoding="utf-8")
    home = tmp_path / "nvim"
    with Neovim(student.folder, init=init, home=home, environment=student.environment, lines=36) as editor:
        yield editor


def _choose(nvim: Neovim, label: str, name: str) -> None:
    """Pick an entry of a numbered list, as :func:`inputlist` shows it."""

    def number() -> str | None:
        if not nvim.mode.startswith(("c", "r")):
            return None
        for line in nvim.screen_text().splitlines():
            found = re.match(r"\s*(\d+)[.:]\s+(.*)", line)
            if found and label in found[2]:
                return found[1]
        return None

    key = nvim.until(number, f"a list that offers {label}")
    nvim.save_screen(SCREENS / f"{name}.svg", name)
    nvim.type(f"{key}<CR>")
    nvim.until(lambda: not nvim.mode.startswith(("c", "r")), "the list is answered")
    if "Press ENTER" in nvim.screen_text():
        nvim.type("<CR>")


def _go_to(nvim: Neovim, line: int) -> None:
    """Go to a line; a question that pops up meanwhile is closed first, as a busy person does."""

    def there() -> bool:
        if nvim.mode.startswith(("c", "r")):
            nvim.type("<Esc>")
        elif nvim.lua("return vim.fn.line('.')") != line:
            nvim.type(f"{line}Gzz")
        else:
            return True
        return False

    nvim.until(there, f"the cursor is at line {line}")


def _shown(nvim: Neovim, words: str) -> str | None:
    """The screen line that holds these words."""
    return next((line for line in nvim.screen_text().splitlines() if words in line), None)


def test_a_student_works_in_neovim(people: tuple[Person, Person], nvim: Neovim) -> None:
    coach, student = people
    nvim.command(f"edit {FILE}")
    nvim.until(lambda: nvim.lua("return #vim.lsp.get_clients({ name = 'colearner' })") == 1, "the server is attached")

    # The exercise arrives while the student works: a question pops up, and the place is marked.
    coach.says(
        "assign", "--topic", "cycles", "--step", "cycles", "--at", f"{FILE}:{LINE}-{LINE + 1}", "--exercise", "Why?"
    )
    _choose(nvim, "Accept", "1-arrival")
    _go_to(nvim, LINE)
    line = nvim.until(lambda: _shown(nvim, "◆ cycles · accepted"), "the hint behind the line, after accepting")
    assert f"{LINE} def find_cycle" in line, line
    marks = nvim.until(lambda: nvim.lua(_DIAGNOSTICS), "the exercise as a diagnostic")
    assert [(mark["code"], mark["lnum"] + 1, mark["severity"]) for mark in marks] == [("exercise", LINE, "HINT")]
    nvim.until(lambda: _shown(nvim, "I'm stuck"), "the code lens above the line")
    nvim.save_screen(SCREENS / "2-accepted.svg", "accepted")
    assert "exercise_assigned_ack" in student.history()

    # Typing above it: the hint moves along, nothing is saved yet.
    nvim.type("ggO# base is reached twice,<CR>but nothing leads back.<Esc>")
    _go_to(nvim, LINE + 2)
    line = nvim.until(
        lambda: (found := _shown(nvim, "◆ cycles · accepted")) and f"{LINE + 2} def find_cycle" in found and found,
        "the hint two lines further down",
    )
    nvim.save_screen(SCREENS / "3-moved.svg", "moved")
    nvim.command("write")

    # The light bulb: submit, after a look at what would leave.
    nvim.type("gra")
    _choose(nvim, "Submit", "4-code-actions")
    _choose(nvim, "Submit", "5-preview")
    nvim.until(lambda: "exercise_submission" in student.history(), "the submission is in the journal")
    nvim.until(lambda: _shown(nvim, "◆ cycles · submitted"), "the hint says submitted")
    nvim.save_screen(SCREENS / "6-submitted.svg", "submitted")
    coach.says("sync", "--wait", "10")
    assert "cycles" in coach.says("inbox")

    # Feedback: the squiggle is at the line the coach meant, two lines further down here.
    exercise = coach.status()["exercises"][0]["exercise_id"]
    coach.says(
        *("feedback", exercise, "--grade", "revise", "--next-step", "Remember what is finished."),
        *("--mistake", f"{FILE}:{MISTAKE_LINE}: every diamond doubles the walk from here"),
    )

    def warnings() -> list[dict[str, Any]]:
        return [mark for mark in nvim.lua(_DIAGNOSTICS) if mark["severity"] == "WARN"]

    (squiggle,) = nvim.until(warnings, "the mistake as a warning")
    assert (squiggle["code"], squiggle["lnum"] + 1) == ("mistake", MISTAKE_LINE + 2)
    _go_to(nvim, MISTAKE_LINE + 2)
    nvim.until(lambda: "assessment_feedback_ack" in student.history(), "the receipt is in the journal")
    _go_to(nvim, MISTAKE_LINE + 2)
    nvim.until(lambda: _shown(nvim, "every diamond doubles the walk"), "the mistake is read under the line")
    nvim.until(lambda: _shown(nvim, "→ Remember what is finished."), "the next step behind the line")
    row = next(number for number, text in enumerate(nvim.screen_text().splitlines()) if WALKED in text)
    assert nvim.underlined(row, WALKED.strip()), "the line is underlined"
    nvim.save_screen(SCREENS / "7-squiggle.svg", "squiggle")


_DIAGNOSTICS = """
return vim.tbl_map(function(each)
  return { code = each.code, lnum = each.lnum, message = each.message,
           severity = vim.diagnostic.severity[each.severity] }
end, vim.diagnostic.get(0))
"""
