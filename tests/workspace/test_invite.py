"""Invites in both forms, and what is said about those that cannot be used."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.workspace.invite import BadInvite, Invite, parse_invite

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)


@given(bus=TEXT, session=TEXT, student=st.none() | TEXT, coach=st.none() | TEXT, title=st.none() | TEXT)
def test_both_forms_come_back_whole(
    bus: str, session: str, student: str | None, coach: str | None, title: str | None
) -> None:
    invite = Invite(bus, session, student, coach, title)
    assert parse_invite(invite.url) == invite
    assert parse_invite(invite.text) == invite


def encoded(values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


GOOD = Invite("sqlite:///tmp/bus.db", "s")


@pytest.mark.parametrize(
    ("given_text", "word"),
    [
        ("", "empty"),
        ("https://example.org/join?v=1", "no invite"),
        ("colearner://open?v=1&bus=b&session=s", "no invite"),
        ("colearner://join?v=1&bus=kafka://a:1", "lacks session"),
        ("colearner://join?v=2&bus=b&session=s", "version 2"),
        ("colearner://join?bus=b&session=s", "version unknown"),
        ("not base64 at all!", "no invite"),
        (GOOD.text[:-9], "no invite"),
        (encoded([1, 2]), "no invite"),
        (encoded({"v": "1"}), "lacks bus and session"),
        ("x" * 9000, "too long"),
    ],
)
def test_what_is_wrong_is_said(given_text: str, word: str) -> None:
    with pytest.raises(BadInvite, match=word) as caught:
        parse_invite(given_text)
    assert caught.value.hint


@pytest.mark.parametrize("wrapped", ["<{}>", " {}\n", '"{}"'])
def test_what_mail_programs_put_around(wrapped: str) -> None:
    assert parse_invite(wrapped.format(GOOD.url)) == GOOD
