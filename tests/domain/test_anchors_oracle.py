"""An anchor is never put at a wrong place: the lines carry marks through every edit, so the true place is known."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from colearner_ls.domain.anchors import Anchor, Found, Page, locate, make_anchor
from tests.domain.anchor_oracle import Quoted, Sheet, edited_outside, fresh, look, quote, quotes, retyped, sheet

DEEP = int(os.environ.get("COLEARNER_DEEP", "1"))
ORACLE = settings(max_examples=80 * DEEP, deadline=None)


def occurrences(after: Sheet, texts: Sequence[str]) -> int:
    lines = [line.text for line in after.lines]
    return sum(lines[at : at + len(texts)] == list(texts) for at in range(len(lines)))


def is_changeling(quoted: Quoted, after: Sheet, found: tuple[int, int] | None) -> bool:
    """Whether a copy was put among all the old neighbours and the true one among none of them.

    Such a text is just as well explained by one that was typed where the true one is: nobody could tell.
    """
    true = after.place(quoted.marks)
    if found is None or true is None:
        return False
    return all(neighbours(quoted, after, found)) and not any(neighbours(quoted, after, true))


def neighbours(quoted: Quoted, after: Sheet, place: tuple[int, int]) -> tuple[bool, bool]:
    """Whether the anchor's context stands before and after a place."""
    above = "".join(f"{line.text}\n" for line in after.lines[: place[0]])
    below = "".join(f"\n{line.text}" for line in after.lines[place[1] + 1 :])
    anchor = quoted.anchor
    return bool(anchor.prefix) and above.endswith(anchor.prefix), bool(anchor.suffix) and below.startswith(
        anchor.suffix
    )


@ORACLE
@given(st.data())
def test_edits_outside_of_a_unique_quote_never_lose_it(data: st.DataObject) -> None:
    quoted = data.draw(quotes())
    assume(occurrences(quoted.sheet, quoted.texts) == 1)
    after = data.draw(edited_outside(quoted))
    found = look(quoted, after)
    if occurrences(after, quoted.texts) == 1:
        assert found == after.place(quoted.marks)
    else:  # a copy was typed or pasted: told apart by its neighbours, or lost
        assert found in {after.place(quoted.marks), None} or is_changeling(quoted, after, found)


@ORACLE
@given(st.data())
def test_edits_outside_of_one_of_several_copies_never_move_it_to_another(data: st.DataObject) -> None:
    quoted = data.draw(quotes())
    copy = fresh(quoted.texts)
    at = data.draw(st.sampled_from([*range(quoted.first + 1), *range(quoted.last + 1, len(quoted.sheet.lines) + 1)]))
    with_copy = quoted.sheet.splice(at, at, copy)
    first, last = with_copy.place(quoted.marks) or (0, 0)
    quoted = quote(with_copy, first, last)
    after = data.draw(edited_outside(quoted, avoid=quoted.texts))
    assert look(quoted, after) in {after.place(quoted.marks), None}


@ORACLE
@given(st.data())
def test_a_deleted_quote_is_lost(data: st.DataObject) -> None:
    quoted = data.draw(quotes())
    assume(any(text.strip() for text in quoted.texts))
    deleted = quoted.sheet.splice(quoted.first, quoted.last + 1, [])
    # To type something much like a deleted line between its neighbours is to edit it: nothing alike is typed.
    after = data.draw(edited_outside(Quoted(deleted, 0, -1, quoted.anchor), avoid=quoted.texts, alike=0.6))
    found = look(quoted, after)
    if found is None:
        return
    # The text may come together again from pieces that were apart (`a` and `b`, once what was between them is gone).
    # No history tells that from a quote that was always there; but a copy that stood there before is never taken.
    marks = [line.mark for line in after.lines[found[0] : found[1] + 1]]
    assert [line.text for line in after.lines[found[0] : found[1] + 1]] == quoted.texts
    assert any(second != first + 1 for first, second in itertools.pairwise(marks))


