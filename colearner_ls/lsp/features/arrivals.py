"""Messages on arrival: at most one per event over all processes of the workspace, one summary after an absence."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lsprotocol import types

from colearner_ls.contracts.errors import ColearnerError, NoSession
from colearner_ls.domain.inbox import Waiting, waiting_for_coach, waiting_for_student
from colearner_ls.lsp.features import opening
from colearner_ls.lsp.views.words import count, one_line
from colearner_ls.workspace.results import NotLive, Snapshot

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer
    from colearner_ls.lsp.session import News
    from colearner_ls.workspace.door import Workspace

logger = logging.getLogger(__name__)

ABSENCE_S: Final = 1.0
"""After opening, what came while nobody was there is fetched first; then it is told at once."""

BATCH_S: Final = 0.2
"""What arrives within this many seconds is told together."""

IDLE_S: Final = 1.5
"""A message waits for a pause of so many seconds in typing: some editors (Neovim without plugins) show a question as a
prompt, into which the next keys would go."""

SHOW: Final = "Show"
ACCEPT: Final = "Accept"

UNTRUSTED: Final = (
    "Something claimed to come from the coach without the coach's signature. It was put aside: nothing of it is shown, "
    "and it changes nothing."
)

NOUNS: Final = {
    "exercise": "exercise",
    "feedback": "feedback",
    "hint": "hint",
    "submission": "submission",
    "evidence": "piece of evidence",
    "stuck": "call for help",
}
"""Kinds that are told, and what they are called in a summary."""


class Arrivals:
    """Decides what to tell, once it is sure that nobody else does."""

    def __init__(self, server: ColearnerServer) -> None:
        self.absence_s = ABSENCE_S
        self.idle_s = IDLE_S
        self._typed_at = float("-inf")
        self._server = server
        self._timer: asyncio.TimerHandle | None = None
        self._considered: set[str] = set()
        self._fresh: set[str] = set()
        """Feedback that came while the server ran: told even where a mistake of it, shown at once in an open file, has
        made it count as read."""
        self._noticed: set[str] = set()
        self._untrusted: set[tuple[str, int]] = set()
        """Session and number of untrusted events for which it was asked already whether to tell."""

    def on_news(self, news: News) -> None:
        """The session changed."""
        for notice in news.now.notices:
            if notice not in self._noticed:
                self._noticed.add(notice)
                self._server.log(notice, types.MessageType.Info)
        if news.before is not None:
            known = {feedback.id for feedback in news.before.me.feedback}
            self._fresh |= {feedback.id for feedback in news.now.me.feedback} - known
        if news.now.session_id in news.now.sync.loading or self._timer is not None:
            return
        wait_s = self.absence_s if news.before is None else BATCH_S
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._begin)

    def typed(self) -> None:
        """The person is typing."""
        self._typed_at = asyncio.get_running_loop().time()

    def close(self) -> None:
        """Tell nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        wait_s = self._typed_at + self.idle_s - loop.time()
        if wait_s > 0:
            self._timer = loop.call_later(wait_s, self._begin)
            return
        self._timer = None
        self._server.spawn(self._tell(), "message on arrival")

    async def _tell(self) -> None:
        server = self._server
        snapshot = server.session.snapshot
        if snapshot is None or server.options.quiet:
            return
        await self._warn(snapshot)
        fresh, self._fresh = self._fresh, set()
        new = {key: item for key, item in _unanswered(snapshot, fresh).items() if key not in self._considered}
        if not new:
            return
        self._considered |= set(new)
        claimed = await server.session.call(_claim, list(new))
        items = [new[key] for key in claimed]
        if len(items) == 1:
            await _one(server, snapshot, items[0])
        elif items:
            await _summary(server, snapshot, items)

    async def _warn(self, snapshot: Snapshot) -> None:
        """Say once, over all processes, that somebody pretends to be a coach of this session."""
        seen = (snapshot.session_id, snapshot.trust.untrusted)
        if not snapshot.trust.untrusted or seen in self._untrusted:
            return
        self._untrusted = {seen}
        if await self._server.session.call(_tell_untrusted):
            self._server.say(UNTRUSTED, types.MessageType.Warning)


