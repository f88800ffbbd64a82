"""Messages on arrival: once per event over all processes, one summary after an absence, none when not to disturb."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lsprotocol import types

from colearner_ls.workspace.requests import Acknowledge, GiveFeedback, GiveHint, ReportStuck, Submit, Withdraw
from tests.lsp.in_process import Client
from tests.lsp.rig import ASSIGN, GRAPH, Rig, change, diagnostics, editor, open_document
from tests.lsp.test_commands import SECOND, Asked


class Told:
    """Collects the plain messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def __call__(self, client: Client) -> None:
        client.on(types.WINDOW_SHOW_MESSAGE, lambda params: self.messages.append(params.message))


def shows(shown: list[types.ShowDocumentParams], *prepare: Callable[[Client], None]) -> Callable[[Client], None]:
    def show(params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        shown.append(params)
        return types.ShowDocumentResult(success=True)

    def prepared(client: Client) -> None:
        for each in prepare:
            each(client)
        client.on(types.WINDOW_SHOW_DOCUMENT, show)

    return prepared


async def settled(client: Client) -> None:
    """Nothing is on its way to the person any more."""
    arrivals = client.server.arrivals  # type: ignore[attr-defined]  # ours
    await client.until(lambda: arrivals._timer is None and not client.server._tasks)  # type: ignore[attr-defined]


async def test_show_opens_the_place(rig: Rig) -> None:
    shown: list[types.ShowDocumentParams] = []
    asked = Asked("Show")
    async with editor(rig.student, "vscode", shows(shown, asked)) as client:
        await rig.coach.say(ASSIGN)
        await client.until(lambda: shown)
        assert shown[0].uri == rig.student.uri()
        assert shown[0].selection is not None
        assert shown[0].selection.start.line == 6
        assert rig.student.workspace.snapshot().me.exercises[0].status == "assigned"


async def test_a_client_that_cannot_ask_is_told(rig: Rig) -> None:
    told = Told()
    async with editor(rig.student, "minimal", told) as client:
        await rig.coach.say(ASSIGN)
        await client.until(lambda: told.messages)
        await settled(client)
    assert told.messages == ["New exercise: The endless loop (src/graph.py:7)"]


async def test_each_kind_in_its_own_words(rig: Rig) -> None:
    told = Told()
    async with editor(rig.student, "minimal", told) as client:
        written = await rig.coach.say(ASSIGN)
        await client.until(lambda: len(told.messages) == 1)
        await rig.coach.say(GiveHint("What if nothing is ready?"))
        await client.until(lambda: len(told.messages) == 2)
        await rig.coach.say(GiveFeedback(written.exercise_id or "", "revise", next_step="Try two names."))
        await client.until(lambda: len(told.messages) == 3)
        await rig.coach.say(GiveFeedback(written.exercise_id or "", "pass"))
        await client.until(lambda: len(told.messages) == 4)
    assert told.messages[1:] == [
        "Hint: What if nothing is ready?",
        "Feedback, to revise: Try two names.",
        "Feedback, passed",
    ]


async def test_a_coach_hears_of_submissions_and_of_who_is_stuck(rig: Rig) -> None:
    told = Told()
    async with editor(rig.coach, "minimal", told) as client:
        written = await rig.coach.say(ASSIGN)
        await rig.student.fetch()
        await rig.student.say(Submit(written.exercise_id, "Here it is.", confirmed=True))
        await client.until(lambda: len(told.messages) == 1)
        await rig.student.say(ReportStuck("It never ends."))
        await client.until(lambda: len(told.messages) == 2)
    assert told.messages == ["ada submitted: Here it is. (src/graph.py:7)", "ada is stuck: It never ends."]


async def test_one_summary_after_an_absence_and_never_again(rig: Rig) -> None:
    await rig.coach.say(ASSIGN)
    await rig.coach.say(SECOND)
    await rig.coach.say(GiveHint("Look."))
    told, again = Told(), Told()
    async with editor(rig.student, "minimal", told) as client:
        await client.until(lambda: told.messages)
        await settled(client)
    assert told.messages == ["Waiting for you: 1 hint, 2 exercises. First: Hint: Look."]
    async with editor(rig.student, "minimal", again) as client:
        await client.until(lambda: client.server.session.snapshot.sync.connected)  # type: ignore[attr-defined]
        await settled(client)
    assert again.messages == []


async def test_what_was_answered_elsewhere_is_not_told(rig: Rig) -> None:
    written = await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    await rig.student.say(Acknowledge(written.exercise_id or "", "accepted"))
    second = await rig.coach.say(SECOND)
    await rig.coach.say(Withdraw(second.exercise_id or ""))
    await rig.student.fetch()
    told = Told()
    async with editor(rig.student, "minimal", told) as client:
        await settled(client)
    assert told.messages == []


async def test_two_editors_on_one_workspace(rig: Rig) -> None:
    """One message and one receipt, whoever is first."""
    first, second = Told(), Told()
    uri = rig.student.uri()
    async with editor(rig.student, "neovim-0.12", first) as one, editor(rig.student, "vscode", second) as two:
        for client in (one, two):
            client.on(types.WINDOW_SHOW_MESSAGE_REQUEST, lambda params: first.messages.append(params.message))
            open_document(client, uri, GRAPH)
        written = await rig.coach.say(ASSIGN)
        for client in (one, two):
            await client.until(lambda client=client: client.server.tracker.snapshot.me.exercises)  # type: ignore[misc]
            await settled(client)
        assert first.messages + second.messages == ["New exercise: The endless loop (src/graph.py:7)"]
        await rig.coach.say(GiveFeedback(written.exercise_id or "", "revise", mistakes=(_mistake(),)))
        for client in (one, two):
            await client.until(lambda client=client: client.server.tracker.snapshot.me.feedback)  # type: ignore[misc]
            assert any(each.code == "mistake" for each in await diagnostics(client, uri))
            await settled(client)
        await rig.coach.hears(lambda seen: seen.me.feedback[0].read)
    receipts = rig.student.workspace.history(["assessment_feedback_ack"])
    assert len(receipts) == 1
    assert len(first.messages + second.messages) == 2


def _mistake() -> Any:
    from colearner_ls.workspace.requests import MistakeAt, Place

    return MistakeAt("Never ends.", Place("src/graph.py", 7, 7))


async def test_do_not_disturb(rig: Rig) -> None:
    told = Told()
    async with editor(rig.student, "minimal", told, options={"quiet": True}) as client:
        await rig.coach.say(ASSIGN)
        await client.until(lambda: client.server.tracker.snapshot.me.exercises)  # type: ignore[attr-defined]
        await settled(client)
    assert told.messages == []
    async with editor(rig.student, "minimal", told) as client:
        await client.until(lambda: told.messages)
        await settled(client)
    assert len(told.messages) == 1


async def test_hostile_words_in_a_message(rig: Rig) -> None:
    from dataclasses import replace

    told = Told()
    async with editor(rig.student, "minimal", told) as client:
        await rig.coach.say(replace(ASSIGN, title="\x1b]0;owned\x07 \u202egnol" + "x" * 300, places=()))
        await client.until(lambda: told.messages)
    assert told.messages[0].isprintable()
    assert len(told.messages[0]) < 180


async def test_a_message_waits_for_a_pause_in_typing(rig: Rig) -> None:
    told, uri = Told(), rig.student.uri()
    async with editor(rig.student, "minimal", told) as client:
        client.server.arrivals.idle_s = 2.5  # type: ignore[attr-defined]
        open_document(client, uri, GRAPH)
        stop = asyncio.Event()

        async def type_on() -> None:
            version = 2
            while not stop.is_set():
                change(client, uri, (0, 0), (0, 0), "x", version=version)
                version += 1
                await asyncio.sleep(0.02)

        typing = asyncio.ensure_future(type_on())
        await rig.coach.say(ASSIGN)
        await client.until(lambda: client.server.tracker.snapshot.me.exercises)  # type: ignore[attr-defined]
        await asyncio.sleep(0.5)
        assert told.messages == []
        stop.set()
        await typing
        await client.until(lambda: told.messages)


async def test_a_dismissed_message_is_that(rig: Rig) -> None:
    asked = Asked(None)
    async with editor(rig.student, "vscode", asked) as client:
        await rig.coach.say(ASSIGN)
        await client.until(lambda: asked.questions)
        await settled(client)
    assert rig.student.workspace.snapshot().me.exercises[0].status == "assigned"


async def test_a_message_left_open_does_not_keep_the_server(rig: Rig) -> None:
    asked: list[Any] = []

    def prepare(client: Client) -> None:
        async def never(params: Any) -> None:
            asked.append(params)
            await asyncio.Event().wait()

        client.on(types.WINDOW_SHOW_MESSAGE_REQUEST, never)

    async with editor(rig.student, "vscode", prepare) as client:
        await rig.coach.say(ASSIGN)
        await client.until(lambda: asked)
        client.allow("$/cancelRequest")
