"""Hover and the lightbulb."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from colearner_ls.domain.state import Mistake
from colearner_ls.lsp.views.code_actions import code_actions
from colearner_ls.lsp.views.diagnostics import Able, diagnostics
from colearner_ls.lsp.views.hovers import Hovered, hover
from colearner_ls.lsp.views.marks import DocumentView
from tests.lsp.views.made import PLAN, anchor, exercise, feedback, hint, learner, stuck, view

FULL = exercise(
    title="The loop",
    exercise="Find it.\n\n[click](command:evil)",
    expected="An error.",
    tests=("pytest -q",),
    hints=("What is ready?",),
    due="2026-02-01",
    step_id="s1",
)


def content(found: Hovered | None) -> str:
    assert found is not None
    assert isinstance(found.hover.contents, types.MarkupContent)
    return found.hover.contents.value


def test_all_of_an_exercise() -> None:
    text = content(hover(view(learner(FULL, plan=PLAN)), types.Position(3, 1), as_markdown=True))
    for part in (
        "**The loop** · next",
        "Find it",
        "**Expected:** An error",
        "`pytest -q`",
        "What is ready",
        "**Due:**",
    ):
        assert part in text
    assert "](command" not in text


def test_plain_text_for_a_client_without_markdown() -> None:
    found = hover(view(learner(FULL, plan=PLAN)), types.Position(2, 0), as_markdown=False)
    assert found is not None
    assert isinstance(found.hover.contents, types.MarkupContent)
    assert found.hover.contents.kind is types.MarkupKind.PlainText
    assert "**" not in content(found)
    assert "Test: pytest -q" in content(found)


def test_nothing_elsewhere() -> None:
    shown = view(learner(FULL))
    assert hover(shown, types.Position(0, 0), as_markdown=True) is None
    assert hover(shown, types.Position(999, 9), as_markdown=True) is None


def test_a_mistake_counts_as_read() -> None:
    verdict = feedback(Mistake("It `never` ends.", anchor(3, 3)), next_step="Try two.")
    found = hover(view(learner(FULL, feedback=(verdict,))), types.Position(2, 5), as_markdown=True)
    assert "**Mistake**" in content(found)
    assert "**Next step:** Try two" in content(found)
    assert found is not None
    assert found.feedback == ("fb-1",)


def test_a_lost_exercise_can_still_be_read_on_line_one() -> None:
    assert "The loop" in content(hover(view(learner(FULL), text="else\n"), types.Position(0, 2), as_markdown=True))


def found_actions(
    shown: DocumentView, line: int, end: tuple[int, int] | None = None, **context: Any
) -> list[tuple[str, str]]:
    selection = types.Range(types.Position(line, 0), types.Position(*(end or (line, 0))))
    given = types.CodeActionContext(diagnostics=context.pop("diagnostics", []), **context)
    return [(str(each.kind.value), each.title) for each in code_actions(shown, selection, given) if each.kind]


def test_a_student_on_an_exercise() -> None:
    assert found_actions(view(learner(FULL, plan=PLAN)), 3) == [
        ("quickfix", "Accept “The loop”"),
        ("quickfix", "Submit evidence for “The loop”"),
        ("quickfix", "Attach selection as evidence for “The loop”"),
        ("quickfix", "Mark step “graphs” done"),
        ("quickfix", "I'm stuck here"),
    ]


def test_a_student_anywhere() -> None:
    assert found_actions(view(learner(FULL, plan=PLAN)), 0) == [
        ("source", "Accept “The loop”"),
        ("source", "Submit evidence for “The loop”"),
        ("source", "Attach selection as evidence for “The loop”"),
        ("source", "Mark step “graphs” done"),
        ("source", "I'm stuck here"),
    ]
    assert found_actions(view(learner()), 0) == []


def test_a_step_that_is_done_is_not_offered() -> None:
    titles = [title for _, title in found_actions(view(learner(FULL, plan=PLAN, completed=("s1",))), 3)]
    assert "Mark step “graphs” done" not in titles


def test_only_the_kinds_asked_for() -> None:
    shown = view(learner(FULL, plan=PLAN))
    assert found_actions(shown, 3, only=[types.CodeActionKind.Source]) == []
    assert len(found_actions(shown, 3, only=[types.CodeActionKind.QuickFix])) == 5
    assert len(found_actions(shown, 3, only=[types.CodeActionKind.Empty])) == 5
    assert found_actions(shown, 3, only=[types.CodeActionKind.RefactorExtract]) == []


def test_a_quickfix_names_the_diagnostics_it_is_for() -> None:
    shown = view(learner(FULL, plan=PLAN))
    given = diagnostics(shown, Able(data=True))
    foreign = types.Diagnostic(range=given[0].range, message="x", source="ruff")
    selection = types.Range(types.Position(3, 0), types.Position(3, 0))
    accept = code_actions(shown, selection, types.CodeActionContext(diagnostics=[*given, foreign]))[0]
    assert accept.diagnostics == given


def test_the_selection_is_taken_as_whole_lines() -> None:
    selection = types.Range(types.Position(2, 4), types.Position(4, 0))
    shown = view(learner(FULL))
    attach = next(
        each
        for each in code_actions(shown, selection, types.CodeActionContext(diagnostics=[]))
        if each.title.startswith("Attach")
    )
    assert attach.command is not None
    assert attach.command.arguments is not None
    assert attach.command.arguments[0]["range"] == {
        "start": {"line": 2, "character": 0},
        "end": {"line": 3, "character": 12},
    }


def test_mistakes_and_hints_can_be_settled() -> None:
    verdict = feedback(Mistake("first", anchor(1, 1)), Mistake("second", anchor(5, 5)))
    shown = view(learner(exercise(status="revise"), feedback=(verdict,), hints=(hint("Look."),)))
    selection = types.Range(types.Position(4, 0), types.Position(4, 0))
    (settle, *_) = code_actions(shown, selection, types.CodeActionContext(diagnostics=[]))
    assert settle.command is not None
    assert settle.command.arguments == [{"feedback_id": "fb-1", "status": "addressed", "mistake": 1}]
    assert ("quickfix", "Got it") in found_actions(shown, 1)


def test_a_coach_assigns_anywhere_and_assesses_where_something_waits() -> None:
    waiting = learner(exercise(status="submitted", submissions=("sub-1",)), stuck=(stuck("help"),))
    shown = view(waiting, role="coach")
    assert found_actions(shown, 2) == [
        ("quickfix", "ada: Pass"),
        ("quickfix", "ada: Revise"),
        ("quickfix", "ada: Revise “dependency graph”, look here again"),
        ("source", "Assign here: explain this code"),
        ("source", "Assign here: write a test for this code"),
        ("source", "Assign here: improve this code"),
    ]
    assert found_actions(shown, 4)[0] == ("quickfix", "ada is stuck: help · Resolve")
