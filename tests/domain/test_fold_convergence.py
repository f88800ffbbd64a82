"""Convergence (contracts.md): the same set of events, in any order of arrival, with any repetitions, in any batches, with
and without snapshots, gives the same state, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from colearner_ls.contracts.event import Event
from colearner_ls.domain import fold_streams
from colearner_ls.domain.fold import SessionFold, fold_events, state_bytes
from colearner_ls.domain.fold_items import Item
from colearner_ls.domain.fold_matching import Matcher
from colearner_ls.domain.fold_names import Names
from colearner_ls.domain.timeline import Timeline
from tests.domain.session_strategy import SESSION, Dice, dice, sessions
from tests.domain.sessions import through_snapshots
from tests.domain.shelf import Shelf

Links = dict[str, str]


@pytest.fixture(scope="module", autouse=True)
def _few_full_snapshots() -> Iterator[None]:
    """So few snapshots of evidence keep their text that the limit is met in every other session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_streams, "FULL_EVIDENCE", 2)
        yield


def straight(events: Iterable[Event], links: Links | None = None) -> bytes:
    """The state bytes of the fold done once, in order."""
    return state_bytes(fold_events(SESSION, events).view(links or {}))


def some_links(events: Sequence[Event], rnd: Dice) -> Links:
    """Links by hand of a few submissions and feedbacks, some to what does not exist."""
    linked = [each.id for each in events if each.event_type in ("exercise_submission", "assessment_feedback")]
    named = ["e1", "ex-1", "nowhere", *(each.id for each in events if each.event_type == "exercise_assigned")]
    return {each: rnd.choice(named) for each in linked if rnd.random() < 0.15}


def arrivals(events: Sequence[Event], rnd: Dice) -> list[list[Event]]:
    """Any order, any repetition, any batches; sometimes nearly in order, as the wire mostly is."""
    order = sorted(events, key=lambda event: event.position)
    if rnd.random() < 0.5:
        rnd.shuffle(order)
    else:
        for _ in range(rnd.randrange(6)):
            order.insert(rnd.randrange(len(order)), order.pop(rnd.randrange(len(order))))
    order += rnd.choices(order, k=rnd.randrange(len(order) + 1))
    for _ in range(rnd.randrange(4)):
        order.insert(rnd.randrange(len(order)), rnd.choice(order))
    batches = []
    while order:
        size = rnd.choice((1, 1, 1, 2, 3, 7, len(order)))
        batches.append(order[:size])
        del order[:size]
    return batches


def arrive(events: Sequence[Event], rnd: Dice) -> None:
    """Feeds a timeline in memory, looking at the state now and then, and compares."""
    links = some_links(events, rnd)
    line = Timeline(SESSION, mark_every=rnd.choice((1, 2, 5, 64)))
    seen: dict[str, Event] = {}
    for batch in arrivals(events, rnd):
        line.insert(batch)
        seen.update((event.id, event) for event in batch)
        if rnd.random() < 0.5:
            assert state_bytes(line.state(links)) == straight(seen.values(), links)
    assert state_bytes(line.state(links)) == straight(events, links)
    assert list(line.events_after(None)) == sorted(events, key=lambda event: event.position)


@given(sessions(), dice)
def test_any_order_any_repetition_any_batches(events: list[Event], rnd: Dice) -> None:
    arrive(events, rnd)


def look(events: Sequence[Event], rnd: Dice) -> None:
    """Looks at the state after every event, in order: each look goes on where the last one ended."""
    links = some_links(events, rnd)
    fold = SessionFold.new(SESSION)
    order = sorted(events, key=lambda event: event.position)
    for count, event in enumerate(order, start=1):
        fold.apply(event)
        assert state_bytes(fold.view(links)) == straight(order[:count], links)


@given(sessions(max_size=25), dice)
def test_looking_after_every_event(events: list[Event], rnd: Dice) -> None:
    look(events, rnd)


