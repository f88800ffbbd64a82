"""Where hints and lenses stand, in every encoding, and what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colearner_ls.domain.state import Mistake
from colearner_ls.domain.text import Encoding
from colearner_ls.lsp.views.code_lenses import code_lenses
from colearner_ls.lsp.views.inlay_hints import inlay_hints
from colearner_ls.lsp.views.marks import DocumentView
from tests.lsp.views.made import PLAN, TEXT, anchor, exercise, feedback, hint, learner, stuck, view

ALL = (0, 1000)


def labels(shown: DocumentView, lines: tuple[int, int] = ALL) -> list[tuple[int, int, str]]:
    return [(each.position.line, each.position.character, str(each.label)) for each in inlay_hints(shown, lines)]


def titles(shown: DocumentView, *, with_labels: bool = False) -> list[tuple[int, str]]:
    return [
        (each.range.start.line, each.command.title)
        for each in code_lenses(shown, with_labels=with_labels)
        if each.command
    ]


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "◆ dependency graph · new"),
        ({"step_id": "s1"}, "◆ dependency graph · next"),
        ({"step_id": "s9"}, "◆ dependency graph · new"),
        ({"status": "accepted", "step_id": "s1"}, "◆ dependency graph · accepted"),
        ({"status": "submitted"}, "◆ dependency graph · submitted"),
        ({"topic": "", "title": "A title"}, "◆ A title · new"),
        ({"topic": "a\nb\u202e\x1b" + "c" * 200}, "◆ a b" + "c" * 36 + "… · new"),
    ],
)
def test_the_label(changes: dict[str, object], label: str) -> None:
    assert labels(view(learner(exercise(**changes), plan=PLAN))) == [(2, 16, label)]


@pytest.mark.parametrize("status", ["passed", "declined", "withdrawn"])
def test_what_is_over_is_not_shown(status: str) -> None:
    shown = view(learner(exercise(status=status)))
    assert (labels(shown), titles(shown)) == ([], [])


@pytest.mark.parametrize(
    ("encoding", "column"), [("utf-8", 2 + 4 + 4 + 4), ("utf-16", 1 + 2 + 2 + 4), ("utf-32", 3 + 4)]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_positions_count_in_the_client_s_units(encoding: Encoding, column: int, end: str) -> None:
    text = end.join(["one\x0c", "é😋😋 = 1", "three", ""])
    shown = view(learner(exercise(anchors=(anchor(2, 2, text),))), text=text, encoding=encoding)
    assert labels(shown) == [(1, column, "◆ dependency graph · new")]


def test_only_the_lines_asked_for() -> None:
    shown = view(learner(exercise()))
    assert labels(shown, (0, 1)) == []
    assert len(labels(shown, (2, 2))) == 1


def test_several_exercises_on_one_line() -> None:
    shown = view(learner(exercise(), exercise(id="ex-2", topic="loops")))
    assert [label for _, _, label in labels(shown)] == ["◆ dependency graph · new", "◆ loops · new"]


def test_the_next_step_stands_where_the_exercise_is() -> None:
    verdict = feedback(Mistake("wrong", anchor(5, 5)), next_step="Try two names.")
    shown = view(learner(exercise(status="revise"), feedback=(verdict,)))
    assert labels(shown) == [(2, 16, "◆ dependency graph · revise"), (2, 16, "→ Try two names.")]


def test_the_next_step_of_a_newer_verdict_only() -> None:
    old, new = feedback(id="fb-0", next_step="Old."), feedback(next_step="New.")
    shown = view(learner(exercise(status="revise"), feedback=(old, new)))
    assert [label for _, _, label in labels(shown)][1:] == ["→ New."]


def test_a_lost_place_has_neither_hint_nor_lens() -> None:
    shown = view(learner(exercise()), text="something else\n")
    assert (labels(shown), titles(shown)) == ([], [])


def test_a_student_s_lenses() -> None:
    assert titles(view(learner(exercise()))) == [(2, "Accept"), (2, "Submit"), (2, "I'm stuck")]
    assert titles(view(learner(exercise(status="accepted")))) == [(2, "Submit"), (2, "I'm stuck")]
    assert titles(view(learner(exercise(status="submitted")))) == [(2, "Submit again"), (2, "I'm stuck")]
    labelled = titles(view(learner(exercise(status="accepted"))), with_labels=True)
    assert labelled[0] == (2, "◆ dependency graph · accepted")


def test_every_lens_has_all_of_its_arguments() -> None:
    lenses = code_lenses(view(learner(exercise())), with_labels=True)
    assert all(lens.command and lens.command.arguments for lens in lenses)
    stuck_lens = lenses[-1].command
    assert stuck_lens is not None
    assert stuck_lens.arguments == [
        {
            "summary": "Stuck on “dependency graph” at src/graph.py:3",
            "exercise_id": "ex-1",
            "uri": "file:///w/src/graph.py",
            "range": {"start": {"line": 2, "character": 0}, "end": {"line": 3, "character": 12}},
        }
    ]


def test_a_hint_of_the_coach() -> None:
    assert titles(view(learner(hints=(hint("Look at the **queue**."),)))) == [
        (1, "Hint: Look at the **queue**."),
        (1, "Got it"),
    ]
    assert titles(view(learner(hints=(hint("x", acked=True),)))) == []


def test_a_coach_s_lenses_say_whose_it_is() -> None:
    mine = learner(exercise(status="submitted", submissions=("sub-1", "sub-2")))
    theirs = learner(exercise(status="submitted", submissions=("sub-3",)), student="bob")
    shown = view(mine, theirs, learner(exercise(), student="cleo"), role="coach")
    assert titles(shown) == [
        (2, "◆ dependency graph · 2 submissions of 3"),
        (2, "ada: Pass"),
        (2, "ada: Revise"),
        (2, "bob: Pass"),
        (2, "bob: Revise"),
    ]
    passing = code_lenses(shown, with_labels=False)[3].command
    assert passing is not None
    assert passing.arguments == [{"exercise_id": "ex-1", "submission_id": "sub-3", "grade": "pass"}]


def test_a_coach_sees_who_is_stuck() -> None:
    shown = view(learner(stuck=(stuck("It never ends"),)), role="coach")
    assert titles(shown) == [(4, "ada is stuck: It never ends · Resolve")]
    settled = replace(stuck("x"), resolved_by="event")
    assert titles(view(learner(stuck=(settled,)), role="coach")) == []
    assert titles(view(learner(stuck=(stuck("x"),)), role="student")) == []


@pytest.mark.parametrize(
    "payload",
    [
        {"path": "../../etc/passwd", "range": {"start_line": 1}},
        {"path": "/etc/passwd", "range": {"start_line": 1}},
        {"path": "src\\graph.py", "range": {"start_line": 1}},
        {"path": 7},
        {},
        {"path": "src/graph.py", "range": {"start_line": 999}},
        {"path": "src/graph.py", "range": "3", "quote": 7},
    ],
)
def test_a_hostile_anchor_shows_nothing(payload: dict[str, object]) -> None:
    shown = view(learner(exercise(anchors=(payload,))))
    assert labels(shown) == []
    assert shown.text == TEXT
