"""Invites in both forms, what mail programs do to them, and what is said about those that cannot be used."""

from __future__ import annotations

import base64
import contextlib
import json
import quopri
import textwrap
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from colearner_ls.contracts.timestamps import to_ts
from colearner_ls.workspace.invite import BadInvite, Invite, parse_invite

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
NOW = 1_790_000_000_000_000
LATER = to_ts(NOW + 1)

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)
INVITES = st.builds(
    Invite,
    bus=TEXT,
    session=TEXT,
    student=st.none() | TEXT,
    coach=st.none() | TEXT,
    title=st.none() | TEXT,
    key=st.none() | st.just(KEY),
    expires=st.none() | st.just(LATER),
)
FULL = Invite(
    "kafka://broker.example:9093?security=SASL_SSL&sasl=SCRAM-SHA-512&prefix=class.&partitions=3",
    "0199c3a0-0000-7000-8000-000000000001",
    "ada",
    "eve",
    "Übungen = 100 % & mehr",
    KEY,
    LATER,
)


def read(text: str) -> Invite:
    return parse_invite(text, now_us=NOW)


@given(INVITES)
def test_both_forms_come_back_whole(invite: Invite) -> None:
    assert read(invite.url) == invite
    assert read(invite.text) == invite


@given(INVITES, st.data())
def test_a_cut_off_invite_is_never_taken_for_a_whole_one(invite: Invite, data: st.DataObject) -> None:
    for form in (invite.url, invite.text):
        end = data.draw(st.integers(1, len(form) - 1))
        with pytest.raises(BadInvite):
            read(form[:end])
        with pytest.raises(BadInvite):
            read(form[end:])


def test_cut_off_anywhere() -> None:
    for form in (FULL.url, FULL.text):
        for end in range(1, len(form)):
            with pytest.raises(BadInvite):
                read(form[:end])
            with pytest.raises(BadInvite):
                read(form[end:])


@given(INVITES, st.data())
def test_an_altered_invite_is_noticed(invite: Invite, data: st.DataObject) -> None:
    """One character of a value becomes another, as a program that corrects spelling or case does it."""
    begin = invite.url.index("&bus=") + len("&bus=")
    place = data.draw(st.integers(begin, len(invite.url) - 1))
    other = data.draw(st.sampled_from("aZ9-_."))
    altered = invite.url[:place] + other + invite.url[place + 1 :]
    with contextlib.suppress(BadInvite):
        assert read(altered) == invite  # the same character, or %2F for %2f


def wrapped(form: str, width: int, newline: str, prefix: str) -> str:
    return newline.join(prefix + line for line in textwrap.wrap(form, width, break_on_hyphens=False))


