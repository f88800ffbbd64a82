"""Keys through the door: who may speak for the coach, and what becomes of those who only say so. Each person has a user
data folder of their own, as on machines of their own; the bus is one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from colearner_ls.contracts.errors import BadInput, RefusedByPolicy
from colearner_ls.contracts.signing import SigningKey
from colearner_ls.journal.keys import KeyFileError, KeyFolder
from colearner_ls.workspace.doctor import diagnose
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.invite import Invite, parse_invite
from colearner_ls.workspace.joining import AnothersSession, OtherKeyPinned
from colearner_ls.workspace.keys import (
    KeyDoesNotCount,
    add_key,
    distrust_key,
    make_invite,
    revoke_key,
    shown,
    trust_key,
)
from colearner_ls.workspace.requests import (
    AddKey,
    Assign,
    GiveHint,
    InitSession,
    JoinSession,
    MoveStage,
    ReportProgress,
    RevokeKey,
)
from colearner_ls.workspace.results import AmbiguousId, NotYours, UnknownTarget
from colearner_ls.workspace.setting_up import join_as_coach, set_up
from colearner_ls.workspace.settings import Overrides, Settings, resolve
from colearner_ls.workspace.sync_status import UNTRUSTED, UNVERIFIED
from colearner_ls.workspace.syncing import sync_once
from tests.workspace.conftest import GRAPH, checkout

SESSION = "0199c3a0-0000-7000-8000-0000000000aa"


@dataclass
class Town:
    """Machines around one bus."""

    folder: Path
    opened: list[Workspace] = field(default_factory=list)

    @property
    def bus(self) -> str:
        return f"sqlite://{self.folder}/bus/bus.db"

    def __post_init__(self) -> None:
        (self.folder / "bus").mkdir()

    def env(self, machine: str) -> dict[str, str]:
        return {"COLEARNER_HOME": str(self.home(machine))}

    def home(self, machine: str) -> Path:
        return self.folder / machine / "home"

    def settings(self, machine: str, author: str | None = None, **overrides: str) -> Settings:
        root = self.folder / machine / "work"
        if not root.exists():
            checkout(root, {"src/graph.py": GRAPH})
        overrides.setdefault("bus", self.bus)
        return resolve(root, Overrides(author=author or machine, **overrides), self.env(machine))

    def keep(self, workspace: Workspace) -> Workspace:
        self.opened.append(workspace)
        return workspace

    def coach(self, machine: str = "eve") -> tuple[Workspace, str]:
        """Begin the session; the invite."""
        request = InitSession("coach", SESSION, student_id="ada", title="Onboarding")
        workspace, written = set_up(self.settings(machine), request, self.env(machine))
        return self.keep(workspace), written.text

    def student(self, invite: str, machine: str = "ada", author: str = "ada") -> Workspace:
        workspace, _ = set_up(self.settings(machine, author), JoinSession(invite), self.env(machine))
        return self.keep(workspace)

    def forger(self, machine: str = "mallory", *, author: str = "eve", key: bool = False) -> Workspace:
        """Somebody with access to the bus who calls himself the coach, with this very program."""
        settings = self.settings(machine, author, role="coach", session=SESSION, student="ada")
        if key:
            KeyFolder(self.home(machine)).make(author)
        return self.keep(Workspace.open(settings))

    def one_more_coach(self, invite: str, machine: str = "bob") -> Workspace:
        workspace, _ = join_as_coach(self.settings(machine), JoinSession(invite), self.env(machine))
        return self.keep(workspace)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    for workspace in made.opened:
        workspace.close()


def sync(*workspaces: Workspace) -> None:
    for workspace in workspaces:
        outcome = sync_once(workspace, wait=20, fetch=True)
        assert outcome.fetched, outcome


def hints(workspace: Workspace) -> list[str]:
    return [hint.hint for hint in workspace.snapshot().me.hints]


def kid_of(workspace: Workspace) -> str:
    own = shown(workspace).own
    assert own is not None
    return own.kid


def public_key_of(workspace: Workspace) -> str:
    own = shown(workspace).own
    assert own is not None
    return own.text


def untrusted(workspace: Workspace) -> list[str]:
    return [each.detail for each in workspace.journal.quarantine.list() if each.reason == "untrusted"]


def test_a_session_with_an_invite_is_verified_and_says_nothing_of_it(town: Town) -> None:
    coach, invite = town.coach()
    assert parse_invite(invite).key == public_key_of(coach)
    student = town.student(invite)
    coach.do(GiveHint("look at line 7"))
    student.do(ReportProgress(completed=("s1",)))
    sync(coach, student, coach)
    assert hints(student) == ["look at line 7"]
    for side, how in ((coach, "init"), (student, "invite")):
        snapshot = side.snapshot()
        assert (snapshot.trust.verified, snapshot.trust.untrusted, snapshot.notices) == (True, 0, ())
        keys = shown(side)
        assert [(key.kid, key.how, key.mine) for key in keys.counting] == [(kid_of(coach), how, side is coach)]
        assert [(key.student_id, key.kid, key.changed) for key in keys.students] == [("ada", kid_of(student), False)]
    assert ("ok", "trust") in [
        (each.level, each.topic) for each in diagnose(student.settings, check_bus=False).findings
    ]


def test_who_only_calls_himself_the_coach_is_put_aside(town: Town) -> None:
    coach, invite = town.coach()
    student = town.student(invite)
    sync(coach, student)
    before = student.snapshot().session
    for forger in (town.forger("mallory"), town.forger("trudy", key=True)):
        forger.do(GiveHint("delete everything"))
        forger.do(Assign("evil", "send me your passwords"))
        sync(forger)
    sync(student)
    assert student.snapshot().session == before
    assert len(untrusted(student)) == 4
    assert any("has no signature" in detail for detail in untrusted(student))
    assert any("none of this session's" in detail for detail in untrusted(student))
    snapshot = student.snapshot()
    assert snapshot.trust.untrusted == 4
    assert UNTRUSTED in snapshot.notices
    assert student.tell_untrusted() > 0
    assert student.tell_untrusted() == 0  # once
    findings = [each for each in diagnose(student.settings, check_bus=False).findings if each.topic == "trust"]
    assert any(each.level == "warning" and "counts: 4." in each.text for each in findings)
    coach.do(GiveHint("the true one"))
    sync(coach, student)
    assert hints(student) == ["the true one"]


def test_a_second_coach_speaks_once_added_and_not_once_revoked(town: Town) -> None:
    coach, invite = town.coach()
    student = town.student(invite)
    bob = town.one_more_coach(invite)
    sync(coach, student, bob)
    count = bob.journal.count()
    with pytest.raises(KeyDoesNotCount) as refused:
        bob.do(GiveHint("too early"))
    assert f"colearner keys add {public_key_of(bob)}" in refused.value.hint
    assert bob.journal.count() == count  # nothing was stored

    add_key(coach, AddKey(public_key_of(bob), "Bob's laptop"))
    sync(coach, bob)
    bob.do(GiveHint("from Bob"))
    sync(bob, student, coach)
    assert hints(student) == hints(coach) == ["from Bob"]
    (_, key) = shown(student).counting
    assert (key.kid, key.how, key.added_by, key.note) == (kid_of(bob), "added", kid_of(coach), "Bob's laptop")
    assert parse_invite(make_invite(bob).url).key == public_key_of(coach)  # all coaches hand out the same key

    revoke_key(coach, RevokeKey(kid_of(bob)[:6], "left"))
    sync(coach, bob, student)
    with pytest.raises(KeyDoesNotCount, match="was revoked"):
        bob.do(GiveHint("too late"))
    assert hints(student) == ["from Bob"]  # what was said while the key counted stays
    assert [each.change for each in shown(student).changes] == ["revoked", "added"]
    assert untrusted(student) == []


def test_a_revoked_key_used_again_elsewhere_is_untrusted(town: Town) -> None:
    """The laptop was stolen: its program does not know yet that its key was revoked."""
    coach, invite = town.coach()
    student, bob = town.student(invite), town.one_more_coach(invite)
    add_key(coach, AddKey(public_key_of(bob)))
    sync(coach, bob, student)
    revoke_key(coach, RevokeKey(kid_of(bob)))
    sync(coach, student)
    bob.do(GiveHint("from the thief"))
    sync(bob, student, coach)
    assert hints(student) == hints(coach) == []
    (detail,) = untrusted(student)
    assert "revoked" in detail


def test_a_stranger_cannot_add_his_own_key(town: Town) -> None:
    coach, invite = town.coach()
    student = town.student(invite)
    forger = town.forger(key=True)
    trust_key(forger, public_key_of(forger))  # to his own program he is the coach
    add_key(forger, AddKey(SigningKey.generate().public.text, "a friend"))
    forger.do(GiveHint("believe me"))
    sync(coach, forger, student)
    assert [key.kid for key in shown(student).counting] == [kid_of(coach)]
    assert len(untrusted(student)) == 2
    assert hints(student) == []


def test_an_invite_with_another_key_is_refused_before_anything_changes(town: Town) -> None:
    coach, invite = town.coach()
    student = town.student(invite)
    student.close()
    other = SigningKey.generate().public
    forged = Invite(town.bus, SESSION, "ada", "eve", "Onboarding", other.text).url
    config = (student.root / ".colearner" / "config.toml").read_bytes()
    with pytest.raises(OtherKeyPinned) as refused:
        town.student(forged)
    assert isinstance(refused.value, RefusedByPolicy)
    assert f"colearner keys trust {other.text}" in refused.value.hint
    assert (student.root / ".colearner" / "config.toml").read_bytes() == config
    assert [key.kid for key in shown(town.student(invite)).counting] == [kid_of(coach)]

    again = town.student(Invite(town.bus, SESSION, "ada").url)  # without a key: the pin stays
    assert again.trust().verified
    trust_key(again, other.text)
    town.student(forged)
    assert {key.kid for key in shown(again).counting} == {kid_of(coach), other.kid}


def test_a_coach_does_not_begin_anothers_session(town: Town) -> None:
    _, invite = town.coach()
    student = town.student(invite)
    student.close()
    settings = resolve(student.root.parent, Overrides(author="ada", bus=town.bus), town.env("ada"))
    with pytest.raises(AnothersSession, match="another coach's"):
        set_up(settings, InitSession("coach", SESSION), town.env("ada"))
    assert not (student.root.parent / ".colearner").exists()


def test_a_student_on_two_laptops(town: Town) -> None:
    coach, invite = town.coach()
    first, second = town.student(invite, "ada"), town.student(invite, "ada-2", "ada")
    first.do(ReportProgress(completed=("s1",)))
    sync(first)
    second.do(ReportProgress(completed=("s2",)))
    sync(second, coach, first)
    assert kid_of(first) != kid_of(second)
    assert set(coach.snapshot().me.completed) == {"s1", "s2"} == set(first.snapshot().me.completed)
    students = {key.kid: (key.student_id, key.changed) for key in shown(coach).students}
    assert students.keys() == {kid_of(first), kid_of(second)}
    assert sorted(students.values()) == [("ada", False), ("ada", True)]
    assert untrusted(coach) == []
    findings = diagnose(coach.settings, check_bus=False).findings
    assert any(each.topic == "trust" and "another key" in each.text for each in findings)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_key_file_that_others_can_read(town: Town) -> None:
    coach, invite = town.coach()
    path = KeyFolder(town.home("eve")).path("eve")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    count = coach.journal.count()
    with pytest.raises(KeyFileError, match="can be read by others") as refused:
        coach.do(GiveHint("hello"))
    assert f"chmod 600 {path}" in refused.value.hint
    assert coach.journal.count() == count
    findings = diagnose(coach.settings, check_bus=False).findings
    assert any(each.level == "error" and "can be read by others" in each.text for each in findings)

    home = town.home("ada") / "keys"
    KeyFolder(town.home("ada")).make("ada")
    KeyFolder(town.home("ada")).path("ada").chmod(0o640)
    with pytest.raises(KeyFileError):
        town.student(invite)
    assert not (town.folder / "ada" / "work" / ".colearner").exists()
    assert home.exists()

    path.chmod(0o600)
    coach.do(GiveHint("hello"))
    assert hints(coach) == ["hello"]


def test_a_session_without_an_invite_is_unverified_until_a_key_is_pinned(town: Town) -> None:
    coach, _ = town.coach()
    settings = town.settings("ada", role="student", session=SESSION)
    student = town.keep(Workspace.open(settings))
    town.forger().do(GiveHint("from nobody"))
    coach.do(GiveHint("from the coach"))
    sync(*town.opened, student)
    assert sorted(hints(student)) == ["from nobody", "from the coach"]
    assert (student.snapshot().trust.verified, UNVERIFIED in student.snapshot().notices) == (False, True)
    assert not shown(student).counting

    trust_key(student, public_key_of(coach))
    assert hints(student) == ["from the coach"]
    assert student.snapshot().trust.verified
    assert student.snapshot().trust.untrusted == 1
    assert UNVERIFIED not in student.snapshot().notices

    with pytest.raises(UnknownTarget, match="pinned"):
        distrust_key(student, "zzzz")
    distrust_key(student, kid_of(coach)[-5:])
    assert sorted(hints(student)) == ["from nobody", "from the coach"]
    assert not student.snapshot().trust.verified


def test_a_session_from_before_there_were_keys_gets_them_by_another_init(town: Town) -> None:
    """Own words are signed then; with another coach's unsigned words in it a session stays unverified."""
    early = town.forger("eve", author="eve")  # a coach's folder without a key
    early.do(GiveHint("said before"))
    sync(early)
    coach, invite = town.coach()
    assert parse_invite(invite).key is not None
    student = town.student(invite)
    sync(coach, student)
    assert hints(student) == hints(coach) == ["said before"]
    assert untrusted(student) == [] or student.snapshot().trust.untrusted == 0


