"""Whose word counts in a journal with files, processes and people: signing, pinning, judging again, telling."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.contracts.errors import BadInput, TooLarge
from colearner_ls.contracts.event import MAX_CLOCK_LEAD_US, MAX_EVENT_BYTES
from colearner_ls.contracts.ids import content_hash
from colearner_ls.contracts.signing import SigningKey, verify
from colearner_ls.journal import trusting
from colearner_ls.journal.errors import KeyNotInForce
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.keys import KeyFileError, OwnKey
from colearner_ls.journal.lifecycle_file import LifecycleFile
from colearner_ls.journal.pins import PinsError
from colearner_ls.journal.records import Draft, Snapshot
from colearner_ls.journal.trust import Trust
from colearner_ls.workspace.session_view import SessionView
from tests.journal.samples import BUS, NOW, deliver, ids, send, step
from tests.journal.trust_samples import SESSION, added, envelope, event_id, hint, key, resigned, revoked, wire

COACH, SECOND, STRANGER = key(1), key(2), key(9)


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path / "home")


@pytest.fixture
def journal(folder: Path, trust: Trust) -> Iterator[Journal]:
    """A student's, who joined by the coach's invite."""
    trust.pins.pin(SESSION, COACH.public, "coach", "invite")
    with Journal.open(folder, trust=trust) as opened:
        opened.follow(SESSION, BUS)
        yield opened


def says(text: str, author: str = "kim", **more: Any) -> Draft:
    """A coach's draft."""
    return Draft("coach_hint", "coach", SESSION, {"hint": text}, author=author, **more)


def reasons(journal: Journal) -> list[str]:
    """Why what is in quarantine is there."""
    return [each.reason for each in journal.quarantine.list()]


# -- appending


def test_what_an_author_with_a_key_writes_is_signed(folder: Path, trust: Trust) -> None:
    kim = trust.keys.make("kim")
    with Journal.open(folder, trust=trust) as journal:
        drafts = [says("a"), says("b", author="sam"), step("1", author="kim"), says("c", publish=False)]
        stored = journal.append(drafts)
        signed = [json.loads(each.raw).get("sig") is not None for each in stored]
        assert signed == [True, False, True, True]
        for each in (stored[0], stored[2], stored[3]):
            assert verify(json.loads(each.raw), kim.public)
            value = json.loads(each.raw)
            assert value["sig"]["public_key"] == kim.public.text
        assert "seq" not in json.loads(stored[3].raw)
        assert [each.raw for each in journal.events()] == [each.raw for each in stored]
    with Journal.open(folder) as journal:
        assert b'"sig"' not in journal.append([says("d")])[0].raw, "without the user data folder there is no key"


def test_the_limit_counts_the_signature(folder: Path, trust: Trust) -> None:
    trust.keys.make("kim")
    with Journal.open(folder, trust=trust) as journal:
        room = MAX_EVENT_BYTES - len(journal.append([says("")])[0].raw)
        assert len(journal.append([says("x" * room)])[0].raw) == MAX_EVENT_BYTES
        with pytest.raises(TooLarge):
            journal.append([says("x" * (room + 1))])
        assert journal.count() == 2


def test_a_coach_whose_key_does_not_count_is_told_and_not_written(journal: Journal, trust: Trust) -> None:
    with pytest.raises(KeyNotInForce) as raised:
        journal.append([says("a")])
    assert "keys" in raised.value.hint
    own = trust.keys.make("kim")
    with pytest.raises(KeyNotInForce):
        journal.append([step("1"), says("a")], claim="c")
    assert journal.count() == 0
    assert journal.claim("c")
    deliver(journal, [added(1, SigningKey(own.key.seed), COACH)])
    assert journal.append([says("b")], wall_us=NOW)[0].event.hlc > NOW
    deliver(journal, [revoked(5, SigningKey(own.key.seed), COACH)])
    with pytest.raises(KeyNotInForce):
        journal.append([says("c")], wall_us=NOW + 10)
    journal.append([step("students need no key")], wall_us=NOW + 11)
    with pytest.raises(KeyNotInForce):
        journal.append([Draft("session_closed", "coach", SESSION, {}, author="nobody")])