MAIL = "Hello Ada,\n\nplease join with {} and tell me (eve@example.org, https://example.org/?a=b) if it works.\nEve\n"
SHAPES = {
    "angle brackets": lambda form: f"<{form}>",
    "blanks": lambda form: f" {form}\n",
    "quotes": lambda form: f'"{form}"',
    "apostrophes": lambda form: f"'{form}'",
    "typographic quotes": lambda form: f"“{form}”",
    "markdown": lambda form: f"`{form}`",
    "a sentence": lambda form: f"Join: {form}.",
    "brackets": lambda form: f"(see {form})",
    "a command": lambda form: f"colearner join '{form}'",
    "a mail": lambda form: MAIL.format(form),
    "lines": lambda form: wrapped(form, 60, "\n", ""),
    "lines of Windows": lambda form: wrapped(form, 72, "\r\n", ""),
    "an indented mail": lambda form: MAIL.format(wrapped(form, 50, "\n", "    ")),
    "a quoted mail": lambda form: MAIL.format("\n> " + wrapped(form, 66, "\n", "> ")),
    "quoted-printable": lambda form: quopri.encodestring(MAIL.format(form).encode()).decode(),
    "HTML": lambda form: f'<a href="{form.replace("&", "&amp;")}">',
    "soft hyphens": lambda form: "\u00ad".join(textwrap.wrap(form, 10, break_on_hyphens=False)),
    "zero-width blanks": lambda form: "\u200b".join(textwrap.wrap(form, 10, break_on_hyphens=False)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", [FULL.url, FULL.text], ids=["link", "text"])
def test_what_mail_programs_make_of_it(shape: str, form: str) -> None:
    assert read(SHAPES[shape](form)) == FULL


@given(INVITES, st.integers(20, 76), st.sampled_from(["\n", "\r\n", "\n> ", "\n\t", " \n"]))
@example(FULL, 20, "\n> ")
def test_lines_come_together_again(invite: Invite, width: int, newline: str) -> None:
    for form in (invite.url, invite.text):
        assert read(MAIL.format(wrapped(form, width, newline, ""))) == invite


@pytest.mark.parametrize(
    "link",
    [
        quote(FULL.url, safe=""),
        quote(quote(FULL.url, safe=""), safe=""),
        f"https://guard.example/?url={quote(FULL.url, safe='')}&data=05%7C01&reserved=0",
        FULL.url.replace("join?", "join/?"),
        FULL.url.replace("colearner", "Colearner"),
    ],
)
def test_links_that_programs_rewrite(link: str) -> None:
    assert read(link) == FULL


@pytest.mark.parametrize(
    "values",
    [
        {"v": "1", "bus": "sqlite:///tmp/bus.db", "session": "s 1", "student": "ada"},
        {"v": "1", "bus": "kafka://a:1", "session": "s 1", "student": "ada", "title": "T", "colour": "blue"},
    ],
)
def test_invites_of_the_first_release(values: dict[str, str]) -> None:
    """Without a check, as the first release made them; also what a newer one may add to this version."""
    expected = Invite(values["bus"], "s 1", "ada", title=values.get("title"))
    assert read(f"colearner://join?{urlencode(values)}") == expected
    assert read(f"<colearner://join?{urlencode(values)}>\n") == expected
    text = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    assert read(text) == read(text.rstrip("=")) == read(wrapped(text, 40, "\n", "")) == expected
    broken = wrapped(f"colearner://join?{urlencode(values)}", 40, "\n", "")
    with pytest.raises(BadInvite, match="cut off"):
        read(broken)  # nobody can say whether the second line belongs to it


def encoded(values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


GOOD = Invite("sqlite:///tmp/bus.db", "s")


@pytest.mark.parametrize(
    ("given_text", "problem", "word"),
    [
        ("", "empty", "empty"),
        ("<>\n", "empty", "empty"),
        ("https://example.org/join?v=1", "no_invite", "no invite"),
        ("colearner://open?v=1&bus=b&session=s", "no_invite", "no invite"),
        ("colearner://join?v=1&bus=kafka://a:1", "damaged", "lacks session"),
        ("colearner://join?v=1", "damaged", "lacks bus and session"),
        ("colearner://join?v=2&bus=b&session=s", "other_version", "version 2"),
        ("colearner://join?v=2&check=aaaaaaaa&hub=b", "other_version", "version 2"),
        (encoded({"v": 2, "hub": "b"}), "other_version", "version 2"),
        ("colearner://join?bus=b&session=s", "other_version", "version unknown"),
        ("not base64 at all!", "no_invite", "no invite"),
        (GOOD.text[:-9], "no_invite", "no invite"),
        (GOOD.url[:-1], "damaged", "cut off"),
        (GOOD.url.replace("tmp", "TMP"), "damaged", "cut off"),
        (encoded([1, 2]), "no_invite", "no invite"),
        (encoded({"v": "1"}), "damaged", "lacks bus and session"),
        ("x" * 9000, "too_long", "too long"),
        (Invite("b", "s", expires=to_ts(NOW - 1)).url, "expired", "good until 2026-"),
        (Invite("b", "s", expires="tomorrow").url, "bad_time", "not in a time"),
        (Invite("b", "s", key="short").text, "bad_key", "not a public key"),
        (Invite("b", "s", key=KEY[:-1]).text, "bad_key", "not a public key"),
    ],
)
def test_what_is_wrong_is_said(given_text: str, problem: str, word: str) -> None:
    with pytest.raises(BadInvite, match=word) as caught:
        read(given_text)
    assert caught.value.problem == problem
    assert caught.value.hint


@given(st.text(max_size=200) | st.text("colearnerjoin:/?&=%v1bussessioneyJ2 \n<>3D", max_size=300))
def test_any_text_is_an_invite_or_a_bad_one(text: str) -> None:
    hint = "none is needed"
    try:
        read(text)
    except BadInvite as error:
        hint = error.hint
    assert hint


def test_the_clock_is_asked() -> None:
    assert parse_invite(Invite("b", "s", expires="2999-01-01T00:00:00Z").url).expires == "2999-01-01T00:00:00Z"
    with pytest.raises(BadInvite, match="is over"):
        parse_invite(Invite("b", "s", expires="2026-01-01T00:00:00Z").url)
