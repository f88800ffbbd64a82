"""The main job through the editor: assigned, seen, moved with typing, submitted, assessed, seen again."""

from __future__ import annotations

from lsprotocol import types

from colearner_ls.workspace.requests import GiveFeedback, MistakeAt, Place
from tests.lsp.in_process import Client
from tests.lsp.rig import (
    ASSIGN,
    GRAPH,
    LOOP,
    Rig,
    actions,
    change,
    diagnostics,
    editor,
    hints,
    lenses,
    open_document,
    run,
)

LABEL = "◆ dependency graph · new"


async def test_the_main_job(rig: Rig) -> None:
    uri = rig.student.uri()
    questions: list[types.ShowMessageRequestParams] = []
    answers = ["Accept", "Submit"]

    def prepare(client: Client) -> None:
        def answer(params: types.ShowMessageRequestParams) -> types.MessageActionItem:
            questions.append(params)
            return types.MessageActionItem(title=answers[len(questions) - 1])

        client.on(types.WINDOW_SHOW_MESSAGE_REQUEST, answer)
        client.on(types.WINDOW_SHOW_DOCUMENT, lambda _: types.ShowDocumentResult(success=True))
        client.allow(types.WINDOW_SHOW_MESSAGE)

    async with editor(rig.student, "vscode", prepare) as client:
        open_document(client, uri, GRAPH)
        assert await hints(client, uri) == []

        exercise = await rig.coach.say(ASSIGN)
        await client.until(lambda: questions)
        assert questions[0].message == "New exercise: The endless loop (src/graph.py:7)"
        assert [action.title for action in questions[0].actions or []] == ["Show", "Accept"]
        accepted = await rig.coach.hears(lambda seen: [each.status for each in seen.me.exercises] == ["accepted"])
        assert accepted
        assert await hints(client, uri) == [(LOOP, 16, "◆ dependency graph · accepted")]

        change(client, uri, (0, 0), (0, 0), "# one\n# two\n")
        assert await hints(client, uri) == [(LOOP + 2, 16, "◆ dependency graph · accepted")]
        assert {line for line, *_ in await lenses(client, uri)} == {LOOP + 2}

        result = await run(client, "colearner.submit", {"response": "It stops now."})
        assert "src/graph.py lines" in questions[1].message
        assert "unsaved" in questions[1].message
        assert result["event_type"] == "exercise_submission"
        assert len(result["evidence"]) == 1
        await rig.coach.hears(lambda seen: seen.me.submissions)

        mistake = MistakeAt("This line never ends.", Place("src/graph.py", 8, 8))
        feedback = GiveFeedback(exercise.exercise_id or "", "revise", (mistake,), next_step="Try two names.")
        await rig.coach.say(feedback)
        answers.append("Show")
        await client.until(lambda: len(questions) == 3)
        found = await diagnostics(client, uri)
        warning = next(each for each in found if each.code == "mistake")
        assert warning.message == "This line never ends."
        assert warning.range.start.line == LOOP + 3
        assert (LOOP + 2, 16, "→ Try two names.") in await hints(client, uri)
        await rig.coach.hears(lambda seen: seen.me.feedback[0].read)
        found_actions = await actions(client, uri, (LOOP + 3, 0), (LOOP + 3, 0), diagnostics=found)
        assert "Mark as addressed: This line never ends." in [action.title for action in found_actions]
