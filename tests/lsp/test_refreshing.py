"""When diagnostics are pushed: at once for the first key after a pause, after the last while keys follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from colearner_ls.contracts.views import StateChangedView
from colearner_ls.lsp import refreshing
from colearner_ls.lsp.refreshing import TYPING_S, Refresher

URI = "file:///x.py"


class Clock:
    """An event loop's clock and timers, moved on by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Any, tuple[Any, ...]]] = []

    def time(self) -> float:
        """Seconds."""
        return self.now

    def call_later(self, wait_s: float, callback: Any, *args: Any) -> Any:
        """As a loop's."""
        entry = (self.now + wait_s, callback, args)
        self.due.append(entry)
        return SimpleNamespace(cancel=lambda: entry in self.due and self.due.remove(entry))

    def pass_by(self, seconds: float) -> None:
        """Let time go on, and what falls due happen."""
        self.now += seconds
        ripe = [entry for entry in self.due if entry[0] <= self.now]
        for entry in ripe:
            self.due.remove(entry)
            entry[1](*entry[2])


@dataclass
class Pushes:
    """A refresher that says when it pushes."""

    clock: Clock
    at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.refresher = Refresher(SimpleNamespace(pulls=False))  # type: ignore[arg-type]

        def push(uri: str) -> None:
            self.refresher._timers.pop(uri)
            self.at.append(self.clock.now)

        self.refresher._push = push  # type: ignore[method-assign]


@pytest.fixture
def pushes(monkeypatch: pytest.MonkeyPatch) -> Pushes:
    """With a clock of its own."""
    clock = Clock()
    monkeypatch.setattr(refreshing.asyncio, "get_running_loop", lambda: clock)
    return Pushes(clock)


def test_the_first_key_after_a_pause_is_followed_at_once(pushes: Pushes) -> None:
    pushes.refresher.edited(URI)
    pushes.clock.pass_by(0)
    assert pushes.at == [100.0]
    pushes.clock.pass_by(2 * TYPING_S)
    pushes.refresher.edited(URI)
    pushes.clock.pass_by(0)
    assert pushes.at == [100.0, 100.0 + 2 * TYPING_S]


def test_while_keys_follow_only_the_last_one_counts(pushes: Pushes) -> None:
    for _ in range(10):
        pushes.refresher.edited(URI)
        pushes.clock.pass_by(TYPING_S / 3)
    assert len(pushes.at) == 1
    pushes.clock.pass_by(TYPING_S)
    assert len(pushes.at) == 2
    assert not pushes.clock.due


def test_a_place_that_was_taken_away_is_looked_for_first(pushes: Pushes) -> None:
    pushes.refresher.edited(URI, certain=False)
    pushes.clock.pass_by(TYPING_S / 2)
    assert pushes.at == []
    pushes.clock.pass_by(TYPING_S)
    assert len(pushes.at) == 1


def test_documents_do_not_wait_for_each_other(pushes: Pushes) -> None:
    pushes.refresher.edited(URI)
    pushes.refresher.edited("file:///y.py")
    pushes.clock.pass_by(0)
    assert len(pushes.at) == 2


def test_a_changed_state_is_told_as_its_model_has_it() -> None:
    told: list[tuple[str, Any]] = []
    server: Any = SimpleNamespace(revision=7, protocol=SimpleNamespace(notify=lambda *said: told.append(said)))
    Refresher(server).session_changed(everything=False)
    model = StateChangedView(revision=7).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert told == [("colearner/stateChanged", model)]
