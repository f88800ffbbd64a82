"""``keys``, ``invite``, ``join`` and ``coach join`` as a person types them: words, JSON, exit codes. Each person has a
machine (a user data folder) of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.contracts import views
from colearner_ls.contracts.signing import SigningKey
from colearner_ls.workspace.invite import Invite, parse_invite
from tests.cli.conftest import Folder, checkout
from tests.cli.test_dialogue import shaped

SESSION = "onboarding-01"


class Town:
    """Machines around one bus."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = env
        self.bus = f"sqlite://{folder}/bus/bus.db"

    def machine(self, name: str) -> Folder:
        return Folder(checkout(self.folder / name), {**self.env, "COLEARNER_HOME": str(self.folder / f"{name}-home")})


@pytest.fixture
def town(tmp_path: Path, env: dict[str, str]) -> Town:
    return Town(tmp_path, env)


@pytest.fixture
def eve(town: Town) -> Folder:
    """The coach, with a session that was begun."""
    folder = town.machine("eve")
    init = ("coach", "init", "--as", "eve", "--session", SESSION, "--student", "ada", "--bus", town.bus)
    assert folder(*init).code == 0
    return folder


def invite_of(folder: Folder, *arguments: str) -> str:
    return str(shaped(views.InviteView, folder("invite", "--json", *arguments).doc)["invite"])


def joined(town: Town, name: str, invite: str, *arguments: str) -> Folder:
    folder = town.machine(name)
    ran = folder("join", invite, "--as", name.split("-")[0], *arguments)
    assert ran.code == 0, ran.err
    return folder


def keys(folder: Folder) -> dict[str, Any]:
    return shaped(views.KeysView, folder("keys", "--json").doc)


def hints(folder: Folder) -> list[str]:
    return [each["hint"] for each in folder("status", "--fetch", "--json").doc["hints"]]


def test_init_shows_an_invite_with_the_key(town: Town) -> None:
    folder = town.machine("eve")
    ran = folder("coach", "init", "--as", "eve", "--student", "ada", "--bus", town.bus)
    assert ran.code == 0
    own = keys(folder)["own"]
    link = next(line for line in ran.out.splitlines() if "colearner://join" in line)
    text = next(line for line in ran.out.splitlines() if "colearner join eyJ" in line)
    assert parse_invite(link).key == parse_invite(text).key == own["public_key"]
    assert "unverified" not in ran.out
    again = folder("coach", "init", "--json").doc
    assert parse_invite(again["invite"]) == parse_invite(link)


def test_what_a_student_sees(town: Town, eve: Folder) -> None:
    ada = joined(town, "ada", invite_of(eve))
    assert eve("hint", "look here").code == 0
    status = shaped(views.StatusView, ada("status", "--fetch", "--json").doc)
    assert status["trust"] == {"verified": True, "untrusted": 0}
    assert status["notices"] == []
    told = keys(ada)
    (key,) = told["keys"]
    assert (key["kid"], key["how"], key["role"], key["mine"]) == (keys(eve)["own"]["kid"], "invite", "coach", False)
    assert told["own"]["author"] == "ada"
    words = ada("keys").out
    assert "is verified: 1 key may speak for the coach" in words
    assert told["own"]["public_key"] in words
    assert "pinned by the invite" in words
    doctor = ada("doctor").out
    assert "trust: verified" in doctor


def test_a_forger_changes_nothing_and_is_told_of(town: Town, eve: Folder) -> None:
    ada = joined(town, "ada", invite_of(eve))
    mallory = town.machine("mallory")
    as_coach = ("--role", "coach", "--session", SESSION, "--bus", town.bus, "--as", "eve")
    assert mallory("hint", "rm -rf", *as_coach).code == 0
    eve("hint", "from the coach")
    assert hints(ada) == ["from the coach"]
    status = ada("status", "--json").doc
    assert status["trust"] == {"verified": True, "untrusted": 1}
    assert "claimed to be the coach's" in ada("status").out
    assert "1 event that claimed to be a coach's was put aside" in ada("keys").out
    assert "without a signature that counts: 1." in ada("doctor").out
    (kept,) = ada("quarantine", "--json").doc["items"]
    assert kept["reason"] == "untrusted"