def on_absent(server: ColearnerServer, problem: ColearnerError) -> None:
    """There is no session. Silent where nothing was ever set up; said once where something is in the way."""
    text = f"{problem.message} {problem.hint}".strip()
    if isinstance(problem, NoSession) and not isinstance(problem, NotLive):
        logger.info("%s", text)
        return
    kind = types.MessageType.Info if isinstance(problem, NotLive) else types.MessageType.Warning
    server.say(f"colearner: {text}", kind)


def _unanswered(snapshot: Snapshot, fresh: set[str]) -> dict[str, Waiting]:
    """Done key → what waits for the one who sits here and was not answered. A revised exercise is told again."""
    feedback = (replace(each, read=False) if each.id in fresh else each for each in snapshot.me.feedback)
    me = replace(snapshot.me, feedback=tuple(feedback))
    waiting = waiting_for_coach(snapshot.session) if snapshot.role == "coach" else waiting_for_student(me)
    events = {exercise.id: exercise.event_id for exercise in snapshot.me.exercises}
    found = {}
    for item in waiting:
        if item.kind not in NOUNS or (item.kind == "exercise" and item.status != "assigned"):
            continue
        found[f"message:{snapshot.role}:{events.get(item.id, item.id)}"] = item
    return found


def _tell_untrusted(workspace: Workspace) -> int:
    return workspace.tell_untrusted()


def _claim(workspace: Workspace, keys: list[str]) -> list[str]:
    return [key for key in keys if workspace.claim(key)]


async def _one(server: ColearnerServer, snapshot: Snapshot, item: Waiting) -> None:
    message = _message(item)
    choices = [SHOW, ACCEPT] if item.kind == "exercise" else [SHOW]
    if not server.client.show_message_request:
        server.say(message)
        return
    choice = await server.ask(message, choices)
    if choice == ACCEPT:
        from colearner_ls.workspace.requests import Acknowledge

        await server.session.do(Acknowledge(item.id, status="accepted"))
    if choice is not None:
        await show_item(server, item)


def _message(item: Waiting) -> str:
    where = f" ({one_line(item.path, 80)}{f':{item.line}' if item.line else ''})" if item.path else ""
    text, who = one_line(item.text, 140), one_line(item.student_id or "A student", 40)
    match item.kind:
        case "exercise":
            return f"New exercise: {text}{where}"
        case "feedback":
            verdict = "passed" if item.status == "pass" else "to revise"
            said = f": {text}" if item.text != item.status else ""  # without remarks the text is the grade itself
            return f"Feedback, {verdict}{said}{where}"
        case "hint":
            return f"Hint: {text}{where}"
        case "submission":
            return f"{who} submitted: {text}{where}"
        case "stuck":
            return f"{who} is stuck: {text}{where}"
        case _:
            return f"{who} shared: {text}{where}"


async def _summary(server: ColearnerServer, snapshot: Snapshot, items: list[Waiting]) -> None:
    counts = Counter(NOUNS[item.kind] for item in items)
    parts = [f"{number} feedback" if noun == "feedback" else _count(number, noun) for noun, number in counts.items()]
    message = f"Waiting for you: {', '.join(parts)}. First: {_message(items[0])}"
    if not server.client.show_message_request:
        server.say(message)
    elif await server.ask(message, [SHOW]) == SHOW:
        await show_item(server, items[0])


def _count(number: int, noun: str) -> str:
    if number > 1 and " " in noun:
        head, _, rest = noun.partition(" ")
        return f"{number} {head}s {rest}"
    return count(number, noun)


async def show_item(server: ColearnerServer, item: Waiting) -> None:
    """Show the place of what waits; feedback that was opened counts as read."""
    snapshot = server.session.snapshot
    if snapshot is None:
        return
    target = await opening.find(server, opening.anchors_of(snapshot.me, item.id))
    if target is not None:
        await opening.show(server, target)
    if item.kind == "feedback":
        server.receipts.shown([item.id])
