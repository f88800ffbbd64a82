"""What people read: pure functions from a hand-made session to lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colearner_ls.cli.render.history import Known, exercise_lines, payload_lines, summary
from colearner_ls.cli.render.inbox import inbox_lines
from colearner_ls.cli.render.layout import PLAIN, Style, columns_of
from colearner_ls.cli.render.preview import SHOWN_LINES, preview_lines
from colearner_ls.cli.render.sessions import invite_lines
from colearner_ls.cli.render.status import status_lines, sync_words
from colearner_ls.contracts.catalogue import CATALOGUE
from colearner_ls.domain.inbox import waiting_for_coach, waiting_for_student
from colearner_ls.domain.state import LearnerState
from colearner_ls.workspace.invite import Invite
from colearner_ls.workspace.results import Preview, PreviewItem, SyncStatus
from tests.cli.samples import NOW, full_learner, hostile, minutes, snapshot
from tests.cli.test_plain import ESCAPES, harmless


def test_status_of_a_student() -> None:
    assert status_lines(snapshot(), NOW, PLAIN) == [
        "Session Onboarding · onboarding-01 · you are its student · stage practice · sharing ask",
        "",
        "Goals",
        "  know it",
        "",
        "Plan: 1 of 3 steps done",
        "  ✓  s1  done    read",
        "  ▸  s2  active  mend",
        "  ·  s3  later   more",
        "",
        "Exercises",
        "  00000001  revise     src/mean.py:5-7  Mend the mean · due 2027-01-01T00:00:00Z",
        "  00000002  withdrawn                   averages",
        "",
        "Feedback",
        "  00000014  revise  exercise 00000001  2 mistakes; next: handle []",
        "",
        "Stuck",
        "  00000032  lost",
        "",
        "Confidence",
        "  averages  25 %",
        "  reading   100 %",
        "",
        "Delivery",
        "  this machine's bus: connected, news from 3 min ago",
        "  2 events of yours not delivered yet",
        "",
        "Notices",
        "  Something to know.",
    ]


def test_status_of_a_coach_names_the_student_and_the_others() -> None:
    state = snapshot("coach")
    state = replace(
        state, session=replace(state.session, learners={"ann": state.me, "bob": LearnerState("bob")}, closed=True)
    )
    lines = status_lines(state, NOW, PLAIN)
    assert lines[0] == "Session Onboarding · onboarding-01 · you are its coach of ann · stage practice · closed"
    assert lines[1] == "  also here: bob"


def test_status_of_an_empty_session() -> None:
    lines = status_lines(snapshot(me=LearnerState("ann"), notices=()), NOW, PLAIN)
    assert [line for line in lines if line and not line.startswith(" ")] == [lines[0], "Delivery"]


def test_a_bus_that_is_away() -> None:
    sync = SyncStatus(
        "kafka://b:9092", embedded=False, last_error="b:9092 refused", waiting=1, refused=2, loading=("s-1",)
    )
    assert sync_words(sync, NOW) == [
        "kafka://b:9092: never heard from yet",
        "last problem: b:9092 refused",
        "1 event of yours not delivered yet",
        "2 events of yours refused by the bus; colearner doctor says why",
        "loading history of s-1",
    ]


def test_a_link_that_was_connected_when_its_process_ended_is_not_called_connected() -> None:
    sync = SyncStatus("kafka://b:9092", embedded=False, connected=True, seen_us=minutes(60), holder_pid=None)
    assert sync_words(sync, NOW) == ["kafka://b:9092: news from 1 h ago"]


def test_lines_fit_the_terminal() -> None:
    wide = full_learner()
    wide = replace(wide, exercises=tuple(replace(each, title="ü日" * 80) for each in wide.exercises))
    table = [line for line in status_lines(snapshot(me=wide), NOW, Style(width=60)) if line.startswith("  00")]
    assert len(table) == 4
    assert all(columns_of(line) <= 60 for line in table)
    assert table[0].endswith("…")


def test_inbox_of_a_student() -> None:
    assert inbox_lines(waiting_for_student(full_learner()), NOW, PLAIN) == [
        "00000028  request           50 min ago  src/*.py       show me",
        "00000014  feedback  revise  1 h ago     src/mean.py:5  handle [] · exercise 00000001",
        "0000003c  hint              30 min ago  src/mean.py:5  look",
        "00000001  exercise  revise  1 h ago     src/mean.py:5  Mend the mean · due 2027-01-01T00:00:00Z",
        "",
        "  request   colearner evidence PATH --request ID",
        "  feedback  colearner show ID · colearner ack ID",
        "  hint      colearner show ID · colearner ack ID",
        "  exercise  colearner show ID · colearner ack ID · colearner submit ID",
    ]


def test_inbox_of_a_coach_of_several() -> None:
    lines = inbox_lines(waiting_for_coach(snapshot("coach").session), NOW, PLAIN, several=True)
    assert lines[0].split()[:2] == ["00000032", "stuck"]
    assert "ann" in lines[0]
    assert inbox_lines((), NOW, PLAIN) == ["Nothing waits for you."]


@pytest.mark.parametrize("text", [*ESCAPES, "a\nb", "x" * 3000])
def test_hostile_text_is_harmless_everywhere(text: str) -> None:
    me = hostile(full_learner(), text)
    state = snapshot("coach", me)
    state = replace(state, session=replace(state.session, title=text), student_id=text, notices=(text,))
    known = Known(state.session, me, embedded=True)
    whole = text.encode("utf-8", "replace").decode()  # invites are made of what events hold: no half pairs
    lines = [
        *status_lines(state, NOW, PLAIN),
        *inbox_lines(waiting_for_student(me), NOW, PLAIN),
        *inbox_lines(waiting_for_coach(state.session), NOW, PLAIN, several=True),
        *(line for each in known.exercises.values() for line in exercise_lines(each, me, PLAIN)),
        *payload_lines({text: text, "list": [text, {"deep": text}], "number": 1.5, "nothing": None, "empty": []}),
        *invite_lines(Invite(*[whole] * 5, expires=whole), embedded=True),
    ]
    assert len(lines) > 40
    assert all(harmless(line) for line in lines)


ODD = [None, 3, "x", [], [3, None, {}], {}, {"path": 3}, True, "\x1b[31m\n", {"a": "b"}]


@pytest.mark.parametrize("event_type", [*CATALOGUE, "buddy.match.created", ""])
def test_no_payload_breaks_its_summary(event_type: str) -> None:
    fields = [
        "title",
        "topic",
        "anchors",
        "response",
        "evidence",
        "grade",
        "mistakes",
        "next_step",
        "completed",
        "confidence",
        "active_step",
        "files_changed",
        "path",
        "range",
        "note",
        "trigger",
        "reason",
        "mode",
        "summary",
        "hint",
        "anchor",
        "stage",
        "plan",
        "status",
        "text",
    ]
    for odd in ODD:
        assert harmless(summary(event_type, dict.fromkeys(fields, odd)))
    assert summary(event_type, {}) in ("", "0 steps")


@pytest.mark.parametrize(
    ("event_type", "payload", "words"),
    [
        (
            "exercise_assigned",
            {"topic": "t", "anchors": [{"path": "a.py", "range": {"start_line": 2, "end_line": 4}}]},
            "t · a.py:2-4",
        ),
        ("exercise_submission", {"response": "done", "evidence": ["1", "2"]}, "done · 2 evidence"),
        (
            "assessment_feedback",
            {"grade": "pass", "mistakes": ["x"], "next_step": "more"},
            "pass · 1 mistake · next: more",
        ),
        ("progress_update", {"completed": ["s1", "s2"], "confidence": {"t": 0.5}}, "done: s1, s2 · t 50 %"),
        (
            "progress_update",
            {"completed": [], "active_step": "s3", "files_changed": [{}]},
            "working on s3 · 1 file changed",
        ),
        ("lifecycle", {"stage": "note", "note": "well\ndone"}, "note · well done"),
        ("exercise_assigned_ack", {"status": "accepted"}, "accepted"),
    ],
)
def test_summaries(event_type: str, payload: dict[str, object], words: str) -> None:
    assert summary(event_type, payload) == words


def item(**more: object) -> PreviewItem:
    values = {
        "path": "src/mean.py",
        "start_line": 5,
        "end_line": 7,
        "bytes": 12,
        "hash": "sha256:00",
        "dirty": False,
        "deleted": False,
        "truncated": False,
        "redactions": (),
        "snippet": "a\n\tb\n",
    }
    return PreviewItem(**{**values, **more})  # type: ignore[arg-type]  # values of a table


def test_preview_shows_what_would_leave() -> None:
    masked = item(hash=None, truncated=True, dirty=True, redactions=(("aws-access-key", 2),), snippet="\x1b[31mx")
    preview = Preview("ex-1", (item(), masked), "my answer", (("pem-key", 1),), (("secret.bin", "not text"),))
    assert preview_lines(preview, PLAIN) == [
        "This would leave your machine:",
        "",
        "  your words, masked: 1 × pem-key:",
        "    │ my answer",
        "",
        "  src/mean.py:5-7  (12 bytes, with the file's hash)",
        "    │ a",
        "    │     b",
        "",
        "  src/mean.py:5-7  (12 bytes, unsaved, cut at the size limit), masked: 2 × aws-access-key",
        "    │ x",
        "",
        "These do not leave:",
        "  secret.bin: not text",
    ]


def test_preview_of_nothing_and_of_much() -> None:
    assert "no file and no words" in preview_lines(Preview(None, ()), PLAIN)[-1]
    much = preview_lines(Preview(None, (item(snippet="x\n" * 100),)), PLAIN)
    assert much[-1] == f"    … and {100 - SHOWN_LINES} lines more"