def test_the_second_coach(town: Town, eve: Folder) -> None:
    ada, bob = joined(town, "ada", invite_of(eve)), town.machine("bob")
    ran = bob("coach", "join", invite_of(eve), "--as", "bob")
    assert ran.code == 0, ran.err
    own = keys(bob)["own"]
    assert f"colearner keys add {own['public_key']}" in ran.out
    assert own["counts"] is False
    refused = bob("hint", "too early")
    assert refused.code == 5
    assert f"colearner keys add {own['public_key']}" in refused.err
    assert bob("history", "--json", "--type", "coach_hint").docs == []

    added = shaped(views.WrittenView, eve("keys", "add", own["public_key"], "--note", "Bob", "--json").doc)
    assert added["event_type"] == "key_added"
    again = shaped(views.CoachJoinedView, bob("coach", "join", invite_of(eve), "--json").doc)
    assert again == {**again, "kid": own["kid"], "counts": True}
    assert bob("hint", "from Bob").code == 0
    assert hints(ada) == ["from Bob"]
    assert [key["note"] for key in keys(ada)["keys"] if key["how"] == "added"] == ["Bob"]
    assert "yours" in bob("keys").out

    revoked = eve("keys", "revoke", own["kid"][:8], "--note", "left")
    assert (revoked.code, own["kid"][:12] in revoked.out) == (0, True)
    bob("sync")
    late = bob("hint", "too late")
    assert (late.code, "was revoked" in late.err) == (5, True)
    changes = [(each["change"], each["note"]) for each in keys(bob)["changes"]]
    assert changes == [("revoked", "left"), ("added", "Bob")]
    assert "revoked" in bob("keys").out
    assert any("does not count here" in line for line in bob("doctor").out.splitlines())


def test_another_key_in_an_invite(town: Town, eve: Folder) -> None:
    invite = invite_of(eve)
    ada = joined(town, "ada", invite)
    other = SigningKey.generate().public
    forged = Invite(town.bus, SESSION, "ada", "eve", None, other.text).url
    refused = ada("join", forged)
    assert refused.code == 5
    assert "another key than the one you agreed to" in refused.err
    assert f"colearner keys trust {other.text}" in refused.err
    pinned = shaped(views.PinnedView, ada("keys", "trust", other.text, "--json").doc)
    assert pinned == {**pinned, "kid": other.kid, "pinned": True, "verified": True}
    assert ada("join", forged).code == 0
    back = ada("keys", "distrust", other.kid[:6])
    assert (back.code, "not pinned any more" in back.out) == (0, True)
    assert ada("join", invite).code == 0


def test_an_unverified_session_says_so(town: Town, eve: Folder) -> None:
    ada = town.machine("ada")
    here = ("--role", "student", "--session", SESSION, "--bus", town.bus)
    assert "unverified" in ada("status", *here).out
    assert ada("status", "--json").code == 4  # nothing was set up for good
    told = shaped(views.KeysView, ada("keys", "--json", *here).doc)
    assert (told["verified"], told["keys"], "own" in told) == (False, [], False)
    assert "is unverified" in ada("keys", *here).out
    assert "unverified" in ada("doctor", *here).out
    assert ada("keys", "trust", keys(eve)["own"]["public_key"], *here).code == 0
    assert "unverified" not in ada("status", *here).out


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_private_key_that_others_can_read(town: Town, eve: Folder) -> None:
    (path,) = Path(eve.env["COLEARNER_HOME"]).glob("keys/*.json")
    path.chmod(0o604)
    for verb in (["hint", "hello"], ["keys"], ["coach", "init"], ["keys", "add", SigningKey.generate().public.text]):
        ran = eve(*verb)
        assert ran.code == 5, (verb, ran)
        assert "can be read by others" in ran.err
        assert f"chmod 600 {path}" in ran.err
    assert "can be read by others" in eve("doctor").out
    assert eve("status").code == 0
    path.chmod(0o600)
    assert eve("hint", "hello").code == 0


