"""The play, scene by scene. Each scene waits for what it shows, and ends the demo where that does not come."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.buses import DemoBus
from demo.editor import Editor, View
from demo.failure import DemoFailedError
from demo.histories import History, agree, by_id
from demo.stage import Stage
from demo.story import Edit, Story
from demo.terminal import Terminal

COACH, STUDENT = "kim", "ada"
_SEEN_S = 15.0
_BACK_S = 40.0
"""A killed broker is back after 4 s (rigs/kafka), and clients find it again within their back-off."""


@dataclass
class Play:
    """The two people with their programs, and what they are to do."""

    stage: Stage
    story: Story
    bus: DemoBus
    coach: Terminal
    student: Terminal
    editor: Editor
    coach_folder: Path
    student_folder: Path

    def run(self) -> int:
        """All scenes; the number of events that both sides share in the end."""
        self.meet()
        self.assign()
        self.work()
        self.submit()
        self.assess()
        self.pending()
        if self.bus.removable:
            self.lose_the_bus()
        else:
            self.stage.scene("Offline")
            self.stage.says(f"{self.bus.name} is not the demo's to stop, so the offline scene is left out.")
            self.hand_in_again()
        self.pass_it()
        return self.compare()

    def meet(self) -> None:
        """The session: the coach sets it up, the student joins, both see the plan."""
        self.stage.scene(f"A session over {self.bus.name}")
        said = self.coach.run(
            *("coach", "init", "--as", COACH, "--student", STUDENT, "--title", "First steps", "--bus", self.bus.url)
        )
        invite = next((word.strip("'") for word in said.split() if word.strip("'").startswith("colearner://join?")), "")
        if not invite:
            raise DemoFailedError("colearner init showed no invite")
        self.student.run("student", "join", "--as", STUDENT, invite)
        (self.coach_folder.parent / "plan.md").write_text(self.story.plan, encoding="utf-8")
        self.coach.run("plan", "../plan.md")
        name = self.editor.start({})
        self.editor.open(self.story.path)
        self.stage.does(STUDENT, f"opens {self.story.path} in an editor; it starts {name}")
        self.check("what the tests say now")

    def assign(self) -> None:
        """The exercise arrives: a message, then hint, lens and dots at its place."""
        story = self.story
        self.stage.scene("An exercise travels into the editor", pictured=True)
        place = f"{story.path}:{story.first_line}"
        if story.last_line > story.first_line:
            place += f"-{story.last_line}"
        tests = [part for test in story.tests for part in ("--test", test)]
        self.coach.run(
            *("assign", "--topic", story.topic, "--step", story.step, "--at", place, "--exercise", story.exercise),
            *("--expected", story.expected, *tests),
        )
        prompt = self.editor.prompt("New exercise", "the message that the exercise is there")
        self.stage.pops_up(prompt.message, prompt.actions)
        view = self.drawn(
            lambda view: (
                _hint_at(view, story.first_line - 1, story.topic)
                and _lens(view, "colearner.submit")
                and _diagnostic(view, "exercise", story.first_line - 1)
            ),
            "hint, code lens and diagnostic at the assigned line",
        )
        self.stage.draw(view, f"{STUDENT}'s editor · {view.path}")
        self.stage.does(STUDENT, "presses Accept")
        self.editor.press(prompt, "Accept")
        self.drawn(lambda view: _hint_at(view, story.first_line - 1, "accepted"), "the hint says accepted")

    def work(self) -> None:
        """Typing above the place moves everything with it, before anything is saved."""
        story, typed = self.story, self.story.typed_above
        self.stage.scene("Typing above it: everything moves along")
        self.editor.type_above(0, typed)
        lines = typed.count("\n") + 1
        moved = story.first_line - 1 + lines
        view = self.drawn(
            lambda view: _hint_at(view, moved, "accepted") and _diagnostic(view, "exercise", moved),
            f"hint and diagnostic moved down by {lines} lines",
        )
        self.stage.does(STUDENT, f"types {lines} lines at the top; line {story.first_line} is line {moved + 1} now")
        self.stage.draw(view, f"{STUDENT}'s editor · {view.path} (not saved)")

    def submit(self) -> None:
        """The first attempt goes out, after a look at what leaves."""
        self.stage.scene("The work goes back, after a look at what leaves")
        self.edit(self.story.first_try)
        self.stage.does(STUDENT, "changes the code and saves")
        self.check("the tests now")
        self.hand_in(("sent", "local"))

    def assess(self) -> None:
        """The coach sees it and points at a line; the line gets a squiggle in the student's file."""
        story = self.story
        self.stage.scene("Feedback lands on the line it is about", pictured=True)
        self.coach.run("inbox")
        self.coach.run(
            *("feedback", self.exercise_id(), "--grade", "revise", "--next-step", story.next_step),
            *("--mistake", f"{story.path}:{story.mistake_line}: {story.mistake}"),
        )
        view = self.drawn(
            lambda view: _diagnostic(view, "mistake") and any("→" in _label(hint) for hint in view.hints),
            "the squiggle at the mistake and the next step",
        )
        self.pending()
        self.stage.draw(view, f"{STUDENT}'s editor · {view.path}")
        wrong = next(each for each in view.diagnostics if each.get("code") == "mistake")
        shown = view.lines[wrong["range"]["start"]["line"]]
        self.stage.says(f"Line {story.mistake_line} of the coach is line {wrong['range']['start']['line'] + 1} here.")
        if shown not in self.coach_lines():
            raise DemoFailedError(f"the squiggle is at another line than the coach meant: {shown.strip()!r}")

    def lose_the_bus(self) -> None:
        """Nobody waits for the bus; what was done meanwhile is kept, and sent once it is back."""
        self.stage.scene("Without the bus: nothing stops, nothing is lost")
        self.stage.does("demo", self.bus.take_away())
        self.edit(self.story.second_try)
        self.stage.does(STUDENT, "goes on working")
        self.check("the tests")
        self.hand_in(("kept",))
        self.coach.run("hint", "Well read. Draw it on paper for the next one.", "--wait", "1")
        self.stage.does("demo", self.bus.bring_back())
        waited = time.monotonic()
        self.state(lambda state: state["sync"]["waiting"] == 0, "all that was kept is sent", _BACK_S)
        self.stage.says(f"{STUDENT}'s events: sent, {time.monotonic() - waited:.1f} s after the bus came back", "green")

    def hand_in_again(self) -> None:
        """The second attempt, where the bus stays."""
        self.edit(self.story.second_try)
        self.stage.does(STUDENT, "changes the code and saves")
        self.hand_in(("sent", "local"))

    def pass_it(self) -> None:
        """The coach is content, and the plan moves on."""
        self.stage.scene("Passed")
        self.coach.run("sync", "--wait", "20")
        self.coach.run("inbox")
        self.coach.run("feedback", self.exercise_id(), "--grade", "pass", "--confidence-delta", "0.3")
        self.state(
            lambda state: any(each["status"] == "passed" for each in state["exercises"]), "the exercise has passed"
        )
        self.arrival("Feedback, passed")
        self.student.run("status")

    def compare(self) -> int:
        """Both sides remember the same, event by event and field by field."""
        self.stage.scene("Both sides remember the same")

        def read() -> tuple[History, History]:
            self.coach.json("sync", "--wait", "5")
            return by_id(self.coach.json("history")), by_id(self.student.json("history"))

        shared = agree(read, ("the coach", "the student"), _BACK_S)
        for event in sorted(shared.values(), key=lambda event: (event["hlc"], event["id"])):
            who = event.get("author", event["actor"])
            self.stage.says(f"  {event['ts'][11:23]}  {who:<4} {event['event_type']:<24} {event['id'][-8:]}", "default")
        self.stage.says(f"{len(shared)} events, equal on both sides.", "bold green")
        return len(shared)

    def edit(self, edits: tuple[Edit, ...]) -> None:
        """Type the edits and save."""
        for each in edits:
            self.editor.replace(each.old, each.new)
        self.editor.save()

    def hand_in(self, expected: tuple[str, ...]) -> None:
        """Press *Submit* above the line, agree to the preview, and see where it went."""
        view = self.drawn(lambda view: _lens(view, "colearner.submit"), "the lens that submits")
        lens = _lens(view, "colearner.submit")
        assert lens is not None
        self.stage.does(STUDENT, f"presses “{lens['title']}” above the line")
        before = len(self.editor.messages())
        number = self.editor.run(lens)
        prompt = self.editor.prompt("This leaves your machine", "the preview of what will leave")
        if self.story.path not in prompt.message:
            raise DemoFailedError(f"the preview does not name {self.story.path}: {prompt.message!r}")
        self.stage.pops_up(prompt.message, prompt.actions)
        self.stage.does(STUDENT, f"presses {prompt.actions[0]}")
        self.editor.press(prompt, prompt.actions[0])
        outcome = self.editor.outcome(number) or {}
        if outcome.get("delivery") not in expected:
            raise DemoFailedError(f"the submission is {outcome.get('delivery')!r}, not {' or '.join(expected)}")
        self.news(before)
        self.stage.says(f"colearner.submit answers: {outcome['delivery']}", "yellow" if "kept" in expected else "green")

    def check(self, what: str) -> None:
        """Run the sample's own tests in the student's folder."""
        if self.story.check:
            done = subprocess.run(
                [sys.executable, *self.story.check],
                cwd=self.student_folder,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            self.stage.says(f"  {what}: {done.stderr.strip().splitlines()[-1]}")

    def news(self, after: int) -> None:
        """Messages that popped up since."""
        for message in self.editor.messages()[after:]:
            self.stage.pops_up(message)

    def arrival(self, words: str) -> None:
        """A message that something arrived; the student closes it."""
        prompt = self.editor.prompt(words, f"the message “{words}…”")
        self.stage.pops_up(prompt.message, prompt.actions)
        self.editor.dismiss(prompt)

    def pending(self) -> None:
        """Questions that popped up meanwhile; feedback seen at its line needs none."""
        for prompt in self.editor.waiting_prompts():
            self.stage.pops_up(prompt.message, prompt.actions)
            self.editor.dismiss(prompt)

    def drawn(self, holds: Callable[[View], Any], what: str) -> View:
        """The view once ``holds`` says yes. Raises :class:`DemoFailedError`."""
        deadline = time.monotonic() + _SEEN_S
        while True:
            view = self.editor.view()
            if holds(view):
                return view
            if time.monotonic() > deadline:
                raise DemoFailedError(f"not in the editor within {_SEEN_S:g} s: {what}")
            time.sleep(0.05)

    def state(self, holds: Callable[[Any], bool], what: str, wait_s: float = _SEEN_S) -> Any:
        """``colearner/state`` once ``holds`` says yes. Raises :class:`DemoFailedError`."""
        deadline = time.monotonic() + wait_s
        while True:
            state = self.editor.state()
            if holds(state):
                return state
            if time.monotonic() > deadline:
                raise DemoFailedError(f"not within {wait_s:g} s: {what}")
            time.sleep(0.1)

    def exercise_id(self) -> str:
        """The last 8 characters of the exercise's id, as a person would type them."""
        return str(self.editor.state()["exercises"][0]["exercise_id"])[-8:]

    def coach_lines(self) -> list[str]:
        """The line the coach pointed at."""
        source = (self.coach_folder / self.story.path).read_text(encoding="utf-8")
        return [source.split("\n")[self.story.mistake_line - 1]]


def _label(hint: dict[str, Any]) -> str:
    label = hint["label"]
    return label if isinstance(label, str) else "".join(part["value"] for part in label)


def _hint_at(view: View, line: int, words: str) -> bool:
    return any(hint["position"]["line"] == line and words in _label(hint) for hint in view.hints)


def _lens(view: View, command: str) -> dict[str, Any] | None:
    commands = [lens["command"] for lens in view.lenses if lens.get("command")]
    return next((each for each in commands if each["command"] == command), None)


def _diagnostic(view: View, code: str, line: int | None = None) -> bool:
    starts = [each["range"]["start"]["line"] for each in view.diagnostics if each.get("code") == code]
    return bool(starts) if line is None else line in starts
