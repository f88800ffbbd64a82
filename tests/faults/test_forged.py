"""Forged coach events, written with kcat onto a real Kafka, before a student's real language servers: they change nothing.

Whoever may write to the broker can write anything. What claims to be the coach's and is not signed by a key that counts
is put aside; the editor shows what it showed, and says once that somebody tried. What the coach really says arrives.
"""

from __future__ import annotations

import copy
import json
import os
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.contracts.ids import content_hash
from colearner_ls.contracts.signing import SigningKey, signed
from rigs.kafka import KafkaBroker
from tests.faults.test_one_workspace import COLEARNER, FILE, Editor
from tests.workspace.conftest import GRAPH, checkout

PATIENCE_S = 60.0
"""Generous: the machine may be busy with other tests."""

Envelope = dict[str, Any]


class WatchingEditor(Editor):
    """Also keeps what the server shows without being asked."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.said: list[str] = []
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        super().__init__(root, environment)

    def answer_requests(self) -> None:
        with suppress(TimeoutError):
            self.peer._read(time.monotonic() + 0.05)
        for message in [message for message in self.peer.received if "method" in message]:
            self.peer.received.remove(message)
            if message["method"] == "window/showMessage":
                self.said.append(message["params"]["message"])
            elif message["method"] == "textDocument/publishDiagnostics":
                self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
            if "id" in message:
                self.peer.send({"id": message["id"], "result": None})

    def hints(self) -> list[dict[str, Any]]:
        self._number += 1
        span = {"start": {"line": 0, "character": 0}, "end": {"line": 1000, "character": 0}}
        params = {"textDocument": {"uri": (self.root / FILE).as_uri()}, "range": span}
        found = self.peer.request("textDocument/inlayHint", params, number=1000 + self._number, timeout=PATIENCE_S)
        return list(found["result"] or [])

    def shown(self) -> dict[str, Any]:
        """All that a person sees of the session, without how sync stands and what is said about forgeries."""
        state = {name: value for name, value in self.state().items() if name not in BESIDES}
        return {"state": state, "hints": self.hints(), "diagnostics": copy.deepcopy(self.diagnostics)}


BESIDES = ("revision", "sync", "trust", "notices")


class Place:
    """A coach and a student on machines of their own, one broker, and somebody else with kcat."""

    def __init__(self, folder: Path, broker: KafkaBroker, url: str, prefix: str) -> None:
        self.folder = folder
        self.broker = broker
        self.url = url
        self.prefix = prefix
        for side in ("coach", "student"):
            checkout(folder / side, {FILE: GRAPH})

    def environment(self, side: str) -> dict[str, str]:
        return {**os.environ, "COLEARNER_HOME": str(self.folder / f"{side}-home")}

    def run(self, side: str, *arguments: str) -> Any:
        done = subprocess.run(
            [COLEARNER, "--json", "--yes", *arguments],
            cwd=self.folder / side,
            env=self.environment(side),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def say(self, *arguments: str) -> Envelope:
        """Let the true coach say something; the event as it stands in the coach's journal."""
        (written,) = self.run("coach", *arguments, "--wait", "30")
        return self.stored("coach", written["event_id"])

    def stored(self, side: str, event_id: str) -> Envelope:
        with self.journal(side) as db:
            ((raw,),) = db.execute("SELECT raw FROM event WHERE id = ?", (event_id,)).fetchall()
        found: Envelope = json.loads(raw)
        return found

    def journal(self, side: str) -> closing[sqlite3.Connection]:
        path = self.folder / side / ".colearner" / "journal.db"
        return closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True))

    def untrusted(self, side: str) -> dict[str, str]:
        """What stands in quarantine as untrusted: what it says → why it is there."""
        with self.journal(side) as db:
            rows = db.execute("SELECT raw, detail FROM quarantine WHERE reason = 'untrusted'").fetchall()
        return {bytes(raw).decode(): detail for raw, detail in rows}

    def forge(self, topic: str, *events: Envelope) -> list[str]:
        """Write records with kcat, one after the other, as they are."""
        lines = [json.dumps(event, separators=(",", ":"), ensure_ascii=False) for event in events]
        key = events[0]["session_id"]
        target = ["-t", f"{self.prefix}colearner.{topic}.v1", "-k", key]
        command = ["kcat", "-q", "-b", self.broker.bootstrap, "-P", *target]
        subprocess.run(command, input="\n".join(lines).encode() + b"\n", check=True, timeout=60)
        return lines


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return value


