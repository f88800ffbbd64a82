"""Every command, on both sides: what it writes, what it asks, and what it says when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from colearner_ls.lsp import messages
from colearner_ls.lsp.commands.table import COMMANDS
from colearner_ls.workspace.requests import Assign, GiveHint, Place, ReportStuck, SetPlan, Step, Submit
from tests.lsp.in_process import Client
from tests.lsp.rig import ASSIGN, GRAPH, LOOP, Rig, change, editor, make_range, open_document, run

PLACE = {"start": {"line": LOOP, "character": 0}, "end": {"line": LOOP + 2, "character": 0}}
SECOND = Assign(topic="roots", exercise="Say what roots are.", title="Roots", places=(Place("src/graph.py", 15, 16),))


class Asked:
    """Answers questions and remembers them; ``None`` dismisses."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.questions: list[types.ShowMessageRequestParams] = []

    def __call__(self, client: Client) -> None:
        client.on(types.WINDOW_SHOW_MESSAGE_REQUEST, self._answer)
        client.allow(types.WINDOW_SHOW_MESSAGE)

    def _answer(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        self.questions.append(params)
        answer = self.answers.pop(0)
        return types.MessageActionItem(title=answer) if answer is not None else None

    @property
    def last(self) -> str:
        return self.questions[-1].message

    @property
    def buttons(self) -> list[str]:
        return [action.title for action in self.questions[-1].actions or []]


def quiet(client: Client) -> None:
    client.allow(types.WINDOW_SHOW_MESSAGE)


async def refused(client: Client, name: str, arguments: Any = None) -> JsonRpcException:
    with pytest.raises(JsonRpcException) as caught:
        await run(client, name, arguments)
    return caught.value


@pytest.fixture
async def student(rig: Rig) -> AsyncIterator[Client]:
    """A student's editor that cannot ask, with one exercise and its file open."""
    await rig.coach.say(SetPlan((Step("s1", "graphs"), Step("s2", "tests"))))
    await rig.coach.say(Assign(**{**_fields(ASSIGN), "step_id": "s1"}))
    await rig.student.fetch()
    async with editor(rig.student, "minimal", quiet) as client:
        open_document(client, rig.student.uri(), GRAPH)
        yield client


def _fields(request: Assign) -> dict[str, Any]:
    return {name: getattr(request, name) for name in request.__dataclass_fields__}


def state_of(rig: Rig) -> Any:
    return rig.student.workspace.snapshot().me


async def test_advertised_are_exactly_the_commands_that_are_built(rig: Rig) -> None:
    async with editor(rig.student, "minimal", quiet) as client:
        given = client.server.server_capabilities.execute_command_provider
        assert given is not None
        assert sorted(given.commands) == sorted(spec.name for spec in COMMANDS)
        problem = await refused(client, "colearner.runTests", {})
        assert problem.code == -32602


async def test_arguments_are_checked_before_anything_happens(rig: Rig) -> None:
    async with editor(rig.student, "minimal", quiet) as client:
        before = rig.student.workspace.snapshot().session.events
        for spec in COMMANDS:
            for wrong in ({"no_such_field": 1}, {"exercise_id": {"a": 1}, "uri": 7, "invite": 7, "wait": "x"}, "text"):
                problem = await refused(client, spec.name, wrong)
                assert problem.code == -32602, spec.name
            assert getattr(messages, spec.arguments).model_json_schema()["additionalProperties"] is False
        assert rig.student.workspace.snapshot().session.events == before


async def test_ack(student: Client, rig: Rig) -> None:
    exercise = state_of(rig).exercises[0]
    result = await run(student, "colearner.ack", {"exercise_id": exercise.id[-8:], "status": "declined"})
    assert messages.WrittenView.model_validate(result).event_type == "exercise_assigned_ack"
    assert state_of(rig).exercises[0].status == "declined"
    assert "give exactly one of" in (await refused(student, "colearner.ack", {})).message
    assert (
        "give exactly one of" in (await refused(student, "colearner.ack", {"exercise_id": "a", "hint_id": "b"})).message
    )
    problem = await refused(student, "colearner.ack", {"exercise_id": exercise.id, "status": "eaten"})
    assert (problem.code, problem.data["code"]) == (-32803, "bad_input")
    assert "accepted" in problem.data["hint"]
    assert (await refused(student, "colearner.ack", {"exercise_id": "nobody-knows"})).data["code"] == "unknown_target"


async def test_submit_needs_the_preview_to_be_seen(student: Client, rig: Rig) -> None:
    problem = await refused(student, "colearner.submit", {"response": "See AKIAIOSFODNN7EXAMPLE and more."})
    assert (problem.code, problem.data["code"]) == (-32803, "preview_required")
    preview = messages.PreviewView.model_validate(problem.data["preview"])
    (item,) = preview.items
    assert item.path == "src/graph.py"
    assert "while needs:" in item.snippet
    assert item.hash is not None
    assert not item.dirty
    assert state_of(rig).submissions == ()

    result = await run(student, "colearner.submit", {"response": "Done.", "confirm": True})
    view = messages.WrittenView.model_validate(result)
    assert view.event_type == "exercise_submission"
    assert view.delivery in ("local", "kept")
    (submission,) = state_of(rig).submissions
    assert list(submission.evidence) == view.evidence
    (evidence,) = state_of(rig).evidence
    assert evidence.payload["snippet"] == item.snippet


async def test_what_is_submitted_is_the_unsaved_text(student: Client, rig: Rig) -> None:
    change(student, rig.student.uri(), (LOOP, 4), (LOOP, 16), "for name in needs:")
    await run(student, "colearner.submit", {"confirm": True, "evidence": [{"uri": rig.student.uri(), "range": PLACE}]})
    first, second = state_of(rig).evidence
    for evidence in (first, second):
        assert "for name in needs:" in evidence.payload["snippet"]
        assert evidence.dirty
    assert second.payload["range"] == {"start_line": LOOP + 1, "end_line": LOOP + 2}


async def test_several_open_exercises_and_nobody_to_ask(student: Client, rig: Rig) -> None:
    await rig.coach.say(SECOND)
    await student.until(lambda: len(student.server.tracker.snapshot.me.exercises) == 2)
    problem = await refused(student, "colearner.submit", {"confirm": True})
    assert problem.data["code"] == "bad_input"
    assert "The endless loop" in problem.message
    assert "Roots" in problem.message


async def test_attach_evidence(student: Client, rig: Rig) -> None:
    arguments = {"uri": rig.student.uri(), "range": PLACE, "note": "this one"}
    assert (await refused(student, "colearner.attachEvidence", arguments)).data["code"] == "preview_required"
    await run(student, "colearner.attachEvidence", {**arguments, "confirm": True})
    (evidence,) = state_of(rig).evidence
    assert evidence.payload["range"] == {"start_line": LOOP + 1, "end_line": LOOP + 2}
    assert evidence.payload["note"] == "this one"
    outside = await refused(student, "colearner.attachEvidence", {"uri": "file:///etc/passwd", "confirm": True})
    assert outside.data["code"] == "bad_input"
    for uri in ("colearner:/plan.md", "http://[x", rig.student.uri("src/none.py")):
        problem = await refused(student, "colearner.attachEvidence", {"uri": uri, "confirm": True})
        assert problem.code == -32803
    past = {"uri": rig.student.uri(), "range": {"start": {"line": 900}, "end": {"line": 901}}, "confirm": True}
    assert "no lines" in (await refused(student, "colearner.attachEvidence", past)).message


async def test_mark_done(student: Client, rig: Rig) -> None:
    await run(student, "colearner.markDone", {"exercise_id": state_of(rig).exercises[0].id})
    assert state_of(rig).completed == ("s1",)
    await run(student, "colearner.markDone", {"step_id": "s2"})
    assert state_of(rig).completed == ("s1", "s2")
    assert (await refused(student, "colearner.markDone", {"step_id": "s9"})).data["code"] == "bad_input"
    assert "step" in (await refused(student, "colearner.markDone", {"exercise_id": "nope"})).message


async def test_stuck_and_resolve(student: Client, rig: Rig) -> None:
    assert "summary is missing" in (await refused(student, "colearner.stuck")).message
    await run(student, "colearner.stuck", {"uri": rig.student.uri(), "range": PLACE})
    assert state_of(rig).stuck[0].summary == "Stuck at src/graph.py:7"
    assert state_of(rig).stuck[0].anchor["quote"]["exact"].startswith("    while needs:")
    await run(student, "colearner.resolveStuck")
    assert state_of(rig).stuck[0].resolved_by is not None
    assert "Nobody is stuck" in (await refused(student, "colearner.resolveStuck")).message
    for words in ("one", "two"):
        await run(student, "colearner.stuck", {"summary": words})
    assert "stuck_id is missing" in (await refused(student, "colearner.resolveStuck")).message


async def test_a_range_without_a_document(student: Client) -> None:
    assert "no document" in (await refused(student, "colearner.stuck", {"summary": "x", "range": PLACE})).message


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("colearner.assign", {"topic": "t", "exercise": "e"}),
        ("colearner.feedback", {"exercise_id": "EXERCISE", "grade": "pass"}),
        ("colearner.hint", {"hint": "h"}),
    ],
)
async def test_a_student_cannot_say_what_a_coach_says(
    student: Client, rig: Rig, name: str, arguments: dict[str, Any]
) -> None:
    exercise = state_of(rig).exercises[0].id
    given = {key: exercise if value == "EXERCISE" else value for key, value in arguments.items()}
    problem = await refused(student, name, given)
    assert problem.data["code"] == "not_yours"
    assert "student" in problem.message


