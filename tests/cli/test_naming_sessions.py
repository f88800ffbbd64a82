"""``--session``: a known one by a part of its id, a new one with a word."""

from __future__ import annotations

import json
from uuid import UUID

from tests.cli.conftest import Folder

FOLLOWED = "was not known here before; it is followed from now on"


def session_of(folder: Folder, *arguments: str) -> str:
    return str(folder("status", "--json", *arguments).doc["session_id"])


def test_a_new_name_is_followed_and_said_once(coach: Folder) -> None:
    first = coach("status", "--session", "week-2", "--json")
    assert json.loads(first.out)["session_id"] == "week-2"
    assert first.err == f"Session “week-2” {FOLLOWED}.\n"
    again = coach("status", "--session", "week-2", "--json")
    assert (again.code, again.err) == (0, "")
    assert session_of(coach) == "onboarding-01"  # the folder stays what it is


def test_a_part_of_a_known_id_means_that_session(nowhere: Folder) -> None:
    made = nowhere("coach", "init", "--json").doc["session_id"]
    UUID(made)
    for part in (made[-8:], made[:13]):
        ran = nowhere("status", "--session", part, "--json")
        assert json.loads(ran.out)["session_id"] == made
        assert ran.err == f"“{part}” means session “{made}” here.\n"
    assert nowhere("status", "--session", made).err == ""
    noted = nowhere("stage", "note", "--note", "hi", "--session", made[-4:], "--json").doc
    assert noted["session_id"] == made


def test_a_part_of_several_is_asked_back(coach: Folder) -> None:
    assert coach("status", "--session", "onboarding-02").code == 0
    ran = coach("status", "--session", "onboarding")
    assert ran.code == 3
    assert "onboarding-01, onboarding-02" in ran.err


def test_a_whole_name_counts_before_a_part_of_another(coach: Folder) -> None:
    assert FOLLOWED in coach("status", "--session", "week-10").err
    assert coach("status", "--session", "week-1").err == "“week-1” means session “week-10” here.\n"
    assert coach("init", "--session", "onboarding-01").code == 0
    short = coach("status", "--session", "k-10")
    assert "means session “week-10”" in short.err
    assert FOLLOWED in coach("status", "--session", "-10").err  # too short for a part: a name of its own