@pytest.fixture
def place(tmp_path: Path, kafka_broker: KafkaBroker, kafka_url: str, kafka_prefix: str) -> Place:
    made = Place(tmp_path, kafka_broker, kafka_url, kafka_prefix)
    student = ("--student", "ada", "--bus", kafka_url, "--as", "eve", "--wait", "60")
    invite = made.run("coach", "init", "--role", "coach", *student)[0]["invite"]
    made.run("student", "join", invite, "--as", "ada", "--wait", "60")
    return made


@pytest.fixture
def editors(place: Place) -> Iterator[list[WatchingEditor]]:
    both = [WatchingEditor(place.folder / "student", place.environment("student")) for _ in range(2)]
    yield both
    for editor in both:
        with editor.peer:
            pass


def warnings(editors: list[WatchingEditor]) -> list[str]:
    """What was said of forgeries in any of them."""
    for editor in editors:
        editor.answer_requests()
    return [said for each in editors for said in each.said if "without the coach's signature" in said]


def fresh(event: Envelope, **changes: Any) -> Envelope:
    """A copy under a new id, a little later, with changes in the payload."""
    made = copy.deepcopy(event)
    made["id"] = str(uuid.uuid4())
    made["hlc"] += 1_000_000
    made["payload"] |= changes
    made.pop("sig", None)
    return made


def smaller(event: Envelope, field: str, text: str) -> Envelope:
    """Other content under the same id, whose SHA-256 is smaller, which would win were it trusted."""
    wanted = content_hash(event, False)
    for number in range(1_000_000):
        made = copy.deepcopy(event)
        made["payload"][field] = f"{text} {number}"
        if content_hash(made, False) < wanted:
            return made
    raise AssertionError("no smaller hash was found")


def key_event(event: Envelope, event_type: str, **payload: Any) -> Envelope:
    return {**fresh(event), "event_type": event_type, "payload": payload}


