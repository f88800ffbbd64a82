"""What people do: in an editor by LSP, in a terminal by commands. Each is a use case of the product."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rigs.soak.peer import Peer, RefusedError

if TYPE_CHECKING:
    from rigs.soak.desk import Desk

TOPICS: Final = ("graphs", "sorting", "naming")
"""Feedback moves the confidence in these; a student's own word is on another topic, so that the sum can be checked."""

DELTA: Final = 0.0005
"""Small: a sum of thousands stays below 1, where confidence is clamped."""

SOURCE: Final = '"""A file to work on."""\n\n\n' + "\n\n".join(
    f"def step_{number}(needs):\n    ready = [name for name in needs if not needs[name]]\n    return ready, {number}\n"
    for number in range(12)
)
LONGEST: Final = 400
"""Lines; a file that has grown beyond is reset, as by a checkout."""


@dataclass
class Editor:
    """One open file and a person before it."""

    peer: Peer
    desk: Desk
    chance: random.Random
    path: str
    text: str = SOURCE
    version: int = 1
    typed: int = field(default=0)

    @property
    def uri(self) -> str:
        """Of the open file."""
        return (self.desk.folder / self.path).as_uri()

    def open(self) -> None:
        """Open the file as it is on disk."""
        self.text = (self.desk.folder / self.path).read_text(encoding="utf-8")
        document = {"uri": self.uri, "languageId": "python", "version": self.version, "text": self.text}
        self.peer.notify("textDocument/didOpen", {"textDocument": document})

    def choose(self) -> Callable[[], None]:
        """What to do next."""
        common: list[tuple[Callable[[], None], int]] = [(self.write, 6), (self.save, 2), (self.look, 3)]
        own: list[tuple[Callable[[], None], int]] = (
            [(self.assign, 2), (self.hint, 2), (self.hint_often, 2), (self.assess, 4)]
            if self.desk.role == "coach"
            else [
                *((self.accept, 2), (self.submit, 4), (self.call_for_help, 1), (self.attach, 1)),
                *((self.finish_step, 1), (self.finish_many, 2)),
            ]
        )
        acts = common + own
        return self.chance.choices([act for act, _ in acts], [weight for _, weight in acts])[0]

    # -- what both do

    def write(self) -> None:
        """Type a few lines and look at the hints after each."""
        for _ in range(self.chance.randint(1, 3)):
            line = self.chance.randint(0, 20)
            self.typed += 1
            self._change(line, f"# {self.desk.role} {self.typed}\n")
            self._ask("textDocument/inlayHint", self._whole())
        if self.text.count("\n") > LONGEST:
            self.text, self.version = SOURCE, self.version + 1
            document = {"uri": self.uri, "version": self.version}
            self.peer.notify(
                "textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": self.text}]}
            )

    def _change(self, line: int, new: str) -> None:
        lines = self.text.splitlines(keepends=True)
        self.text = "".join([*lines[:line], new, *lines[line:]])
        self.version += 1
        place = {"line": line, "character": 0}
        change = {"range": {"start": place, "end": place}, "text": new}
        self.peer.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": self.uri, "version": self.version}, "contentChanges": [change]},
        )

    def save(self) -> None:
        """Write the file and say so."""
        (self.desk.folder / self.path).write_text(self.text, encoding="utf-8")
        self.peer.notify("textDocument/didSave", {"textDocument": {"uri": self.uri}})

    def look(self) -> None:
        """The sidebar, lenses and a hover."""
        state = self._ask("colearner/state", {}) or {}
        self.desk.exercises = {each["exercise_id"]: each["status"] for each in state.get("exercises", ())}
        self.desk.stuck = [str(each["id"]) for each in state.get("queue", ()) if each.get("kind") == "stuck"]
        self._ask("textDocument/codeLens", {"textDocument": {"uri": self.uri}})
        place = {"line": self.chance.randint(0, 20), "character": 2}
        self._ask("textDocument/hover", {"textDocument": {"uri": self.uri}, "position": place})

    # -- a coach

    def assign(self) -> None:
        """An exercise at a line."""
        arguments = {
            "topic": self.chance.choice(TOPICS),
            "exercise": "Say what comes first.",
            "uri": self.uri,
            "range": self._line(),
        }
        self._run("colearner.assign", arguments)

    def hint(self) -> None:
        """A word of help."""
        known = list(self.desk.exercises)
        named = {"exercise_id": self.chance.choice(known)} if known and self.chance.random() < 0.7 else {}
        self._run("colearner.hint", {"hint": f"Draw it. ({self.chance.randrange(10**6)})", **named})

    def hint_often(self) -> None:
        """Words of help as fast as they can be sent, so that faults hit something on its way."""
        self._burst("colearner.hint", [{"hint": f"Line {number}."} for number in range(self.chance.randint(3, 15))])

    def assess(self) -> None:
        """Feedback to what was submitted; where nothing was, a hint."""
        submitted = [each for each, status in self.desk.exercises.items() if status == "submitted"]
        if not submitted:
            self.look()
            return
        arguments = {
            "exercise_id": self.chance.choice(submitted),
            "grade": self.chance.choice(("pass", "revise")),
            "topic": self.chance.choice(TOPICS),
            "confidence_delta": DELTA,
            "mistakes": [{"text": "Look again.", "uri": self.uri, "range": self._line()}],
        }
        self._run("colearner.feedback", arguments)

    # -- a student

    def accept(self) -> None:
        """Say yes to an exercise."""
        for exercise in self._in("assigned"):
            self._run("colearner.ack", {"exercise_id": exercise, "status": "accepted"})

    def submit(self) -> None:
        """Hand an exercise in."""
        for exercise in self._in("assigned", "accepted", "revise"):
            arguments = {"exercise_id": exercise, "response": "It is a graph.", "confirm": True}
            self._run("colearner.submit", arguments)

    def call_for_help(self) -> None:
        """Stuck, here."""
        self._run("colearner.stuck", {"summary": "What is a name?", "uri": self.uri, "range": self._line()})

    def attach(self) -> None:
        """Share some lines."""
        self._run("colearner.attachEvidence", {"uri": self.uri, "range": self._line(), "confirm": True})

    def finish_step(self) -> None:
        """A step of the plan is done."""
        self._run("colearner.markDone", {"step_id": f"s{self.chance.randint(1, 9)}"})

    def finish_many(self) -> None:
        """Steps of the plan as fast as they can be ticked off."""
        steps = [f"s{self.chance.randint(1, 9)}" for _ in range(self.chance.randint(3, 15))]
        self._burst("colearner.markDone", [{"step_id": step} for step in steps])

    # -- how

    def _in(self, *statuses: str) -> Sequence[str]:
        fitting = [each for each, status in self.desk.exercises.items() if status in statuses]
        if not fitting:
            self.look()
        return [self.chance.choice(fitting)] if fitting else []

    def _line(self) -> dict[str, Any]:
        line = self.chance.randint(3, 20)
        return {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 1}}

    def _whole(self) -> dict[str, Any]:
        end = {"line": self.text.count("\n"), "character": 0}
        return {"textDocument": {"uri": self.uri}, "range": {"start": {"line": 0, "character": 0}, "end": end}}

    def _ask(self, method: str, params: Any) -> Any:
        return self.desk.timed(self.peer, method, params)

    def _run(self, command: str, arguments: Mapping[str, Any]) -> None:
        # Not timed with the others: a command waits up to a second to be able to say "sent".
        result, _ = self.peer.request("workspace/executeCommand", {"command": command, "arguments": [arguments]})
        self.desk.acknowledged("colearner-ls", result)

    def _burst(self, command: str, each: Sequence[Mapping[str, Any]]) -> None:
        method = "workspace/executeCommand"
        numbers = [self.peer.ask(method, {"command": command, "arguments": [arguments]}) for arguments in each]
        for number in numbers:
            try:
                self.desk.acknowledged("colearner-ls", self.peer.result(number, method))
            except RefusedError as error:
                self.desk.refused(error)


