"""``keys`` and a coach's ``join``, for people and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.cli.render.layout import Cell, Row, Style, table
from colearner_ls.cli.render.plain import plain
from colearner_ls.cli.render.words import clock, count, short
from colearner_ls.contracts.timestamps import to_ts

if TYPE_CHECKING:
    from colearner_ls.contracts.signing import PublicKey
    from colearner_ls.journal.trust import TrustView
    from colearner_ls.workspace.joining import Joined
    from colearner_ls.workspace.keys import KeyChange, Keys, KeyThatCounts, StudentsKey

View = dict[str, Any]

SHOWN_KID: Final = 12
"""Characters of the name of a key that are shown: its first."""

_HOW: Final = {
    "init": "pinned when the session began",
    "invite": "pinned by the invite",
    "by hand": "pinned by hand",
    "added": "added",
}


def short_kid(kid: str) -> str:
    """The beginning of a key's name, by which it is taken as well."""
    return plain(kid)[:SHOWN_KID]


def keys_view(keys: Keys) -> View:
    """``KeysView``."""
    own = keys.own
    return _without_none(
        {
            "session_id": keys.session_id,
            "verified": keys.verified,
            "own": {"author": keys.author, "kid": own.kid, "public_key": own.text, "counts": keys.own_counts}
            if own
            else None,
            "keys": [_key_view(each) for each in keys.counting],
            "students": [_student_view(each) for each in keys.students],
            "changes": [_change_view(each) for each in keys.changes],
            "untrusted": keys.untrusted,
        }
    )


def _key_view(key: KeyThatCounts) -> View:
    return _without_none(
        {
            "kid": key.kid,
            "public_key": key.public_key,
            "role": key.role,
            "how": key.how,
            "since": to_ts(key.since_us) if key.since_us is not None else None,
            "added_by": key.added_by,
            "note": key.note,
            "mine": key.mine,
        }
    )


def _student_view(key: StudentsKey) -> View:
    return _without_none(
        {
            "student_id": key.student_id,
            "kid": key.kid,
            "public_key": key.public_key,
            "since": key.since,
            "changed": key.changed,
        }
    )


def _change_view(change: KeyChange) -> View:
    names = ("event_id", "change", "kid", "by", "author", "note", "ts")
    return _without_none({name: getattr(change, name) for name in names})


def keys_lines(keys: Keys, style: Style) -> list[str]:
    """What counts, what is one's own, who the students are, what changed. Public keys are never cut."""
    wide = Style(style.color)
    lines = [_head(keys, style)]
    lines += _section("Keys that count", [_key(each) for each in keys.counting], wide)
    lines += ["", style.heading("Yours"), *_own(keys)]
    lines += _section("Students", [_student(each) for each in keys.students], wide)
    lines += _section("Changes", [_change(each) for each in keys.changes], wide)
    if keys.untrusted:
        lines += ["", untrusted_words(keys.untrusted)]
    return lines


def _head(keys: Keys, style: Style) -> str:
    session = style.heading(short(keys.session_id))
    if not keys.verified:
        return f"Session {session} is unverified: no key is pinned for it, so nobody's signature is checked."
    return f"Session {session} is verified: {count(len(keys.counting), 'key')} may speak for the coach."


def untrusted_words(untrusted: int) -> str:
    """What was put aside."""
    be = "was" if untrusted == 1 else "were"
    what = count(untrusted, "event")
    return f"{what} that claimed to be a coach's {be} put aside: no signature that counts (colearner quarantine)."


def _section(title: str, rows: list[Row], style: Style) -> list[str]:
    return ["", style.heading(title), *table(rows, style)] if rows else []


def _key(key: KeyThatCounts) -> Row:
    by = f" by {short_kid(key.added_by)}" if key.added_by else ""
    since = f" {clock(key.since_us)}" if key.since_us is not None else ""
    note = f": {plain(key.note)}" if key.note else ""
    role = "" if key.role == "coach" else f"{key.role}, "
    whose = Cell("yours", ("green",)) if key.mine else Cell("")
    return [short_kid(key.kid), whose, f"{role}{_HOW[key.how]}{by}{since}{note}"]


def _own(keys: Keys) -> list[str]:
    if keys.own is None:
        return [f"  {plain(keys.author)} has no key on this machine; joining by an invite makes one."]
    lines = [f"  {short_kid(keys.own.kid)}  {plain(keys.author)}", f"  public key: {keys.own.text}"]
    if keys.verified and keys.role == "coach" and not keys.own_counts:
        lines.append("  It does not count here: ask a coach whose key does for colearner keys add PUBLIC_KEY.")
    return lines


def _student(key: StudentsKey) -> Row:
    changed = Cell("another key than before", ("yellow",)) if key.changed else Cell("")
    return [plain(key.student_id), short_kid(key.kid), Cell(f"since {plain(key.since[:19])}", ("dim",)), changed]


def _change(change: KeyChange) -> Row:
    by = f"by {short_kid(change.by)}" if change.by else ""
    return [
        Cell(plain(change.ts[:19]), ("dim",)),
        change.change,
        short_kid(change.kid),
        by,
        plain(change.author or ""),
        plain(change.note or ""),
    ]


def pinned_view(session_id: str, key: PublicKey, trust: TrustView, *, pinned: bool) -> View:
    """``PinnedView``."""
    return {
        "session_id": session_id,
        "kid": key.kid,
        "public_key": key.text,
        "pinned": pinned,
        "verified": trust.verified,
        "untrusted": trust.untrusted,
    }


def pinned_lines(key: PublicKey, trust: TrustView, *, pinned: bool) -> list[str]:
    """What a pin, or taking one back, has changed."""
    what = "is pinned as the coach's" if pinned else "is not pinned any more"
    state = "verified" if trust.verified else "unverified"
    lines = [f"Key {short_kid(key.kid)} {what}, on this machine; the session is {state}."]
    return [*lines, untrusted_words(trust.untrusted)] if trust.untrusted else lines


def joined_view(joined: Joined, *, counts: bool) -> View:
    """``CoachJoinedView``."""
    return {
        "session_id": joined.session_id,
        "role": "coach",
        "kid": joined.kid,
        "public_key": joined.public_key,
        "counts": counts,
    }


def joined_lines(joined: Joined, root: Path, *, counts: bool, verified: bool) -> list[str]:
    """What a coach who joined has to do next."""
    head = f"You joined session {short(joined.session_id)} in {plain(str(root))} as a coach."
    if not verified:
        return [head, "The session is unverified: no key is pinned for it."]
    if counts:
        return [head, "Your key counts already."]
    return [
        head,
        "Your key does not count yet. Send the coach your public key, by a way on which it cannot be exchanged:",
        "",
        f"  colearner keys add {joined.public_key}",
        "",
        "is what they say with it. Until then nothing is said from here in the coach's name.",
    ]


def _without_none(view: View) -> View:
    return {name: value for name, value in view.items() if value is not None}