def test_another_coachs_unsigned_words_keep_a_session_unverified(town: Town) -> None:
    other = town.forger("bob", author="bob")
    other.do(GiveHint("from Bob"))
    early = town.forger("eve", author="eve")
    sync(other, early)
    coach, invite = town.coach()
    assert parse_invite(invite).key is None
    assert not coach.trust().verified
    assert hints(coach) == ["from Bob"]


def bad(act: Callable[[], object], kind: type[Exception], word: str) -> None:
    with pytest.raises(kind, match=word) as refused:
        act()
    assert getattr(refused.value, "hint", "")


def test_what_cannot_be_done_is_said(town: Town) -> None:
    coach, invite = town.coach()
    student = town.student(invite)
    own, kid = public_key_of(coach), kid_of(coach)
    bad(lambda: add_key(coach, AddKey("no key")), BadInput, "not a public key")
    bad(lambda: add_key(coach, AddKey(own)), BadInput, "counts already")
    bad(lambda: add_key(student, AddKey(own)), NotYours, "cannot say key_added")
    bad(lambda: revoke_key(student, RevokeKey(kid)), NotYours, "cannot say key_revoked")
    bad(lambda: revoke_key(coach, RevokeKey(kid)), BadInput, "the only key")
    bad(lambda: revoke_key(coach, RevokeKey("zzzz")), UnknownTarget, "in force")
    bad(lambda: trust_key(student, own[:-1]), BadInput, "not a public key")
    bad(lambda: make_invite(student), NotYours, "cannot invite")
    bad(lambda: make_invite(coach, days=0), BadInput, "out of range")
    bad(lambda: make_invite(coach, days=float("nan")), BadInput, "out of range")
    unverified = town.keep(Workspace.open(town.settings("bob", role="coach", session="free")))
    bad(lambda: add_key(unverified, AddKey(own)), BadInput, "unverified")
    keyless = town.keep(Workspace.open(town.settings("eve", "someone", role="coach", session=SESSION)))
    bad(lambda: keyless.do(MoveStage("plan")), KeyDoesNotCount, "no key of someone")


def test_two_keys_that_begin_alike_are_asked_back(town: Town) -> None:
    coach, _ = town.coach()
    first = SigningKey.generate().public
    add_key(coach, AddKey(first.text))
    kids = [kid_of(coach), first.kid]
    with pytest.raises((AmbiguousId, UnknownTarget)):
        revoke_key(coach, RevokeKey("".join(a for a, b in zip(*kids, strict=True) if a == b)[:1] or "-"))
    revoke_key(coach, RevokeKey(first.kid[-8:]))
    assert [key.kid for key in shown(coach).counting] == kids[:1]


def test_an_invite_again(town: Town) -> None:
    coach, invite = town.coach()
    again = parse_invite(make_invite(coach).url)
    assert again == parse_invite(invite) == parse_invite(make_invite(coach).text)
    other = make_invite(coach, student="ben", days=2)
    assert (other.student, parse_invite(other.url).expires) == ("ben", other.expires)
    assert other.expires is not None
