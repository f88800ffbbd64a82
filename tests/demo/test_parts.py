"""The demo's own parts: the stories fit their files, drawings show what they are given, differences are noticed."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from demo.drawing import draw
from demo.editor import View
from demo.failure import DemoFailedError
from demo.histories import by_id, differences
from demo.story import SAMPLE, Edit, any_story, sample_story


def _typed(text: str, edits: tuple[Edit, ...]) -> str:
    for edit in edits:
        assert text.count(edit.old) == 1, edit.old
        text = text.replace(edit.old, edit.new)
    return text


def _failing(folder: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "unittest", "-v"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return {line.split()[0] for line in done.stderr.splitlines() if line.endswith(("... FAIL", "... ERROR"))}


def test_the_sample_has_the_bug_and_both_tries_repair_it(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    shutil.copytree(SAMPLE, folder)
    story, file = sample_story(), folder / sample_story().path
    assert _failing(folder) == {"test_a_diamond_is_no_circle", "test_layers_of_the_shop"}
    text = file.read_text(encoding="utf-8")
    for edits in (story.first_try, story.second_try):
        text = _typed(text, edits)
        file.write_text(text, encoding="utf-8")
        assert _failing(folder) == set()


def test_the_sample_s_mistake_is_true(tmp_path: Path) -> None:
    """30 diamonds in a row: the first try does not come back, the second does at once."""
    folder = tmp_path / "sample"
    shutil.copytree(SAMPLE, folder)
    story, file = sample_story(), folder / sample_story().path
    first = _typed(file.read_text(encoding="utf-8"), story.first_try)
    chain = "from depgraph.reader import read; from depgraph.graph import find_cycle;"
    chain += "print(find_cycle(read(f'a{n}: l{n}, r{n}\\nl{n}: a{n+1}\\nr{n}: a{n+1}' for n in range(30))))"
    chain = chain.replace("read(f", "read('\\n'.join(f").replace("range(30))", "range(30)).split('\\n'))")
    for text, ends in ((first, False), (_typed(first, story.second_try), True)):
        file.write_text(text, encoding="utf-8")
        command = [sys.executable, "-B", "-c", chain]
        if ends:
            assert subprocess.run(command, cwd=folder, capture_output=True, timeout=20, check=True).stdout == b"None\n"
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                subprocess.run(command, cwd=folder, capture_output=True, timeout=2, check=True)


def test_a_story_is_found_in_any_folder(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "notes.txt").write_text("many words here\n" * 2000)
    code = "".join(f"value_{number} = compute({number})\n" for number in range(40))
    (tmp_path / "small.py").write_text(code)
    (tmp_path / "picture.py").write_bytes(b"\0" * 9000)
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    story = any_story(tmp_path)
    assert story.path == "small.py", "code comes before longer text"
    assert story.first_line != story.mistake_line
    typed = _typed(_typed(code, story.first_try), story.second_try)
    assert code.split("\n")[story.mistake_line - 1] in typed.split("\n")


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with pytest.raises(DemoFailedError, match="no text"):
        any_story(tmp_path)


VIEW = View(
    "a.py",
    tuple(f"line_{number} = {number}" for number in range(40)),
    hints=({"position": {"line": 9, "character": 10}, "label": "◆ topic · new", "paddingLeft": True},),
    lenses=({"range": {"start": {"line": 9, "character": 0}}, "command": {"title": "Submit", "command": "x"}},),
    diagnostics=(
        {
            "range": {"start": {"line": 30, "character": 0}, "end": {"line": 30, "character": 7}},
            "severity": 2,
            "source": "colearner",
            "code": "mistake",
            "message": "not this\nbut that",
        },
    ),
)


def _drawn(view: View) -> str:
    console = Console(width=80, file=io.StringIO())
    with console.capture() as captured:
        console.print(draw(view, "an editor", 80))
    return captured.get()


def test_a_drawing_holds_what_the_server_said_and_nothing_else() -> None:
    drawn = _drawn(VIEW)
    lines = drawn.splitlines()
    lens = next(number for number, line in enumerate(lines) if "Submit" in line)
    assert "10 │ line_9 = 9 ◆ topic · new" in lines[lens + 1]
    squiggle = next(number for number, line in enumerate(lines) if "~~~~~~~" in line)
    assert "31 │ line_30 = 30" in lines[squiggle - 1]
    assert "╰ warning: not this" in lines[squiggle + 1]
    assert "but that  [colearner/mistake]" in lines[squiggle + 2]
    assert all(len(line) == 80 for line in lines)
    bare = _drawn(replace(VIEW, hints=(), lenses=(), diagnostics=()))
    assert "◆" not in bare
    assert "~" not in bare
    assert "Submit" not in bare


def test_a_hint_in_utf16_columns_lands_behind_the_emoji() -> None:
    hint = {"position": {"line": 0, "character": 4}, "label": [{"value": "here"}]}
    assert "a🙂b" in (drawn := _drawn(View("a.txt", ("a🙂b",), (hint,), (), ())))
    assert "a🙂bhere" in drawn


def _event(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "event_type": "x", "payload": {}, "_delivery": "sent", **more}


def test_histories_differ_by_absence_and_by_content_only() -> None:
    one = by_id([_event(1), _event(2)])
    assert differences(one, by_id([_event(2, _delivery=None), _event(1)]), ("a", "b")) == []
    assert differences(one, by_id([_event(1)]), ("a", "b")) == ["only a has x e2"]
    assert differences(by_id([_event(1)]), one, ("a", "b")) == ["only b has x e2"]
    assert differences(one, by_id([_event(1), _event(2, payload={"k": 1})]), ("a", "b")) == ["they differ in x e2"]