@ORACLE
@given(st.data())
def test_an_edited_quote_is_found_within_itself_or_lost(data: st.DataObject) -> None:
    quoted = data.draw(quotes())
    after = data.draw(edited_outside(quoted, avoid=quoted.texts)) if data.draw(st.booleans()) else quoted.sheet
    for _ in range(data.draw(st.integers(1, 3))):
        first, last = after.place(quoted.marks) or (0, 0)
        at = data.draw(st.integers(first, last))
        line = after.lines[at]
        cut = data.draw(st.integers(0, len(line.text)))
        drop = data.draw(st.integers(0, 6))
        typed = data.draw(st.sampled_from(["", "x", " + 1", "# why?", "not ", "  "]))
        after = after.splice(at, at + 1, [retyped(line, line.text[:cut] + typed + line.text[cut + drop :])])
    found = look(quoted, after)
    place = after.place(quoted.marks)
    assert found is None or (place is not None and place[0] <= found[0] and found[1] <= place[1])


@ORACLE
@given(st.data(), st.sampled_from(["\r\n", "\r"]))
def test_other_line_ends_are_the_same_text(data: st.DataObject, line_end: str) -> None:
    quoted = data.draw(quotes())
    assume(occurrences(quoted.sheet, quoted.texts) == 1)
    page = Page(quoted.sheet.text.replace("\n", line_end))
    found = locate(quoted.anchor, page)
    assert isinstance(found, Found)
    assert page.text[found.span.start : found.span.end] == line_end.join(quoted.texts)
    # … and the other way round: an anchor made in a checkout with \r\n.
    first, last = quoted.first + 1, quoted.last + 1
    back = locate(make_anchor("a", page, first, last), quoted.sheet.text)
    assert isinstance(back, Found)
    assert quoted.sheet.text[back.span.start : back.span.end] == "\n".join(quoted.texts)


@ORACLE
@given(st.data())
def test_a_file_that_did_not_change_finds_every_line(data: st.DataObject) -> None:
    quoted = data.draw(quotes())
    assert look(quoted, quoted.sheet) == (quoted.first, quoted.last)


# --- every single edit of every small text -----------------------------------------------------------------------------

ALPHABET = ("a", "b", "q")