def command_line(role: str, chance: random.Random, exercises: Mapping[str, str], stuck: Sequence[str]) -> list[str]:
    """Arguments of the next command of this side."""
    wait = chance.choice((["--no-wait"], ["--wait", "1"], []))
    verb = _verb(role, chance, exercises, stuck)
    return verb if verb[0] == "sync" else [*verb, *wait]


def _verb(role: str, chance: random.Random, exercises: Mapping[str, str], stuck: Sequence[str]) -> list[str]:
    number = str(chance.randrange(10**6))
    either = [["stage", "note", "--note", number], ["status"], ["sync"], ["inbox"]]
    if role == "coach":
        submitted = [each for each, status in exercises.items() if status == "submitted"]
        own = [
            ["assign", "--topic", chance.choice(TOPICS), "--exercise", number, "--at", "src/first.py:4-5"],
            ["hint", number],
            ["hint", number],
        ]
        own += [["resolve", chance.choice(stuck), "--note", number]] if stuck else []
        if submitted:
            feedback = ["feedback", chance.choice(submitted), "--grade", chance.choice(("pass", "revise"))]
            own += 2 * [[*feedback, "--topic", chance.choice(TOPICS), "--confidence-delta", str(DELTA)]]
    else:
        open_ones = [each for each, status in exercises.items() if status in ("assigned", "accepted", "revise")]
        own = [
            ["progress", "--completed", f"s{chance.randint(1, 9)}"],
            ["progress", "--confidence", f"felt={chance.random():.2f}"],
            ["evidence", "src/second.py:4-6", "--note", number],
            ["stuck", number, "--at", "src/first.py:5"],
        ]
        if open_ones:
            own += 2 * [["submit", chance.choice(open_ones), "--response", number]]
    return chance.choice(either + 2 * own)
