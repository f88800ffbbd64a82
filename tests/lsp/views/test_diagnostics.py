"""Diagnostics: severity, code, place, data, and what is lost."""

from __future__ import annotations

from typing import Any

from lsprotocol.types import DiagnosticSeverity

from colearner_ls.domain.state import Mistake, Submission
from colearner_ls.lsp.views.diagnostics import Able, diagnostics, feedback_ids, fingerprint
from colearner_ls.lsp.views.marks import DocumentView
from tests.lsp.views.made import TEXT, anchor, exercise, feedback, hint, learner, stuck, view

ALL = Able(related=True, data=True)


def rows(shown: DocumentView) -> list[tuple[Any, ...]]:
    return [
        (each.code, each.severity, each.range.start.line, each.range.end.line, each.message)
        for each in diagnostics(shown, ALL)
    ]


def test_an_exercise_is_a_hint_on_its_range() -> None:
    (item,) = diagnostics(view(learner(exercise(title="The loop"))), ALL)
    assert (item.source, item.code, item.severity) == ("colearner", "exercise", DiagnosticSeverity.Hint)
    assert (item.range.start.line, item.range.start.character) == (2, 0)
    assert (item.range.end.line, item.range.end.character) == (3, 12)
    assert item.message == "The loop: Find the loop."
    assert item.data == {"exercise_id": "ex-1"}


def test_what_the_client_does_not_take_is_left_out() -> None:
    verdict = feedback(Mistake("wrong", anchor(5, 5)))
    for item in diagnostics(view(learner(exercise(status="revise"), feedback=(verdict,))), Able()):
        assert (item.data, item.related_information, item.code_description) == (None, None, None)


def test_a_link_to_the_documentation_where_there_is_one() -> None:
    (item,) = diagnostics(view(learner(exercise())), Able(docs="https://example.org/lsp.md#diagnostics"))
    assert item.code_description is not None
    assert item.code_description.href == "https://example.org/lsp.md#diagnostics"


def test_mistakes_are_warnings_at_their_places_or_on_line_one() -> None:
    verdict = feedback(Mistake("here", anchor(5, 5)), Mistake("somewhere", None))
    shown = view(learner(exercise(status="revise"), feedback=(verdict,)))
    warning = DiagnosticSeverity.Warning
    assert [row for row in rows(shown) if row[0] == "mistake"] == [
        ("mistake", warning, 0, 0, "somewhere"),
        ("mistake", warning, 4, 4, "here"),
    ]
    assert list(feedback_ids(shown)) == ["fb-1", "fb-1"]


def test_a_mistake_points_to_what_was_assessed() -> None:
    said = Submission("sub-1", 5, "2026-01-01T00:00:05.000000Z", "ex-1", "", (), None, (), "ada")
    verdict = feedback(Mistake("here", anchor(5, 5)), submission_id="sub-1")
    shown = view(learner(exercise(status="revise"), feedback=(verdict,), submissions=(said,)))
    item = next(each for each in diagnostics(shown, ALL) if each.code == "mistake")
    assert item.related_information is not None
    (related,) = item.related_information
    assert related.message == "the submission of 2026-01-01T00:00:05.000000Z: dependency graph"
    assert related.location.range.start.line == 2


def test_mistakes_go_once_addressed_passed_or_assessed_anew() -> None:
    addressed = feedback(Mistake("here", anchor(5, 5), addressed=True))
    assert len(rows(view(learner(exercise(status="revise"), feedback=(addressed,))))) == 1
    old, new = feedback(Mistake("old", anchor(5, 5)), id="fb-0"), feedback(Mistake("new", anchor(5, 5)))
    messages = [row[4] for row in rows(view(learner(exercise(status="revise"), feedback=(old, new))))]
    assert messages == ["dependency graph: Find the loop.", "new"]
    passed = feedback(Mistake("still", anchor(5, 5)), grade="pass")
    assert len(rows(view(learner(exercise(status="passed"), feedback=(passed,))))) == 1
    read = feedback(Mistake("still", anchor(5, 5)), grade="pass", read=True)
    assert rows(view(learner(exercise(status="passed"), feedback=(read,)))) == []


def test_a_lost_anchor_is_shown_on_line_one_with_its_quote() -> None:
    (row,) = rows(view(learner(exercise()), text="something else\nhere\n"))
    assert row[:4] == ("lost-anchor", DiagnosticSeverity.Information, 0, 0)
    assert "Find the loop." in row[4]
    assert "“while needs: pass”" in row[4]
    verdict = feedback(Mistake("wrong", anchor(5, 5)))
    lost = rows(view(learner(exercise(status="revise"), feedback=(verdict,)), text="else\n"))
    assert ("lost-anchor", DiagnosticSeverity.Warning) in [row[:2] for row in lost]


def test_an_empty_document_has_a_first_line() -> None:
    (row,) = rows(view(learner(exercise()), text=""))
    assert row[:4] == ("lost-anchor", DiagnosticSeverity.Information, 0, 0)


def test_hints_and_calls_for_help() -> None:
    shown = view(learner(hints=(hint("Look."),)))
    assert rows(shown) == [("hint", DiagnosticSeverity.Information, 1, 1, "Hint: Look.")]
    shown = view(learner(exercise(), stuck=(stuck("It never ends"),)), role="coach")
    assert rows(shown) == [("stuck", DiagnosticSeverity.Information, 4, 4, "ada is stuck: It never ends")]


def test_hostile_words_are_plain_and_bounded() -> None:
    shown = view(learner(exercise(exercise="\x1b[31m\u202e" + "x" * 5000)))
    (row,) = rows(shown)
    assert "\x1b" not in row[4]
    assert "\u202e" not in row[4]
    assert len(row[4]) < 600


def test_the_fingerprint_changes_with_what_is_shown() -> None:
    one = diagnostics(view(learner(exercise())), ALL)
    same = diagnostics(view(learner(exercise())), ALL)
    moved = diagnostics(view(learner(exercise()), text="\n" + TEXT), ALL)
    other = diagnostics(view(learner(exercise(exercise="Another."))), ALL)
    assert fingerprint(one) == fingerprint(same)
    assert len({fingerprint(each) for each in (one, moved, other, [])}) == 4