def test_invites_again(town: Town, eve: Folder) -> None:
    ran = eve("invite", "--student", "ben", "--days", "3")
    assert ran.code == 0
    assert "Invite for the student, good until 20" in ran.out
    doc = shaped(views.InviteView, eve("invite", "--student", "ben", "--days", "0.5", "--json").doc)
    read = parse_invite(doc["text"])
    assert read == parse_invite(doc["invite"])
    assert (read.student, read.expires, doc["kid"]) == ("ben", doc["expires"], keys(eve)["own"]["kid"])
    assert (eve("invite", "--days", "-1").code, eve("invite", "--days", "x").code) == (3, 3)
    ada = joined(town, "ada", invite_of(eve))
    refused = ada("invite")
    assert (refused.code, "cannot invite" in refused.err) == (5, True)


def test_an_invite_as_a_mail_program_leaves_it(town: Town, eve: Folder) -> None:
    invite = invite_of(eve)
    mail = f"Hi,\n> {invite[:70]}\n> {invite[70:]}\nEve"
    for name, arguments, stdin in (("ada", ["-"], mail), ("ben", [invite[:60], invite[60:]], ""), ("cy", [mail], "")):
        folder = town.machine(name)
        ran = folder("join", *arguments, "--json", stdin=stdin)
        assert ran.code == 0, ran.err
        assert ran.doc["session_id"] == SESSION
    refused = town.machine("dan")("join", invite[:-5])
    assert (refused.code, "cut off" in refused.err) == (3, True)


def test_joining_while_the_bus_is_away(town: Town) -> None:
    """A port where nobody listens: joined all the same, and told why nothing was sent."""
    key = SigningKey.generate().public
    invite = Invite("kafka://127.0.0.1:9?partitions=1", SESSION, "ada", "eve", "T", key.text).url
    ada = town.machine("ada")
    ran = ada("join", invite, "--as", "ada", "--wait", "10")
    assert ran.code == 0, ran.err
    assert "kept; will be sent when the bus is reachable (1 waiting)" in ran.out
    assert "The bus kafka://127.0.0.1:9?partitions=1 cannot be reached: " in ran.err
    assert "127.0.0.1:9" in ran.err.partition("cannot be reached: ")[2]  # the true cause
    assert "Nothing is lost" in ran.err
    assert keys(ada)["verified"]
    assert ada("progress", "--completed", "s1", "--offline").code == 0


def test_joining_a_bus_that_asks_for_a_user(town: Town) -> None:
    invite = Invite("kafka://127.0.0.1:9?security=SASL_PLAINTEXT&sasl=PLAIN&partitions=1", SESSION, "ada").url
    ran = town.machine("ada")("join", invite, "--wait", "5")
    assert ran.code == 0, ran.err
    assert "kept; will be sent" in ran.out
    assert "COLEARNER_KAFKA_USER" in ran.err


def test_joining_with_a_certificate_that_is_not_there(town: Town) -> None:
    invite = Invite(f"kafka://127.0.0.1:9?security=SSL&ca={town.folder}/class-ca.pem&partitions=1", SESSION, "ada").url
    ran = town.machine("ada")("join", invite, "--wait", "5")
    assert ran.code == 0, ran.err
    assert "class-ca.pem" in ran.err.replace(invite, "")


def test_json_of_the_delivery_has_no_words_in_it(town: Town) -> None:
    invite = Invite("kafka://127.0.0.1:9?partitions=1", SESSION, "ada").url
    ran = town.machine("ada")("join", invite, "--json", "--wait", "5")
    assert shaped(views.WrittenView, ran.doc)["delivery"] == "kept"
    assert "cannot be reached" in ran.err