def live(events: Sequence[Event], rnd: Dice) -> None:
    """A timeline over a store that keeps snapshots: events arrive, snapshots are stored, the program is started again,
    and only few events stay in memory."""
    links = some_links(events, rnd)
    shelf = Shelf()

    def begin() -> Timeline:
        return Timeline(SESSION, shelf, keep=rnd.choice((1, 4, 16, 1000)), mark_every=rnd.choice((1, 2, 5)))

    line = begin()
    for batch in arrivals(events, rnd):
        shelf.add(batch)
        line.insert(batch)
        chance = rnd.random()
        if chance < 0.3 and (snapshot := line.snapshot(back=rnd.choice((0, 0, 1, 5)))) is not None:
            shelf.put(snapshot)
        if 0.2 < chance < 0.4:
            line = begin()
        if chance > 0.6:
            assert state_bytes(line.state(links)) == straight(shelf.events(None), links)
    assert state_bytes(line.state(links)) == straight(events, links)
    assert list(line.events_after(None)) == sorted(events, key=lambda event: event.position)


@given(sessions(), dice)
def test_with_snapshots_and_new_starts_at_any_place(events: list[Event], rnd: Dice) -> None:
    live(events, rnd)


@given(sessions(max_size=25))
def test_a_snapshot_after_every_event(events: list[Event]) -> None:
    assert state_bytes(through_snapshots(SESSION, events).view()) == straight(events)


@given(sessions(max_size=25), dice)
def test_equal_folds_give_equal_dumps(events: list[Event], rnd: Dice) -> None:
    """However a timeline came to its events, what it stores is the same."""
    line = Timeline(SESSION, mark_every=2)
    for batch in arrivals(events, rnd):
        line.insert(batch)
    snapshot = line.snapshot()
    assert snapshot is not None
    assert snapshot.data == fold_events(SESSION, events).dump()
    assert SessionFold.load(snapshot.data).dump() == snapshot.data
    assert snapshot.position == max(event.position for event in events)


@given(sessions(max_size=25), st.integers(0, 30), st.integers(1, 9))
def test_a_snapshot_of_the_past_is_the_fold_of_the_past(events: list[Event], back: int, mark_every: int) -> None:
    line = Timeline(SESSION, mark_every=mark_every)
    line.insert(events)
    snapshot = line.snapshot(back)
    order = sorted(events, key=lambda event: event.position)
    if snapshot is None:
        assert len(events) < back + mark_every
        return
    past = [event for event in order if event.position <= snapshot.position]
    assert len(events) - back - mark_every < len(past) <= max(len(events) - back, 0)
    assert snapshot.data == fold_events(SESSION, past).dump()


def rivals(events: Sequence[Event], rnd: Dice) -> None:
    """Other contents stand in the place of some events (``id_conflict``), and some are taken out again."""
    shelf = Shelf()
    kept = rnd.choice((1, 4, 1000))
    line = Timeline(SESSION, shelf if rnd.random() < 0.7 else None, keep=kept, mark_every=rnd.choice((1, 3)))
    standing = {event.id: event for event in events}
    for batch in arrivals(events, rnd):
        shelf.add(batch)
        line.insert(batch)
        if (snapshot := line.snapshot()) is not None and rnd.random() < 0.3:
            shelf.put(snapshot)
    for event in rnd.sample(events, min(len(events), 5)):
        if rnd.random() < 0.3:
            del standing[event.id]
            shelf.remove(event.id)
            line.remove(event.id)
        else:
            other = rnd.choice(events)
            rival = replace(other, id=event.id, hlc=event.hlc if rnd.random() < 0.5 else rnd.choice(events).hlc)
            standing[event.id] = rival
            shelf.replace(rival)
            line.replace(rival)
        assert state_bytes(line.state()) == straight(standing.values())


@given(sessions(max_size=25), dice)
def test_replaced_and_removed_events_leave_no_trace(events: list[Event], rnd: Dice) -> None:
    rivals(events, rnd)