async def test_a_coach_s_commands(rig: Rig) -> None:
    uri = rig.coach.uri()
    async with editor(rig.coach, "minimal", quiet) as client:
        open_document(client, uri, GRAPH)
        arguments = {"topic": "loops", "exercise": "Explain.", "uri": uri, "range": PLACE, "tests": ["pytest -q"]}
        assigned = await run(client, "colearner.assign", arguments)
        me = await rig.student.hears(lambda seen: seen.me.exercises and seen.me)
        assert me.exercises[0].anchors[0]["range"] == {"start_line": LOOP + 1, "end_line": LOOP + 2}
        places = [{"uri": uri, "range": PLACE}, {"uri": uri}]
        again = {**arguments, "exercise_id": assigned["exercise_id"], "uri": None, "range": None, "places": places}
        await run(client, "colearner.assign", again)
        assert len(rig.coach.workspace.snapshot().me.exercises[0].anchors) == 2

        await rig.student.say(Submit(assigned["exercise_id"], "Here.", confirmed=True))
        await rig.student.say(ReportStuck("It never ends."))
        await rig.coach.hears(lambda seen: seen.me.submissions and seen.me.stuck)
        await run(client, "colearner.hint", {"hint": "Look at ready.", "uri": uri, "range": PLACE})
        mistakes = [{"text": "This.", "uri": uri, "range": PLACE}, {"text": "And that."}]
        verdict = {"exercise_id": assigned["exercise_id"], "grade": "revise", "mistakes": mistakes, "next_step": "Try."}
        await run(client, "colearner.feedback", {**verdict, "confidence_delta": 0.2})
        await run(client, "colearner.resolveStuck", {"note": "settled"})
        me = await rig.student.hears(lambda seen: seen.me.feedback and seen.me.stuck[0].resolved_by and seen.me)
        assert [mistake.text for mistake in me.feedback[0].mistakes] == ["This.", "And that."]
        assert me.feedback[0].mistakes[0].anchor["range"]["start_line"] == LOOP + 1
        assert me.hints[0].anchor is not None
        assert (await refused(client, "colearner.assign", {"topic": " ", "exercise": "x"})).data["code"] == "bad_input"
        unknown = {"exercise_id": "zzzz", "grade": "pass"}
        assert (await refused(client, "colearner.feedback", unknown)).data["code"] == "unknown_target"