def single_edits(lines: tuple[str, ...]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    typed = [(), *((one,) for one in (*ALPHABET, "zz")), *itertools.product(ALPHABET, repeat=2)]
    for start in range(len(lines) + 1):
        for end in range(start, len(lines) + 1):
            yield from ((start, end, new) for new in typed if new or start != end)


def is_subsequence(part: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(one in rest for one in part)


def check_all_histories(lines: tuple[str, ...], first: int, last: int) -> dict[str, int]:
    """Group all single edits by the text they yield; what is found must be right whatever edit it was."""
    anchor = make_anchor("a", "\n".join(lines), first + 1, last + 1)
    wanted = lines[first : last + 1]
    untouched: dict[tuple[str, ...], set[tuple[int, int]]] = defaultdict(set)
    touched: dict[tuple[str, ...], list[list[int]]] = defaultdict(list)
    for start, end, new in single_edits(lines):
        marks = [*range(start), *[-1] * len(new), *range(end, len(lines))]
        after = (*lines[:start], *new, *lines[end:])
        kept = [at for at, mark in enumerate(marks) if first <= mark <= last]
        if end <= first or start > last:
            untouched[after].add((kept[0], kept[-1]))
        elif not set(new) & set(wanted):  # else the edit may have put back what it took
            touched[after].append(kept)
    tally = {"found": 0, "lost": 0}
    for after in {*untouched, *touched}:
        page = Page("\n".join(after))
        result = locate(anchor, page)
        tally["found" if isinstance(result, Found) else "lost"] += 1
        if not isinstance(result, Found):
            unique = anchor.copies == 1 and sum(after[at : at + len(wanted)] == wanted for at in range(len(after))) == 1
            assert not (unique and untouched[after]), f"{lines} -> {after}: {wanted} was not touched"
            continue
        place = (page.index.line_at(result.span.start), page.index.line_at(result.span.end))
        if untouched[after]:
            assert untouched[after] == {place}, f"{lines} -> {after}: {wanted}"
            continue
        inside = any(kept and kept[0] <= place[0] and place[1] <= kept[-1] for kept in touched[after])
        above, below = after[: place[0]], after[place[1] + 1 :]
        # Two edits outside of the quote explain the text as well, and then it must be found.
        two_edits = is_subsequence(above, lines[:first]) and is_subsequence(below, lines[last + 1 :])
        assert inside or (result.how == "exact" and two_edits), f"{lines} -> {after}: {wanted}"
    return tally


@pytest.mark.parametrize("size", range(1, 4 + (DEEP > 1)))
def test_every_single_edit_of_every_small_text(size: int) -> None:
    found = lost = 0
    for lines in itertools.product(ALPHABET, repeat=size):
        for first in range(size):
            for last in range(first, min(first + 2, size)):
                tally = check_all_histories(lines, first, last)
                found += tally["found"]
                lost += tally["lost"]
    assert found > lost / 4  # finding nothing would be safe, too


# --- the cases that the rules are about ---------------------------------------------------------------------------------


def test_two_equal_candidates_are_lost() -> None:
    block = ["def f(a):", "    b = a + 1", "    return b", ""]
    quoted = quote(sheet(block * 200), 401, 401)
    after = quoted.sheet.splice(0, 0, fresh(["# a new first line"]))
    assert look(quoted, after) is None


def test_equal_candidates_in_the_very_same_text_are_told_apart_by_the_range() -> None:
    quoted = quote(sheet(["x", "y"] * 500), 400, 400)
    assert look(quoted, quoted.sheet) == (400, 400)


def test_a_copy_with_other_neighbours_does_not_confuse() -> None:
    texts = [f"line {n} of this text" for n in range(40)]
    texts[10] = texts[30] = "    return result"
    for number in (10, 30):
        quoted = quote(sheet(texts), number, number)
        after = quoted.sheet.splice(0, 1, fresh(["changed", "and more"])).splice(20, 20, fresh(["in the middle"]))
        assert look(quoted, after) == after.place(quoted.marks)


def test_of_two_copies_one_is_deleted() -> None:
    texts = [f"line {n} of this text" for n in range(40)]
    texts[10] = texts[30] = "    return result"
    quoted = quote(sheet(texts), 10, 10)
    assert look(quoted, quoted.sheet.splice(10, 11, [])) is None
    other_gone = quoted.sheet.splice(30, 31, [])
    assert look(quoted, other_gone) == (10, 10)


def test_a_quote_cut_here_and_pasted_there_is_found_there() -> None:
    quoted = quote(sheet([f"line {n} of this text" for n in range(40)]), 10, 12)
    cut = quoted.sheet.splice(10, 13, [])
    after = cut.splice(30, 30, quoted.sheet.lines[10:13])
    assert look(quoted, after) == (30, 32)


def test_a_quote_copied_away_and_then_edited_is_lost_rather_than_found_in_the_copy() -> None:
    texts = [f"line {n} of this text" for n in range(40)]
    texts[10] = "    answer = compute(question, attempts=3)"
    quoted = quote(sheet(texts), 10, 10)
    edited = quoted.sheet.splice(
        10, 11, [retyped(quoted.sheet.lines[10], "    answer = compute(question, attempts=4)")]
    )
    after = edited.splice(35, 35, fresh([texts[10]]))
    assert look(quoted, after) in {None, (10, 10)}


def test_a_neighbour_much_like_a_deleted_quote_is_not_taken_for_it() -> None:
    texts = ["import os", "import sys", "import re", "import io", "", "print(sys.argv, os.name, re, io)"]
    for number in range(4):
        quoted = quote(sheet(texts), number, number)
        assert look(quoted, quoted.sheet.splice(number, number + 1, [])) is None


def test_a_similar_line_after_a_deleted_block_is_not_taken_for_it() -> None:
    texts = ["match value:"]
    for number in range(8):
        texts += [f"    case {number}:", f"        total += weight_of({number})", "        break"]
    quoted = quote(sheet(texts), 8, 8)
    for start, end in ((8, 9), (7, 10), (8, 10), (8, 11), (7, 9), (8, 14), (5, 10)):
        assert look(quoted, quoted.sheet.splice(start, end, [])) is None, (start, end)


def test_anchors_of_other_programs_without_an_occurrence() -> None:
    text = "\n".join(f"line {n} of this text" for n in range(40))
    payload = {"path": "a.py", "quote": {"exact": "line 7 of this text"}, "range": {"start_line": 3, "end_line": 3}}
    found = locate(Anchor.from_payload(payload), text)
    assert isinstance(found, Found)
    assert Page(text).index.line_at(found.span.start) == 7
    part = {"path": "a.py", "quote": {"exact": "17 of", "prefix": "line ", "suffix": " this"}}
    found = locate(Anchor.from_payload(part), text)
    assert isinstance(found, Found)
    assert text[found.span.start : found.span.end] == "17 of"
    for exact in ("of this", "ine 7 of", "7 of this tex", "line 99"):
        assert not isinstance(locate(Anchor.from_payload({"path": "a", "quote": {"exact": exact}}), text), Found), exact