def test_a_service_key_does_not_speak_for_the_coach(journal: Journal, trust: Trust) -> None:
    hub = SigningKey(trust.keys.make("hub").key.seed)
    deliver(journal, [added(1, hub, COACH, role="service"), hint(2, hub)])
    assert reasons(journal) == ["untrusted"]
    assert "service's key" in journal.quarantine.list()[0].detail
    with pytest.raises(KeyNotInForce):
        journal.append([says("a", author="hub")])
    deliver(journal, [wire(envelope(3, actor="service"), hub), wire(envelope(4, actor="service"), COACH)])
    assert {event_id(3), event_id(4)} <= set(ids(journal))


@pytest.mark.parametrize("payload", [{"kid": COACH.public.kid}, {"kid": "kim", "public_key": COACH.public.text}])
def test_a_key_that_could_never_count_is_not_written(folder: Path, payload: dict[str, Any]) -> None:
    with Journal.open(folder) as journal:
        with pytest.raises(BadInput):
            journal.append([Draft("key_added", "coach", SESSION, payload)])
        assert journal.count() == 0


def test_a_key_added_by_the_coach_here_counts_at_once(folder: Path, trust: Trust) -> None:
    kim = trust.keys.make("kim")
    trust.pins.pin(SESSION, kim.public, how="init")
    with Journal.open(folder, trust=trust) as journal:
        journal.follow(SESSION, BUS)
        deliver(journal, [hint(1, SECOND, hlc=NOW + 60 * 10**6)])
        assert reasons(journal) == ["untrusted"]
        payload = {"kid": SECOND.public.kid, "public_key": SECOND.public.text}
        journal.append([Draft("key_added", "coach", SESSION, payload, author="kim")], wall_us=NOW)
        assert reasons(journal) == []
        assert event_id(1) in ids(journal)
        assert [each.how for each in journal.trust(SESSION).keys] == ["init", "added"]


# -- receiving


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (hint(1), "has no signature"),
        (hint(1, STRANGER), "none of this session's"),
        (wire({**json.loads(hint(1, COACH)), "payload": {"hint": "other"}}), "is not what that key signed"),
        (wire({**json.loads(hint(1, COACH)), "hlc": NOW + 2}), "is not what that key signed"),
        (wire({**envelope(1), "sig": {"kid": COACH.public.kid, "alg": "none", "value": ""}}), "has no signature"),
        (wire({**envelope(1), "sig": json.loads(hint(2, COACH))["sig"]}), "is not what that key signed"),
        (wire(envelope(1, id=None)), "has no signature"),
        (wire(envelope(1, actor="service")), "a service's and has no signature"),
        (wire(envelope(1, event_type="to_come", payload={})), "has no signature"),
        (wire(envelope(1, event_type="exercise_submission_ack", payload={"status": "sent"})), "has no signature"),
        (added(1, STRANGER, STRANGER), "none of this session's"),
        (revoked(1, COACH, STRANGER), "none of this session's"),
    ],
)
def test_what_claims_to_be_the_coachs_and_is_not_is_kept_apart(journal: Journal, raw: bytes, words: str) -> None:
    received = deliver(journal, [raw, raw])
    assert (received.quarantined, received.untrusted, received.new) == (1, 1, ())
    (kept,) = journal.quarantine.list()
    assert (kept.reason, kept.raw, kept.session_id) == ("untrusted", raw, SESSION)
    assert words in kept.detail
    assert journal.count() == 0
    assert journal.trust(SESSION).untrusted == 1
    assert [each.kid for each in journal.trust(SESSION).keys] == [COACH.public.kid]
    again = deliver(journal, [raw])
    assert (again.quarantined, again.untrusted) == (0, 0)