@given(sessions())
def test_what_holds_in_every_state(events: list[Event]) -> None:
    """Nothing is dropped, numbers stay in their ranges, and completed steps are only ever added."""
    order = sorted(events, key=lambda event: event.position)
    fold = SessionFold.new(SESSION)
    completed: dict[str, tuple[str, ...]] = {}
    for event in order:
        fold.apply(event)
        for name, learner in fold.view().learners.items():
            before = completed.get(name, ())
            # Only a pass that is guessed otherwise once more is known may take a completed step along with it.
            if not any(each.inferred for each in (*learner.submissions, *learner.feedback)):
                assert set(before) <= set(learner.completed)
            completed[name] = () if learner.feedback else learner.completed
            assert all(0 <= value <= 1 for value in learner.confidence.values())
    state = fold.view()
    said = {event.id for event in events if event.event_type == "exercise_submission"}
    found = [
        each.id
        for learner in (*state.learners.values(), *state.waiting.values(), state.everyone)
        for each in learner.submissions
    ]
    assert set(found) == said
    assert state.events == len(events)


@given(sessions())
def test_a_learner_of_several_sees_only_what_is_for_it(events: list[Event]) -> None:
    """Cut from a session of several what concerns one learner: that learner's state stays the same."""
    whole = fold_events(SESSION, events).view()
    for name, learner in whole.learners.items():
        if len(whole.learners) > 1:
            concerned = [event for event in events if event.student_id in (None, name)]
            assert state_bytes(fold_events(SESSION, concerned).view().learners[name]) == state_bytes(learner)


# -- these tests can fail ---------------------------------------------------------------------------------------------------

_insert = Timeline.insert
_rewind = fold_streams.Stream.rewind


def _by_arrival(line: Timeline, events: Iterable[Event]) -> None:
    for event in events:
        if event.id not in line._events:
            line._append(event)
            line.revision += 1


def _with_repetitions(line: Timeline, events: Iterable[Event]) -> None:
    for event in events:
        line._events.pop(event.id, None)
    _insert(line, events)


def _tail_forgotten(stream: fold_streams.Stream, mark: fold_streams.StreamMark) -> bool:
    return _rewind(stream, mark._replace(tail=stream.items[mark.items - 1] if mark.items else None))


def _without_the_tail(reading: fold_streams.Reading) -> list[Item]:
    start, reading._items = reading._items, len(reading.stream.items)
    return reading.stream.items[start:]


PROGRESS_ONLY = ("progress_update",)
Check = Callable[[Sequence[Event], Dice], None]
SABOTAGES: dict[str, tuple[object, str, object, Check]] = {
    "fold by arrival order": (Timeline, "insert", _by_arrival, arrive),
    "no deduplication": (Timeline, "insert", _with_repetitions, arrive),
    "a mark that forgets progress": (fold_streams.Stream, "rewind", _tail_forgotten, rivals),
    "the fold is not taken back": (Timeline, "_rewind", lambda _line, _index: None, arrive),
    "stale snapshots are kept": (Shelf, "drop_from", lambda _shelf, _position: None, live),
    "a removed event stays": (Timeline, "_take_out", lambda line, event: event in line._events, rivals),
    "a name that comes later is overlooked": (Names, "unsettle", lambda _names, _item: False, look),
    "a submission that comes later is overlooked": (Matcher, "unsettle", lambda _matcher, _item: False, look),
    "what is added to progress is overlooked": (fold_streams.Reading, "new_items", _without_the_tail, look),
}


@pytest.mark.parametrize("fault", SABOTAGES)
def test_the_properties_notice(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault, patched in, makes a property above fail: so they are able to."""
    place, name, broken, check = SABOTAGES[fault]
    monkeypatch.setattr(place, name, broken)

    @settings(
        max_examples=3000,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(sessions(max_size=15, kinds=PROGRESS_ONLY if "progress" in fault else ()), dice)
    def still_holds(events: list[Event], rnd: Dice) -> None:
        check(events, rnd)

    with pytest.raises((AssertionError, ExceptionGroup, LookupError)):
        still_holds()
