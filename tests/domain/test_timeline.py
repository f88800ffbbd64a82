"""What going along the order costs, and what a timeline does over a store of events."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from colearner_ls.contracts.event import Event
from colearner_ls.domain.fold import FOLD_VERSION, SessionFold, StaleSnapshot, fold_events, state_bytes
from colearner_ls.domain.timeline import MARK_EVERY, Snapshot, Timeline
from tests.domain.sessions import SECOND_US, Session, statuses
from tests.domain.shelf import Shelf


def history(length: int) -> list[Event]:
    """A session that goes on for so many events: exercises, submissions, feedback, and mostly progress."""
    session = Session()
    session.coach("session_started", to="ada")
    while len(session.events) < length:
        match len(session.events) % 20:
            case 1:
                session.assign(exercise_id=f"e{len(session.events)}")
            case 5:
                session.submit("ex-1", to="ada")
            case 8:
                session.assess("revise", confidence_delta=0.01)
            case _:
                session.student("progress_update", to="ada", completed=[], active_step=f"s{len(session.events)}")
    return session.events


def landing(events: list[Event], back: int, number: int = 1) -> Event:
    """A late event that lands so many places from the end."""
    event = Session().coach("coach_hint", hint="late")
    return replace(event, id=f"ffffffff-0000-7000-8000-{number:012x}", hlc=events[-back].hlc - SECOND_US // 2)


@pytest.mark.parametrize("back", [1, 10, 100, 700])
def test_an_event_landing_k_places_back_costs_k(back: int) -> None:
    """However long the history is: the events applied again are at most k and one distance between marks."""
    events = history(1000)
    line = Timeline("onboarding-01")
    line.insert(events)
    before = line.applied
    line.insert([landing(events, back)])
    assert back <= line.applied - before - 1 <= back + MARK_EVERY
    assert state_bytes(line.state()) == state_bytes(
        fold_events("onboarding-01", [*events, landing(events, back)]).view()
    )


def test_progress_that_lands_behind_something_else_is_not_added_to_what_stood_before_that() -> None:
    """Going back, the timeline must also forget with what the newest progress was neighbour."""
    session = Session()
    session.student("progress_update", to="ada", confidence={"t": 0.1}, at=1)
    lands = [
        session.assess("revise", topic="t", confidence_delta=0.5, at=2),
        session.student("progress_update", to="ada", confidence={"t": 0.3}, at=3).id,
    ]
    session.assess("revise", topic="u", confidence_delta=0.5, at=4)
    session.student("progress_update", to="ada", confidence={"u": 0.4}, at=5)
    late = [event for event in session.events if event.id in lands]
    line = Timeline(session.session_id, mark_every=1)
    line.insert(event for event in session.events if event not in late)
    line.insert(late)
    assert dict(line.state().learner("ada").confidence) == {"t": 0.3, "u": 0.4}


def test_repetitions_cost_nothing() -> None:
    events = history(200)
    line = Timeline("onboarding-01")
    line.insert(events)
    applied, revision, state = line.applied, line.revision, line.state()
    line.insert(reversed(events))
    assert (line.applied, line.revision) == (applied, revision)
    assert line.state() is state


def test_events_in_order_are_applied_once() -> None:
    events = history(500)
    line = Timeline("onboarding-01")
    for event in events:
        line.insert([event])
    assert line.applied == 500


def test_a_batch_is_folded_once_whatever_its_order() -> None:
    events = history(500)
    line = Timeline("onboarding-01")
    line.insert(reversed(events))
    assert line.applied == 500


@pytest.mark.parametrize("length", [300, 3000])
def test_starting_reads_what_came_since_the_snapshot_only(length: int) -> None:
    events = history(length)
    shelf = Shelf()
    shelf.add(events[:-20])
    first = Timeline("onboarding-01", shelf)
    shelf.put(_made(first, back=50))
    shelf.add(events[-20:])
    shelf.read = 0
    line = Timeline("onboarding-01", shelf)
    assert shelf.read == line.applied <= 20 + 50 + MARK_EVERY
    assert state_bytes(line.state()) == state_bytes(fold_events("onboarding-01", events).view())


def _made(line: Timeline, back: int = 0) -> Snapshot:
    snapshot = line.snapshot(back)
    assert snapshot is not None
    return snapshot


def test_an_event_landing_before_the_snapshot_starts_from_an_older_one() -> None:
    events = history(1000)
    shelf = Shelf()
    for count in (400, 990):
        shelf.add(events[:count])
        shelf.put(_made(Timeline("onboarding-01", shelf)))
    shelf.add(events)
    line = Timeline("onboarding-01", shelf)
    assert line.applied == 10
    late = landing(events, 300)
    shelf.add([late])
    line.insert([late])
    assert line.applied == 10 + 601, "the snapshot at 990 is void, the one at 400 is not"
    assert state_bytes(line.state()) == state_bytes(fold_events("onboarding-01", [*events, late]).view())


def test_over_a_store_only_the_newest_events_stay_in_memory() -> None:
    events = history(1000)
    shelf = Shelf()
    line = Timeline("onboarding-01", shelf, keep=100, mark_every=10)
    for event in events:
        shelf.add([event])
        line.insert([event])
        assert len(line._events) <= 200
    assert len(line._marks) <= 22
    assert list(line.events_after(None)) == events
    assert list(line.events_after(events[-5].position)) == events[-4:]
    oldest = _made(line, back=1000)
    past = [event for event in events if event.position <= oldest.position]
    assert oldest.data == fold_events("onboarding-01", past).dump()
    assert 800 <= len(past) <= 900
    late = landing(events, 50)
    shelf.add([late])
    shelf.read = 0
    line.insert([late])
    assert shelf.read == 0, "it lands within what is in memory"
    assert state_bytes(line.state()) == state_bytes(fold_events("onboarding-01", [*events, late]).view())


def test_a_batch_the_store_does_not_show_yet_is_not_lost() -> None:
    events = history(300)
    shelf = Shelf()
    shelf.add(events)
    shelf.put(_made(Timeline("onboarding-01", shelf)))
    line = Timeline("onboarding-01", shelf)
    late = landing(events, 100)
    shelf.drop_from(late.position)
    line.insert([late])
    assert [each.hint for each in line.state().learner("ada").hints] == ["late"]


def test_events_after_a_position_are_in_order() -> None:
    events = history(50)
    line = Timeline("onboarding-01")
    line.insert(reversed(events))
    assert list(line.events_after(None)) == events
    assert list(line.events_after(events[9].position)) == events[10:]
    assert list(line.events_after(events[-1].position)) == []
    assert list(line.events_after((events[9].hlc, ""))) == events[9:]


def test_one_hlc_is_ordered_by_id() -> None:
    session = Session()
    session.student("sharing_changed", mode="auto", at=1)
    session.student("sharing_changed", mode="off", at=1)
    for order in (session.events, session.events[::-1]):
        line = Timeline(session.session_id)
        for event in order:
            line.insert([event])
        assert line.state().learner(None).sharing == "off"


def test_without_events_there_is_a_state_and_no_snapshot() -> None:
    line = Timeline("empty")
    assert line.snapshot() is None
    assert line.snapshot(back=10) is None
    assert list(line.events_after(None)) == []
    assert list(line.state().learners) == [""]
    assert line.state().events == 0


def test_a_timeline_with_a_snapshot_and_nothing_else_gives_that_snapshot_again() -> None:
    events = history(50)
    shelf = Shelf()
    shelf.add(events)
    made = _made(Timeline("onboarding-01", shelf))
    shelf.put(made)
    again = Timeline("onboarding-01", shelf)
    assert again.applied == 0
    assert again.snapshot() == made
    assert again.snapshot(back=10) == made


def test_a_snapshot_is_a_position_and_bytes() -> None:
    events = history(10)
    line = Timeline("onboarding-01")
    line.insert(events)
    hlc, event_id, data = _made(line)
    assert (hlc, event_id) == events[-1].position == _made(line).position
    assert state_bytes(SessionFold.load(data).view()) == state_bytes(line.state())


# -- contents that change -----------------------------------------------------------------------------------------------


def test_an_event_is_replaced_wherever_it_and_the_other_stand() -> None:
    events = history(300)
    line = Timeline("onboarding-01")
    line.insert(events)
    for place in (5, 299, 150):
        rival = replace(events[place], payload={"completed": [f"rival-{place}"]}, event_type="progress_update")
        rival = replace(rival, hlc=events[(place * 7) % 300].hlc + 1)
        events[place] = rival
        before = line.revision
        line.replace(rival)
        assert line.revision > before
        assert state_bytes(line.state()) == state_bytes(fold_events("onboarding-01", events).view())


def test_an_event_that_was_never_there_is_simply_put_in() -> None:
    events = history(10)
    line = Timeline("onboarding-01")
    line.insert(events[1:])
    line.replace(events[0])
    assert list(line.events_after(None)) == events


def test_an_event_is_taken_out() -> None:
    events = history(200)
    line = Timeline("onboarding-01")
    line.insert(events)
    line.remove(events[21].id)
    assert "e21" not in statuses(line.state().learner("ada"))
    assert state_bytes(line.state()) == state_bytes(fold_events("onboarding-01", events[:21] + events[22:]).view())
    revision = line.revision
    line.remove(events[21].id)
    assert line.revision == revision


def test_below_what_is_in_memory_it_is_folded_anew_from_the_store() -> None:
    events = history(300)
    shelf = Shelf()
    shelf.add(events)
    shelf.put(_made(Timeline("onboarding-01", shelf)))
    line = Timeline("onboarding-01", shelf)
    shelf.remove(events[1].id)
    line.remove(events[1].id)
    assert "e1" not in statuses(line.state().learner("ada"))
    rival = replace(events[21], payload={**events[21].payload, "exercise_id": "rival"})
    shelf.replace(rival)
    line.replace(rival)
    assert "rival" in statuses(line.state().learner("ada"))


# -- states -------------------------------------------------------------------------------------------------------------


def test_the_state_is_the_same_object_as_long_as_nothing_changes() -> None:
    events = history(50)
    line = Timeline("onboarding-01")
    line.insert(events)
    state = line.state()
    assert line.state({}) is state
    linked = line.state({events[5].id: "e1"})
    assert linked is not state
    assert line.state({events[5].id: "e1"}) is linked
    line.insert([landing(events, 3)])
    assert line.state({events[5].id: "e1"}) is not linked


def test_a_state_that_was_given_out_never_changes() -> None:
    events = history(200)
    line = Timeline("onboarding-01")
    given = []
    for event in events:
        line.insert([event])
        state = line.state()
        given.append((state, state_bytes(state)))
    for number, back in enumerate((150, 80, 3), start=1):
        line.insert([landing(events, back, number)])
        line.state()
    assert all(state_bytes(state) == before for state, before in given)


def test_of_what_did_not_change_the_state_is_the_same_object() -> None:
    """Of thirty learners only the one who did something is worked out again."""
    session = Session()
    for number in range(30):
        session.student("progress_update", to=f"s{number}", completed=[])
    line = Timeline(session.session_id)
    line.insert(session.events)
    before = line.state().learners
    line.insert([session.student("progress_update", to="s7", completed=["step"])])
    after = line.state().learners
    assert [name for name in after if after[name] is not before[name]] == ["s7"]


# -- snapshots of no use ----------------------------------------------------------------------------------------------------


def _other_version(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "fold": FOLD_VERSION + 1}).encode()


@pytest.mark.parametrize(
    "spoil",
    [
        _other_version,
        lambda _data: b"",
        lambda data: data[:-10],
        lambda _data: b"[]",
        lambda _data: b"\xff\xfe",
        lambda data: json.dumps({"fold": json.loads(data)["fold"]}).encode(),
        lambda data: json.dumps({**json.loads(data), "streams": [["x"]]}).encode(),
        lambda data: json.dumps({**json.loads(data), "streams": [[None, {"items": [[1]]}]]}).encode(),
        lambda data: json.dumps({**json.loads(data), "session_id": "another"}).encode(),
    ],
)
def test_a_snapshot_of_no_use_costs_time_and_nothing_else(spoil) -> None:  # type: ignore[no-untyped-def]
    events = history(100)
    shelf = Shelf()
    shelf.add(events)
    made = _made(Timeline("onboarding-01", shelf))
    spoilt = spoil(made.data)
    shelf.put(made._replace(data=spoilt))
    line = Timeline("onboarding-01", shelf)
    assert line.applied == 100
    assert state_bytes(line.state()) == state_bytes(fold_events("onboarding-01", events).view())


def test_loading_one_says_what_is_wrong_and_what_to_do() -> None:
    data = SessionFold.new("x").dump()
    with pytest.raises(StaleSnapshot, match=f"version {FOLD_VERSION + 1}") as found:
        SessionFold.load(_other_version(data))
    assert "fold the events of the session again" in found.value.hint
    with pytest.raises(StaleSnapshot, match="damaged"):
        SessionFold.load(b"{")


def test_bytes_of_a_dump_are_deterministic_json() -> None:
    events = history(100)
    data = fold_events("onboarding-01", events).dump()
    assert data == fold_events("onboarding-01", events).dump() == SessionFold.load(data).dump()
    assert json.loads(data)["fold"] == FOLD_VERSION


def test_spelling_of_numbers_and_order_of_keys_make_no_other_state() -> None:
    """The same event may be spelt ``1`` here and ``1.0`` there: one canonical JSON (RFC 8785), one id, one state."""
    session = Session()
    anchors = [{"path": "a.py", "range": {"start_line": 3, "end_line": 4}}]
    spelt = [{"range": {"end_line": 4.0, "start_line": 3.0}, "path": "a.py"}]
    event = session.coach("exercise_assigned", topic="t", exercise="e", anchors=anchors)
    other = replace(event, payload={"anchors": spelt, "exercise": "e", "topic": "t"})
    first, second = (fold_events("s", [each]).view() for each in (event, other))
    assert state_bytes(first) == state_bytes(second)
