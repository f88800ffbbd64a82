"""Places keep up with typing: moved with each edit, found again on save, never put somewhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from colearner_ls.domain.state import LearnerState, SessionState
from colearner_ls.domain.text import Span
from colearner_ls.lsp.base.documents import DocumentStore, Edit
from colearner_ls.lsp.tracking import Tracked, Tracker, relative_path
from colearner_ls.lsp.views.marks import locate_all, marks_of
from colearner_ls.workspace.results import Snapshot, SyncStatus
from tests.lsp.views.made import PATH, TEXT, anchor, exercise, hint, learner

MARKED = "    while needs:\n        pass"


def snapshot_of(me: LearnerState) -> Snapshot:
    session = SessionState("s", learners={me.student_id or "": me})
    return Snapshot(1, "student", "s", "ada", "ada", session, me, SyncStatus("sqlite:///b", True), "ask")


class Bench:
    """A tracker over one document, driven as the server's handlers drive it."""

    def __init__(self, root: Path) -> None:
        self.documents = DocumentStore(None, [], "utf-16")
        self.looks: list[tuple[str, bool]] = []
        self.tracker = Tracker(lambda: self.documents, lambda uri, stale: self.looks.append((uri, stale)))
        self.root = root
        self.uri = (root / PATH).as_uri()
        self.version = 1

    def session(self, me: LearnerState | None) -> None:
        snapshot = snapshot_of(me) if me is not None else None
        marks = marks_of(snapshot.session, snapshot.me, "student") if snapshot else {}
        self.tracker.set_session(self.root if snapshot else None, snapshot, marks)

    def open(self, text: str = TEXT, uri: str | None = None) -> None:
        uri = self.uri if uri is None else uri
        item = types.TextDocumentItem(uri=uri, language_id="python", version=1, text=text)
        self.documents.put_text_document(item)
        self.tracker.opened(uri)

    def edit(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        self.version += 1
        place = types.Range(types.Position(*start), types.Position(*end))
        identifier = types.VersionedTextDocumentIdentifier(uri=self.uri, version=self.version)
        self.documents.update_text_document(identifier, types.TextDocumentContentChangePartial(range=place, text=text))
        self.tracker.edited(self.uri)

    def replace(self, text: str) -> None:
        identifier = types.VersionedTextDocumentIdentifier(uri=self.uri, version=2)
        self.documents.update_text_document(identifier, types.TextDocumentContentChangeWholeDocument(text=text))
        self.tracker.edited(self.uri)

    async def marked(self) -> list[str]:
        """The texts that the marks stand on; of a lost one the reason in angle brackets."""
        view = await self.tracker.view(self.uri)
        assert view is not None
        return [
            f"<{each.lost}>" if each.span is None else view.text[each.span.start : each.span.end]
            for each in view.located
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(3):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.tracker.close()


async def test_found_when_opened(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open("# new first line\n" + TEXT)
    assert await bench.marked() == [MARKED]


async def test_the_session_may_come_after_the_document(bench: Bench) -> None:
    bench.open()
    assert await bench.tracker.view(bench.uri) is None
    bench.session(learner(exercise()))
    assert await bench.marked() == [MARKED]


async def test_an_exercise_that_arrives_is_found_in_the_text_as_it_is_by_now(bench: Bench) -> None:
    bench.session(learner())
    bench.open()
    assert await bench.marked() == []
    bench.edit((0, 0), (0, 0), "\n\n")
    bench.session(learner(exercise()))
    assert await bench.marked() == [MARKED]


async def test_typing_moves_the_place_in_the_same_step(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    for number in range(30):
        bench.edit((0, 0), (0, 0), "\n")
        view = bench.tracker.view_now(bench.uri)
        assert view is not None
        assert view.line_of(view.located[0]) == 2 + number + 1
    bench.edit((32, 10), (32, 15), "names_left")
    assert await bench.marked() == ["    while names_left:\n        pass"]


async def test_an_edit_while_the_first_look_runs(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    await asyncio.sleep(0)
    bench.edit((0, 0), (0, 0), "\n\n\n")
    assert await bench.marked() == [MARKED]


async def test_a_formatter_that_replaces_the_text(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    bench.replace("# formatted\n" + TEXT.replace("done = []", "done: list = []"))
    assert await bench.marked() == ["<its text was removed>"]
    await bench.until(lambda: (bench.uri, True) in bench.looks)
    assert await bench.marked() == [MARKED]


async def test_what_was_cut_is_lost_and_found_where_it_is_put_back(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    bench.edit((2, 0), (4, 0), "")
    assert (await bench.marked())[0].startswith("<")
    bench.edit((2, 15), (2, 15), "\n\n" + MARKED + "\n")
    bench.tracker.saved(bench.uri)
    await bench.until(lambda: bench.tracker.view_now(bench.uri).located[0].span is not None)  # type: ignore[union-attr]  # open
    assert await bench.marked() == [MARKED]


async def test_a_rewritten_place_is_kept_on_save(bench: Bench) -> None:
    """It was followed with every keystroke: that the quote is gone does not make it lost."""
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    bench.edit((2, 4), (3, 12), "for name in sorted(needs):\n        visit(name)")
    looks = len(bench.looks)
    bench.tracker.saved(bench.uri)
    await bench.until(lambda: len(bench.looks) > looks)
    assert await bench.marked() == ["    for name in sorted(needs):\n        visit(name)"]


async def test_a_copy_elsewhere_does_not_take_the_place(bench: Bench) -> None:
    """The marked lines are edited and copied further down: on save the copy is the only exact match."""
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    bench.edit((2, 10), (2, 15), "names")
    bench.edit((4, 15), (4, 15), "\n\n\n" + MARKED + "\n")
    looks = len(bench.looks)
    bench.tracker.saved(bench.uri)
    await bench.until(lambda: len(bench.looks) > looks)
    assert await bench.marked() == ["    while names:\n        pass"]


async def test_a_revised_exercise_moves_to_its_new_place(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    assert await bench.marked() == [MARKED]
    bench.session(learner(exercise(event_id="event-2", anchors=(anchor(5, 5),))))
    assert await bench.marked() == ["    return done"]


async def test_what_is_over_goes(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    bench.session(learner(exercise(status="passed")))
    assert await bench.marked() == []


async def test_closed_and_opened_again(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    bench.tracker.closed(bench.uri)
    assert await bench.tracker.view(bench.uri) is None
    bench.open("\n" + TEXT)
    assert await bench.marked() == [MARKED]


async def test_another_root_makes_other_paths(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    bench.root = bench.root / "src"
    bench.session(learner(exercise()))
    assert await bench.marked() == []
    assert await bench.tracker.path_of(bench.uri) == "graph.py"


async def test_no_session_no_view(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    await bench.marked()
    bench.session(None)
    assert await bench.tracker.view(bench.uri) is None


@pytest.mark.parametrize(
    "uri", ["untitled:Untitled-1", "colearner:/src/graph.py", "file:///etc/hosts", "http://[x", ""]
)
async def test_documents_outside_of_the_workspace(bench: Bench, uri: str) -> None:
    bench.session(learner(exercise()))
    bench.open(uri=uri)
    assert await bench.tracker.view(uri) is None
    assert await bench.tracker.buffers() == {}


async def test_buffers_are_the_open_documents_inside(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open("unsaved")
    bench.open("other", uri="file:///elsewhere/x.py")
    assert await bench.tracker.buffers() == {PATH: "unsaved"}


def test_paths_through_links(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "src").mkdir(parents=True)
    (real / PATH).write_text(TEXT)
    link = tmp_path / "link"
    link.symlink_to(real)
    (real / "loop").symlink_to(real / "loop")
    (real / "out").symlink_to("/etc")
    assert relative_path(real, (link / PATH).as_uri()) == PATH
    assert relative_path(real, (real / PATH).as_uri()) == PATH
    assert relative_path(real, (real / "loop" / "x").as_uri()) == "loop/x"
    assert relative_path(real, f"{real.as_uri()}/../other/x.py") is None
    assert relative_path(real, (tmp_path / "other.py").as_uri()) is None


EDITS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), st.text("ab\n", max_size=6)), max_size=8)


@given(EDITS, EDITS)
@settings(max_examples=150)
def test_looking_and_moving_agree(before: list[tuple[int, int, str]], during: list[tuple[int, int, str]]) -> None:
    """Edits that come while the text is looked through end at the same place as if they had come afterwards."""

    def apply(text: str, edits: list[tuple[int, int, str]]) -> tuple[str, list[Edit | None]]:
        said: list[Edit | None] = []
        for at, length, new in edits:
            start = min(at, len(text))
            end = min(start + length, len(text))
            said.append(Edit(start, end, len(new)))
            text = text[:start] + new + text[end:]
        return text, said

    (mark,) = marks_of(SessionState("s"), learner(exercise()), "student")[PATH]
    text, _ = apply(TEXT, before)
    found = locate_all([mark], text)
    after, said = apply(text, during)
    busy, idle = Tracked("u"), Tracked("u")
    busy.edits = []
    busy.edit(said)
    busy.settle(found)
    idle.settle(found)
    idle.edit(said)
    assert busy.places == idle.places
    place = busy.places[mark.key]
    if isinstance(place, Span):
        assert place.end <= len(after)


async def test_a_slow_first_look_ends_in_a_refresh(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colearner_ls.lsp.tracking.READY_S", 0.01)
    release = asyncio.Event()
    call = bench.tracker._worker.call

    async def slow(*args: object) -> object:
        await release.wait()
        return await call(*args)  # type: ignore[arg-type]  # whatever it was given

    monkeypatch.setattr(bench.tracker._worker, "call", slow)
    bench.session(replace(learner(exercise())))
    bench.open()
    assert await bench.tracker.view(bench.uri) is None
    release.set()
    await bench.until(lambda: (bench.uri, True) in bench.looks)
    assert await bench.marked() == [MARKED]


async def test_a_view_waits_for_what_came_during_a_look(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look that is under way knows nothing of a hint that comes now; a view given out after it would lack it."""
    looking, release = asyncio.Event(), asyncio.Event()
    call = bench.tracker._worker.call

    async def slow(*args: object) -> object:
        if args[0] is locate_all:
            looking.set()
            await release.wait()
        return await call(*args)  # type: ignore[arg-type]  # whatever it was given

    monkeypatch.setattr(bench.tracker._worker, "call", slow)
    bench.session(learner(exercise()))
    bench.open()
    await looking.wait()
    bench.session(replace(learner(exercise()), hints=(hint("Look here."),)))
    view = asyncio.ensure_future(bench.marked())
    await asyncio.sleep(0)
    release.set()
    assert await view == [MARKED, "    done = []"]


async def test_a_view_is_made_once_for_what_it_shows_and_never_kept_beyond(bench: Bench) -> None:
    bench.session(learner(exercise()))
    bench.open()
    first = await bench.tracker.view(bench.uri)
    assert first is not None
    assert await bench.tracker.view(bench.uri) is first

    bench.edit((0, 0), (0, 0), "# one\n")
    edited = await bench.tracker.view(bench.uri)
    assert edited is not None
    assert (edited.version, edited.text) == (2, "# one\n" + TEXT)
    assert edited.located[0].span != first.located[0].span

    bench.session(learner(exercise(), hints=(hint("Look twice."),)))
    await bench.marked()
    other = await bench.tracker.view(bench.uri)
    assert other is not None
    assert other.me is not edited.me
    assert {each.mark.kind for each in other.located} > {each.mark.kind for each in edited.located}

    bench.replace(TEXT)
    replaced = await bench.tracker.view(bench.uri)
    assert replaced is not None
    assert replaced.text == TEXT