async def test_the_question_before_a_submit(rig: Rig) -> None:
    await rig.coach.say(ASSIGN)
    await rig.coach.say(SECOND)
    await rig.student.fetch()
    asked = Asked(None)  # the summary of what came
    async with editor(rig.student, "vscode", asked) as client:
        await client.until(lambda: asked.questions)
        open_document(client, rig.student.uri(), GRAPH + "# unsaved\n")

        asked.answers = [None]
        assert await run(client, "colearner.submit") is None
        assert asked.last == "Which exercise do you submit?"
        assert asked.buttons == ["The endless loop", "Roots"]

        asked.answers = ["Roots", "Cancel"]
        assert await run(client, "colearner.submit", {"response": "They need nothing."}) is None
        assert asked.buttons == ["Submit", "Cancel"]
        assert asked.last.startswith("Submit “Roots”?\nThis leaves your machine:\n• your words: “They need nothing.”\n")
        assert "• src/graph.py lines" in asked.last
        assert "unsaved" in asked.last
        assert state_of(rig).submissions == ()

        asked.answers = ["Roots", "Submit"]
        result = await run(client, "colearner.submit", {"response": "They need nothing."})
        assert result["event_type"] == "exercise_submission"
        assert state_of(rig).submissions[0].response == "They need nothing."


async def test_what_was_masked_is_said(rig: Rig) -> None:
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    token = "ghp_" + "a1B2" * 9
    asked = Asked(None)
    async with editor(rig.student, "vscode", asked) as client:
        await client.until(lambda: asked.questions)
        open_document(client, rig.student.uri(), GRAPH.replace("while needs:", f"while needs:  # {token}"))
        asked.answers = ["Submit"]
        await run(client, "colearner.submit", {"response": f"I used {token}."})
        assert asked.last.count("masked: 1 × ") == 2
        assert token not in asked.last
    history = rig.student.workspace.history()
    assert all(token.encode() not in stored.raw for stored in history)