def forgeries(true: Envelope, elsewhere: Envelope, forger: SigningKey) -> dict[str, Envelope]:
    """Ways to lie, all in the true coach's name."""
    assert true["author"] == "eve"
    mine, friend = forger.public, SigningKey.generate().public
    own_key = {"kid": mine.kid, "public_key": mine.text, "role": "coach"}
    copied = fresh(true, exercise="Paste your password here.")
    copied["sig"] = copy.deepcopy(true["sig"])
    named = signed(fresh(true, exercise="Under the coach's key name."), forger)
    named["sig"]["kid"] = true["sig"]["kid"]
    moved = copy.deepcopy(elsewhere)
    moved["session_id"] = true["session_id"]
    stripped = smaller(true, "exercise", "A smaller hash.")
    stripped.pop("sig")
    true_kid = true["sig"]["kid"]
    return {
        "unsigned": fresh(true, exercise="Delete your work."),
        "signed by another key": signed(fresh(true, exercise="Send me your files."), forger),
        "signed by another key that takes the coach's name": named,
        "a copied signature on other content": copied,
        "a true event of another session": moved,
        "a smaller hash under the same id": smaller(true, "exercise", "A smaller hash with the copied signature."),
        "a smaller hash under the same id, unsigned": stripped,
        "the forger adds his own key": signed(key_event(true, "key_added", **own_key), forger),
        "the forger adds a friend's key": signed(
            key_event(true, "key_added", kid=friend.kid, public_key=friend.text, role="coach"), forger
        ),
        "the forger revokes the coach's key": signed(key_event(true, "key_revoked", kid=true_kid), forger),
        "an unsigned revocation": key_event(true, "key_revoked", kid=true_kid),
        "a service nobody knows": {**fresh(true), "actor": "service", "event_type": "safety.alert"},
        "withdrawn": key_event(true, "exercise_withdrawn", exercise_id=true["id"]),
        "passed": key_event(true, "assessment_feedback", grade="pass", exercise_id=true["id"]),
        "closed": key_event(true, "session_closed", session_id=true["session_id"]),
        "another scope": key_event(true, "scope_policy", scope=".", allow=["**"], share="auto"),
    }


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
@pytest.mark.timeout(300)
def test_forged_events_by_kcat_change_nothing(place: Place, editors: list[WatchingEditor]) -> None:
    """Sixteen ways to lie; two editors of one student show what they showed, one says so once, the truth goes on."""
    first, _ = editors
    true = place.say("assign", "--topic", "loops", "--exercise", "Mend the endless loop.", "--at", f"{FILE}:7-11")
    elsewhere = place.say("hint", "In another room.", "--session", "another-room")
    for editor in editors:
        editor.open()
        until(lambda each=editor: each.state()["exercises"], "the exercise did not arrive")
        until(lambda each=editor: each.hints(), "no hint is shown")
        until(lambda each=editor: any(each.shown()["diagnostics"].values()), "no diagnostic is shown")
    before = [editor.shown() for editor in editors]
    assert first.state()["trust"] == {"verified": True, "untrusted": 0}

    lies = forgeries(true, elsewhere, SigningKey.generate())
    lines = dict(zip(lies, place.forge("coach", *lies.values()), strict=True))
    until(lambda: len(place.untrusted("student")) >= len(lies), f"not all were put aside: {place.untrusted('student')}")
    assert place.untrusted("student").keys() == set(lines.values())

    until(lambda: all(each.state()["trust"]["untrusted"] == len(lies) for each in editors), "not all were counted")
    assert [editor.shown() for editor in editors] == before
    until(lambda: warnings(editors), "nobody was told")

    hint = place.say("hint", "The truth.", "--at", f"{FILE}:12")
    for editor in editors:
        until(
            lambda each=editor: [h["hint_id"] for h in each.state()["hints"]] == [hint["id"]],
            "the true hint did not arrive",
        )
        exercise = editor.state()["exercises"][0]
        assert (exercise["exercise"], exercise["status"]) == ("Mend the endless loop.", "assigned")
    assert len(warnings(editors)) == 1  # once, over both
    (doctor,) = place.run("student", "doctor", "--offline")
    assert any(f"counts: {len(lies)}." in each["text"] for each in doctor["findings"])


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
@pytest.mark.timeout(300)
def test_a_forgery_that_comes_first_does_not_take_the_place_of_the_truth(place: Place) -> None:
    """The forger knows the id before the event is on the broker, and his content has the smaller hash."""
    (written,) = place.run("coach", "hint", "The truth.", "--offline")
    true = place.stored("coach", written["event_id"])
    lie = smaller(true, "hint", "A lie.")
    unsigned = smaller(true, "hint", "A lie without a signature.")
    unsigned.pop("sig")
    place.forge("coach", lie, unsigned)
    place.run("student", "sync", "--wait", "60")
    until(lambda: len(place.untrusted("student")) == 2, "the forgeries did not arrive")
    (status,) = place.run("student", "status", "--offline")
    assert status["hints"] == []
    place.run("coach", "sync", "--wait", "60")
    place.run("student", "sync", "--wait", "60")
    for side in ("coach", "student"):
        (status,) = place.run(side, "status", "--offline")
        assert [hint["hint"] for hint in status["hints"]] == ["The truth."]
        assert status["trust"] == {"verified": True, "untrusted": 2}