def test_a_forged_event_does_not_take_the_id_of_a_true_one(journal: Journal) -> None:
    """Not by coming first, not by a smaller SHA-256, not as a student's, not by a stripped signature."""
    true = hint(1, COACH, payload={"hint": "true"})
    goal = content_hash(json.loads(true), False)
    forged = [wire(envelope(1, payload={"hint": str(n)})) for n in range(40)]
    students = [wire(envelope(1, actor="student", payload={"note": str(n)})) for n in range(40)]
    assert any(content_hash(json.loads(raw), False) < goal for raw in forged)
    assert any(content_hash(json.loads(raw), False) < goal for raw in students)
    deliver(journal, [*forged[:20], *students[:20], resigned(true, None), resigned(true, STRANGER)])
    deliver(journal, [true])
    deliver(journal, [*forged[20:], *students[20:]])
    (stored,) = journal.events(SESSION)
    assert stored.raw == true
    assert sorted(set(reasons(journal))) == ["id_conflict", "untrusted"]
    assert journal.trust(SESSION).untrusted == 40, "the true one with another signature says nothing that is not true"


def test_ordinary_sessions_cost_no_cryptography(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = 0

    def counting(*args: Any) -> bool:
        nonlocal checked
        checked += 1
        return verify(*args)

    monkeypatch.setattr(trusting, "verify", counting)
    trusting._CHECKED.clear()
    batch = [hint(number, COACH) for number in range(20)]
    batch += [wire(envelope(number, actor="student"), SECOND) for number in range(20, 40)]
    with Journal.open(folder) as journal:
        journal.follow(SESSION, BUS)
        deliver(journal, batch)
        assert checked == 0
    with Journal.open(folder.parent / "other", trust=Trust(folder.parent / "home")) as journal:
        journal._trust.pins.pin(SESSION, COACH.public)  # type: ignore[union-attr]  # it was given
        journal.follow(SESSION, BUS)
        deliver(journal, batch)
        deliver(journal, batch)
        assert journal.count() == 40
        assert checked == 21, "each event of the coach once, and the first of the student"


# -- judging again


def test_a_pin_after_the_fact_judges_what_is_there(folder: Path, trust: Trust) -> None:
    with Journal.open(folder, trust=trust) as journal:
        journal.follow(SESSION, BUS)
        deliver(journal, [hint(1), hint(2, COACH), hint(3, STRANGER), wire(envelope(4, actor="student"))])
        assert journal.count() == 4
        assert not journal.trust(SESSION).verified
        assert journal.trust(SESSION).untrusted == 0
        trust.pins.pin(SESSION, COACH.public)
        done = journal.judge_again(SESSION)
        assert (len(done.came), done.left, done.signed) == (0, 2, 0)
        assert set(ids(journal)) == {event_id(2), event_id(4)}
        view = journal.trust(SESSION)
        assert (view.verified, view.untrusted) == (True, 2)
        trust.pins.pin(SESSION, STRANGER.public)
        done = journal.judge_again(SESSION)
        assert [each.event.id for each in done.came] == [event_id(3)]
        assert done.came[0].source == BUS
        trust.pins.unpin(SESSION, COACH.public.kid)
        trust.pins.unpin(SESSION, STRANGER.public.kid)
        journal.judge_again(SESSION)
        assert journal.count() == 4
        assert reasons(journal) == []


def test_a_pin_set_elsewhere_is_seen_by_an_open_journal_and_by_the_next_start(folder: Path, trust: Trust) -> None:
    with Journal.open(folder, trust=trust) as journal:
        journal.follow(SESSION, BUS)
        deliver(journal, [hint(1)])
        Trust(trust.home).pins.pin(SESSION, COACH.public)
        deliver(journal, [hint(2, COACH)])
        assert ids(journal) == [event_id(2)]
        Trust(trust.home).pins.unpin(SESSION, COACH.public.kid)
    with Journal.open(folder, trust=trust) as journal:
        assert set(ids(journal)) == {event_id(1), event_id(2)}


def test_two_coaches_and_a_revoked_key_used_again(journal: Journal) -> None:
    """The second coach's word counts from the key's place on, and not after the revocation; whatever came first."""
    before, between, after = hint(1, SECOND), hint(5, SECOND), hint(9, SECOND)
    deliver(journal, [after, between, before])
    assert journal.count() == 0
    deliver(journal, [revoked(7, SECOND, COACH)])
    deliver(journal, [added(3, SECOND, COACH)])
    assert set(ids(journal)) == {event_id(3), event_id(5), event_id(7)}
    details = {each.event_id: each.detail for each in journal.quarantine.list()}
    assert "was not added yet" in details[event_id(1)]
    assert "had been revoked" in details[event_id(9)]
    view = journal.trust(SESSION)
    assert [each.kid for each in view.keys] == [COACH.public.kid]
    assert view.revoked == (SECOND.public.kid,)
    deliver(journal, [added(8, SECOND, COACH)])
    assert event_id(9) in ids(journal)
    assert journal.trust(SESSION).revoked == ()


def test_the_second_coach_may_revoke_the_first(journal: Journal) -> None:
    """A lost laptop: pinned keys are no stronger than added ones."""
    deliver(journal, [added(1, SECOND, COACH), revoked(5, COACH, SECOND), hint(4, COACH), hint(6, COACH)])
    assert set(ids(journal)) == {event_id(1), event_id(4), event_id(5)}
    deliver(journal, [added(7, STRANGER, COACH), added(8, STRANGER, SECOND)])
    assert {event_id(7), event_id(8)} & set(ids(journal)) == {event_id(8)}
    assert {each.kid for each in journal.trust(SESSION).keys} == {SECOND.public.kid, STRANGER.public.kid}


def test_a_key_that_revokes_itself_is_believed_once(journal: Journal) -> None:
    deliver(journal, [revoked(5, COACH, COACH), hint(4, COACH), hint(6, COACH)])
    assert set(ids(journal)) == {event_id(4), event_id(5)}
    view = journal.trust(SESSION)
    assert (view.verified, view.keys, view.revoked) == (True, (), (COACH.public.kid,))


def test_key_events_from_far_ahead_count_at_their_place(journal: Journal) -> None:
    far = NOW + MAX_CLOCK_LEAD_US + 10**9
    received = deliver(journal, [revoked(1, COACH, COACH, hlc=far), hint(2, COACH)])
    assert len(received.ahead) == 1
    assert event_id(2) in ids(journal)


def test_a_copy_under_another_signature_stands_when_the_first_does_not(journal: Journal) -> None:
    """Somebody with a stolen key signs a true event anew and is faster than the true one."""
    true = hint(9, COACH)
    stolen = resigned(true, SECOND)
    deliver(journal, [added(3, SECOND, COACH), stolen])
    assert deliver(journal, [true]).duplicates == 1
    deliver(journal, [revoked(5, SECOND, COACH)])
    (stored,) = [each for each in journal.events(SESSION) if each.event.id == event_id(9)]
    assert stored.raw == true
    assert [each.raw for each in journal.quarantine.list()] == [stolen]
    assert journal.trust(SESSION).untrusted == 0


# -- folds, snapshots and files


def test_a_fold_forgets_what_left(journal: Journal) -> None:
    view = SessionView(journal, SESSION)
    deliver(journal, [added(1, SECOND, COACH), hint(5, SECOND), hint(6, COACH)])
    assert _hints(view) == {"hint 5", "hint 6"}
    deliver(journal, [revoked(3, SECOND, COACH)])
    assert _hints(view) == {"hint 6"}
    assert _hints(SessionView(journal, SESSION)) == {"hint 6"}


def _hints(view: SessionView) -> set[str]:
    state = view.refresh()
    return {each.hint for learner in (*state.learners.values(), state.learner(None)) for each in learner.hints}


def test_snapshots_that_hold_what_left_are_dropped_and_never_come_back(journal: Journal) -> None:
    deliver(journal, [hint(1, COACH), added(2, SECOND, COACH), hint(5, SECOND), hint(6, COACH)])
    seen = journal.last_row()
    for number in (1, 5, 6):
        position = (NOW + number, event_id(number))
        assert journal.snapshots.put(Snapshot(SESSION, position, b"x", "1"), through_row=seen)
    deliver(journal, [revoked(3, SECOND, COACH)])
    latest = journal.snapshots.latest(SESSION, version="1")
    assert latest is not None
    assert latest.position == (NOW + 1, event_id(1))
    late = Snapshot(SESSION, (NOW + 6, event_id(6)), b"of before", "1")
    assert not journal.snapshots.put(late, through_row=seen)
    deliver(journal, [hint(7, COACH)])
    assert journal.snapshots.put(late, through_row=journal.last_row())


def test_lifecycle_jsonl_has_what_stands(journal: Journal, trust: Trust) -> None:
    deliver(journal, [added(1, SECOND, COACH), hint(5, SECOND), hint(6, COACH)])
    file = LifecycleFile(journal)
    file.update()
    assert len(file.path.read_bytes().splitlines()) == 3
    deliver(journal, [revoked(3, SECOND, COACH)])
    written = file.update()
    assert written.kept is None, "nothing strange stood in it"
    told = [json.loads(line)["id"] for line in file.path.read_bytes().splitlines()]
    assert told == ids(journal)
    assert event_id(5) not in told
    with file.path.open("ab") as more:
        more.write(hint(7) + b"\n" + hint(8, COACH) + b"\n")
    file.update()
    assert event_id(7) not in ids(journal)
    assert event_id(8) not in ids(journal), "what others said comes from the bus"


def test_an_own_line_without_a_signature_that_counts_is_not_taken_back(folder: Path, trust: Trust) -> None:
    kim = trust.keys.make("kim")
    trust.pins.pin(SESSION, kim.public, how="init")
    with Journal.open(folder, trust=trust) as journal:
        mine = journal.append([says("a")])[0]
        forged = {**json.loads(mine.raw), "id": event_id(7), "seq": 7, "payload": {"hint": "forged"}}
        with (folder / "lifecycle.jsonl").open("ab") as file:
            file.write(wire(forged) + b"\n")
        LifecycleFile(journal).update()
        assert ids(journal) == [mine.event.id]
    with Journal.open(folder, trust=trust) as journal:
        assert ids(journal) == [mine.event.id]
        assert reasons(journal) == ["untrusted"]


# -- damage


def test_pins_survive_a_salvage_and_so_does_the_judgement(journal: Journal, folder: Path, trust: Trust) -> None:
    deliver(journal, [added(1, SECOND, COACH), hint(5, SECOND), hint(6), revoked(7, SECOND, COACH), hint(9, SECOND)])
    before = (set(ids(journal)), sorted(reasons(journal)), journal.trust(SESSION))
    journal.salvage("for the test")
    deliver(journal, [])
    with Journal.open(folder, trust=trust) as opened:
        assert (set(ids(opened)), sorted(reasons(opened)), opened.trust(SESSION)) == before


def test_a_journal_that_forgot_everything_is_judged_by_the_pins(journal: Journal, folder: Path, trust: Trust) -> None:
    """The local records are what a salvage may lose; the events come from the bus again."""
    batch = [added(1, SECOND, COACH), hint(5, SECOND), hint(6), revoked(7, SECOND, COACH), hint(9, SECOND)]
    deliver(journal, batch)
    expected = (set(ids(journal)), sorted(reasons(journal)), journal.trust(SESSION).keys)
    journal.database.write(lambda db: db.execute("DELETE FROM local"), durable=False)
    with Journal.open(folder, trust=trust) as opened:
        assert (set(ids(opened)), sorted(reasons(opened)), opened.trust(SESSION).keys) == expected
        deliver(opened, batch[::-1])
        assert (set(ids(opened)), sorted(reasons(opened)), opened.trust(SESSION).keys) == expected


def test_pins_that_were_deleted_come_back_from_the_journal(journal: Journal, folder: Path, trust: Trust) -> None:
    deliver(journal, [hint(1, COACH)])
    trust.pins.path.unlink()
    with Journal.open(folder, trust=Trust(trust.home)) as opened:
        deliver(opened, [hint(2)])
        assert ids(opened) == [event_id(1)]
        opened.judge_again(SESSION)
        assert opened.trust(SESSION).verified
    assert [each.kid for each in Trust(trust.home).pins.of(SESSION)] == [COACH.public.kid]


def test_damaged_pins_never_pass_for_no_pins(journal: Journal, folder: Path, trust: Trust) -> None:
    """A session that was followed before is judged as it was; one of which nothing is known is not let in unjudged."""
    trust.pins.path.write_bytes(b"damaged")
    deliver(journal, [hint(1), hint(2, COACH)])
    assert ids(journal) == [event_id(2)]
    with pytest.raises(PinsError):
        journal.judge_again(SESSION)
    journal.follow("s2", BUS)
    with pytest.raises(PinsError):
        deliver(journal, [hint(3, session_id="s2")])
    assert journal.append([Draft("hint_ack", "student", "s2", {"note": "a student works on"}, student_id="stu")])
    with pytest.raises(PinsError):
        journal.append([Draft("coach_hint", "coach", "s2", {"hint": "x"})])
    trust.pins.path.unlink()
    with Journal.open(folder, trust=Trust(trust.home)) as opened:
        deliver(opened, [hint(3, session_id="s2")])
        assert event_id(3) in ids(opened, "s2")


def test_without_the_user_data_folder_a_journal_judges_by_what_it_knows(journal: Journal, folder: Path) -> None:
    deliver(journal, [hint(1, COACH)])
    with Journal.open(folder) as opened:
        deliver(opened, [hint(2), hint(3, COACH)])
        assert set(ids(opened)) == {event_id(1), event_id(3)}


# -- one's own


def test_what_a_coach_said_before_there_were_keys_is_signed_and_sent_again(folder: Path, trust: Trust) -> None:
    with Journal.open(folder, trust=trust) as journal:
        journal.follow(SESSION, BUS)
        first, other, lines = journal.append([says("a"), says("b", author="sam"), step("1")], wall_us=NOW)
        send(journal, [(each.event.id, 0, place) for place, each in enumerate((first, other, lines))])
        LifecycleFile(journal).update()
        kim = trust.keys.make("kim")
        trust.pins.pin(SESSION, kim.public, how="init")
        done = journal.judge_again(SESSION)
        assert (done.signed, done.left) == (1, 1)
        stored = journal.event(first.event.id)
        assert stored is not None
        assert stored.event == first.event
        assert verify(json.loads(stored.raw), kim.public)
        assert [row.id for row in journal.outbox.waiting(BUS)] == [first.event.id]
        assert [(each.event_id, each.reason) for each in journal.quarantine.list()] == [(other.event.id, "untrusted")]
        assert journal.append([says("c")], wall_us=NOW)[0].event.seq == 4, "the number of what left is not given again"
        LifecycleFile(journal).update()
        lines_now = [json.loads(line)["id"] for line in (folder / "lifecycle.jsonl").read_bytes().splitlines()]
        assert lines_now == ids(journal)
        sam = trust.keys.make("sam")
        trust.pins.pin(SESSION, sam.public)
        assert journal.judge_again(SESSION).signed == 1
        assert other.event.id in ids(journal)
        assert {row.id for row in journal.outbox.waiting(BUS)} >= {first.event.id, other.event.id}


def test_what_came_from_a_bus_is_never_signed_by_us(folder: Path, trust: Trust) -> None:
    """Though it has our author and our writer on it."""
    with Journal.open(folder, trust=trust) as journal:
        journal.follow(SESSION, BUS)
        forged = wire(envelope(1, author="kim", writer=journal.writer, seq=1))
        deliver(journal, [forged])
        trust.pins.pin(SESSION, trust.keys.make("kim").public, how="init")
        done = journal.judge_again(SESSION)
        assert (done.signed, done.left) == (0, 1)
        assert [each.raw for each in journal.quarantine.list()] == [forged]
        assert journal.outbox.waiting(BUS) == ()


def test_a_key_that_cannot_be_used_leaves_all_as_it_was(folder: Path, trust: Trust) -> None:
    with Journal.open(folder, trust=trust) as journal:
        first = journal.append([says("a")])[0]
        kim = trust.keys.make("kim")
        kim.path.chmod(0o644)
        trust.pins.pin(SESSION, kim.public, how="init")
        with pytest.raises(KeyFileError):
            journal.judge_again(SESSION)
        assert ids(journal) == [first.event.id]
        kim.path.chmod(0o600)
        assert journal.judge_again(SESSION).signed == 1
    trust.pins.unpin(SESSION, kim.public.kid)


def test_a_start_with_such_a_key_works_and_mends_it_later(folder: Path, trust: Trust) -> None:
    with Journal.open(folder, trust=trust) as journal:
        first = journal.append([says("a")])[0]
    kim = trust.keys.make("kim")
    kim.path.chmod(0o644)
    trust.pins.pin(SESSION, kim.public, how="init")
    with Journal.open(folder, trust=trust) as journal:
        assert ids(journal) == []
        assert reasons(journal) == ["untrusted"]
        kim.path.chmod(0o600)
        assert journal.judge_again(SESSION).signed == 1
        assert ids(journal) == [first.event.id]
        assert reasons(journal) == []


def test_a_stripped_copy_of_an_own_event_does_not_make_it_sent(folder: Path, trust: Trust) -> None:
    trust.pins.pin(SESSION, trust.keys.make("kim").public, how="init")
    with Journal.open(folder, trust=trust) as journal:
        journal.follow(SESSION, BUS)
        mine = journal.append([says("a")], wall_us=NOW)[0]
        deliver(journal, [resigned(mine.raw, None)])
        assert journal.outbox.counts().waiting == 1
        deliver(journal, [mine.raw])
        assert journal.outbox.counts().sent == 1


# -- students


def test_students_keys_are_learned_and_a_change_is_only_noted(journal: Journal, trust: Trust) -> None:
    def note(number: int, signer: SigningKey | None, student: str = "stu") -> bytes:
        return wire(envelope(number, actor="student", student_id=student), signer)

    laptop, desktop = SECOND, STRANGER
    deliver(journal, [note(5, laptop), note(6, laptop), note(1, None), note(2, COACH, "other")])
    assert journal.trust(SESSION).changed_students == ()
    deliver(journal, [note(8, desktop), note(3, laptop)])
    forged = wire({**json.loads(note(9, key(4))), "hlc": NOW})
    deliver(journal, [forged])
    view = journal.trust(SESSION)
    assert journal.count() == 7, "whoever signs, a student's event is let in"
    found = [(each.student_id, each.kid, each.first) for each in view.students]
    assert found == [
        ("other", COACH.public.kid, (NOW + 2, event_id(2))),
        ("stu", laptop.public.kid, (NOW + 3, event_id(3))),
        ("stu", desktop.public.kid, (NOW + 8, event_id(8))),
    ]
    assert view.changed_students == ("stu",)
    own = trust.keys.make("me")
    journal.append([Draft("hint_ack", "student", SESSION, {"note": "x"}, student_id="me", author="me")], wall_us=NOW)
    assert [each.kid for each in journal.trust(SESSION).students if each.student_id == "me"] == [own.public.kid]


def test_students_keys_from_before_the_pin_are_learned_with_it(folder: Path, trust: Trust) -> None:
    with Journal.open(folder, trust=trust) as journal:
        journal.follow(SESSION, BUS)
        deliver(journal, [wire(envelope(5, actor="student", student_id="stu"), SECOND)])
        assert journal.trust(SESSION).students == ()
        trust.pins.pin(SESSION, COACH.public)
        journal.judge_again(SESSION)
        assert [each.kid for each in journal.trust(SESSION).students] == [SECOND.public.kid]


# -- telling, and by hand


def test_the_person_is_told_once_and_again_when_it_becomes_many(journal: Journal, folder: Path, trust: Trust) -> None:
    assert journal.tell_untrusted(SESSION) == 0
    deliver(journal, [hint(1), hint(2), hint(3)])
    with Journal.open(folder, trust=trust) as other:
        told = [journal.tell_untrusted(SESSION), other.tell_untrusted(SESSION), journal.tell_untrusted(SESSION)]
        assert told == [3, 0, 0]
        deliver(journal, [hint(4)])
        assert other.tell_untrusted(SESSION) == 0
        deliver(journal, [hint(number) for number in range(5, 12)])
        assert [other.tell_untrusted(SESSION), journal.tell_untrusted(SESSION)] == [11, 0]


def test_retrying_judges_by_the_keys_of_now(journal: Journal) -> None:
    deliver(journal, [hint(5, SECOND)])
    (kept,) = journal.quarantine.list()
    retried = journal.quarantine.retry(kept.number)
    assert retried is not None
    assert (retried.stored, retried.reason, retried.detail) == (None, "untrusted", kept.detail)
    assert journal.quarantine.list() == (kept,)
    deliver(journal, [added(3, SECOND, COACH)])
    assert journal.quarantine.list() == ()
    assert journal.quarantine.retry(kept.number) is None


def test_a_dropped_record_stays_dropped(journal: Journal) -> None:
    deliver(journal, [hint(5, SECOND)])
    assert journal.quarantine.drop(journal.quarantine.list()[0].number)
    deliver(journal, [added(3, SECOND, COACH)])
    assert ids(journal) == [event_id(3)]
    assert deliver(journal, [hint(5, SECOND)]).new[0].event.id == event_id(5), "the bus still has it"


def test_another_session_is_not_concerned(journal: Journal) -> None:
    journal.follow("s2", BUS)
    deliver(journal, [hint(1, session_id="s2"), hint(2)])
    assert ids(journal, "s2") == [event_id(1)]
    assert not journal.trust("s2").verified
    true = hint(3, COACH)
    deliver(journal, [wire(envelope(3, session_id="s2", payload={"hint": str(n)})) for n in range(20)])
    deliver(journal, [true])
    stored = journal.event(event_id(3))
    assert stored is not None
    assert stored.raw == true, "another session's event under the same id gives way to a signed one"
    copied = wire({**json.loads(true), "session_id": "s2", "id": event_id(4)})
    journal._trust.pins.pin("s2", COACH.public)  # type: ignore[union-attr]  # it was given
    deliver(journal, [copied])
    assert event_id(4) not in ids(journal, "s2"), "a signature is for its session"


def test_a_restored_backup_is_judged_again(journal: Journal, folder: Path, trust: Trust, tmp_path: Path) -> None:
    """What it was judged by then is not what is pinned now."""
    deliver(journal, [hint(1, COACH), hint(2)])
    journal.database.checkpoint()
    backup = (folder / "journal.db").read_bytes()
    trust.pins.pin(SESSION, SECOND.public)
    trust.pins.unpin(SESSION, COACH.public.kid)
    journal.judge_again(SESSION)
    assert ids(journal) == []
    elsewhere = tmp_path / "restored"
    elsewhere.mkdir()
    (elsewhere / "journal.db").write_bytes(backup)
    with Journal.open(elsewhere, trust=trust) as restored:
        assert ids(restored) == []
        assert sorted(reasons(restored)) == ["untrusted", "untrusted"]


def test_own_keys_show_no_secret(trust: Trust) -> None:
    made: OwnKey = trust.keys.make("kim")
    assert made.key.seed.hex() not in repr(made)
    assert hashlib.sha256(made.key.seed).hexdigest() not in repr(made)


def test_reading_a_verified_session_loads_no_cryptography(journal: Journal, folder: Path, trust: Trust) -> None:
    deliver(journal, [hint(1, COACH), hint(2)])
    code = f"""
import sys
from pathlib import Path
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.trust import Trust
with Journal.open(Path({str(folder)!r}), trust=Trust(Path({str(trust.home)!r}))) as journal:
    view = journal.trust("s1")
    assert (view.verified, view.untrusted, len(list(journal.events()))) == (True, 1, 1), view
print([name for name in ("cryptography", "pydantic", "asyncio") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