async def test_files_that_change_while_the_question_is_open(rig: Rig) -> None:
    """What leaves is what was shown: the person is asked again."""
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    asked = Asked(None)
    file = rig.student.root / "src/graph.py"
    async with editor(rig.student, "vscode", asked) as client:
        await client.until(lambda: asked.questions)
        answer = asked._answer

        def change_it(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
            if len(asked.questions) == 1:
                file.write_text(GRAPH.replace("done = []", "done = list()"), encoding="utf-8")
            return answer(params)

        client.on(types.WINDOW_SHOW_MESSAGE_REQUEST, change_it)
        asked.answers = ["Submit", "Submit"]
        await run(client, "colearner.submit")
        assert len(asked.questions) == 3
        assert "done = list()" in state_of(rig).evidence[0].payload["snippet"]


async def test_a_client_that_cannot_ask_after_all(rig: Rig) -> None:
    """It declares ``window/showMessageRequest`` and refuses it: the preview comes as the error's data."""
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    refusals = []

    def prepare(client: Client) -> None:
        def refuse(_: Any) -> None:
            refusals.append(1)
            raise ValueError("no user interface")

        client.on(types.WINDOW_SHOW_MESSAGE_REQUEST, refuse)
        client.allow(types.WINDOW_SHOW_MESSAGE)

    async with editor(rig.student, "vscode", prepare, options={"quiet": True}) as client:
        problem = await refused(client, "colearner.submit")
        assert problem.data["code"] == "preview_required"
        assert problem.data["preview"]["items"]
        assert (await refused(client, "colearner.submit")).data["code"] == "preview_required"
        assert len(refusals) == 1


async def test_open(rig: Rig) -> None:
    written = await rig.coach.say(ASSIGN)
    await rig.coach.say(GiveHint("No place."))
    await rig.student.fetch()
    shown: list[types.ShowDocumentParams] = []

    def show(params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        shown.append(params)
        return types.ShowDocumentResult(success=True)

    def prepare(client: Client) -> None:
        Asked(None)(client)
        client.on(types.WINDOW_SHOW_DOCUMENT, show)

    async with editor(rig.student, "neovim-0.11", prepare) as client:
        result = await run(client, "colearner.open", {"exercise_id": written.exercise_id})
        assert messages.OpenedView.model_validate(result).shown
        assert shown[0].uri == rig.student.uri()
        assert shown[0].selection == make_range((6, 0), (10, 27))
        assert (await run(client, "colearner.open"))["uri"] == rig.student.uri()
        hint = state_of(rig).hints[0].id
        assert await run(client, "colearner.open", {"hint_id": hint}) == {"shown": False}
        (rig.student.root / "src/graph.py").write_text("else\n", encoding="utf-8")
        lost = await run(client, "colearner.open", {"exercise_id": written.exercise_id})
        assert lost == {"uri": rig.student.uri(), "shown": True}
        assert (await refused(client, "colearner.open", {"exercise_id": "nope"})).data["code"] == "unknown_target"
    async with editor(rig.student, "minimal", quiet) as client:
        result = await run(client, "colearner.open", {"exercise_id": written.exercise_id})
        assert result["shown"] is False
        assert result["uri"] == rig.student.uri()


async def test_sync(rig: Rig) -> None:
    async with editor(rig.student, "minimal", quiet) as client:
        await client.until(lambda: client.server.session.snapshot.sync.connected)
        result = messages.SyncedResult.model_validate(await run(client, "colearner.sync", {"wait": 5}))
        assert result.delivered
        assert result.fetched
        assert result.sync.connected
        assert (await refused(client, "colearner.sync", {"wait": 999})).code == -32602


async def test_a_cancelled_question_writes_nothing(rig: Rig) -> None:
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    asked = Asked(None)
    async with editor(rig.student, "vscode", asked) as client:
        await client.until(lambda: asked.questions)

        async def never(params: types.ShowMessageRequestParams) -> None:
            asked.questions.append(params)
            await asyncio.Event().wait()

        client.on(types.WINDOW_SHOW_MESSAGE_REQUEST, never)
        with pytest.raises(TimeoutError):
            await run(client, "colearner.submit", timeout=1)
        assert len(asked.questions) == 2
        assert await client.next("$/cancelRequest")
    assert state_of(rig).submissions == ()
