"""Anchors: wire form, making, line numbers alone, changed white space, edited quotes, long quotes, cost."""

from __future__ import annotations

import argparse
import csv
import difflib
import inspect
import json
import random
import tarfile
import textwrap
import time
from collections.abc import Callable

import pytest
from rapidfuzz.distance import Indel

from colearner_ls.contracts.errors import BadInput
from colearner_ls.domain.alignment import MIN_LIKENESS
from colearner_ls.domain.anchors import (
    MAX_CONTEXT_CHARACTERS,
    MAX_EXACT_BYTES,
    Anchor,
    Found,
    Lost,
    Page,
    Span,
    locate,
    make_anchor,
)
from colearner_ls.domain.page import digest, line_key

PROGRAM = textwrap.dedent(
    '''\
    """Shortest paths."""

    import heapq


    class Graph:
        def __init__(self, edges):
            self.edges = edges

        def neighbours(self, node):
            return self.edges.get(node, {})

        def distance(self, start, goal):
            queue = [(0, start)]
            seen = set()
            while queue:
                cost, node = heapq.heappop(queue)
                if node == goal:
                    return cost
                if node in seen:
                    continue
                seen.add(node)
                for other, weight in self.neighbours(node).items():
                    heapq.heappush(queue, (cost + weight, other))
            return None


    def main():
        graph = Graph({"a": {"b": 1}, "b": {"c": 2}})
        print(graph.distance("a", "c"))


    if __name__ == "__main__":
        main()
    '''
)


def lines_of(result: Found | Lost, text: str) -> list[str]:
    assert isinstance(result, Found), result
    return text[result.span.start : result.span.end].replace("\r\n", "\n").split("\n")


def test_the_wire_form_is_as_the_contract_names_it() -> None:
    anchor = make_anchor("src/graph.py", PROGRAM, 17, 19, symbol="Graph.distance")
    payload = anchor.to_payload()
    assert payload == {
        "path": "src/graph.py",
        "quote": {
            "exact": "            cost, node = heapq.heappop(queue)\n            if node == goal:\n                return cost",
            "prefix": "        queue = [(0, start)]\n        seen = set()\n        while queue:\n",
            "suffix": "\n            if node in seen:\n                continue\n            seen.add(node)",
        },
        "occurrence": {"nth": 1, "of": 1, "alike": 1},
        "range": {"start_line": 17, "end_line": 19},
        "symbol": "Graph.distance",
        "sha256": digest(PROGRAM),
    }
    assert Anchor.from_payload(json.loads(json.dumps(payload))) == anchor


@pytest.mark.parametrize(
    "payload",
    [
        {"path": "a", "quote": {"exact": "x", "prefix": 3, "suffix": None}},
        {"path": "a", "quote": {"exact": "x"}, "range": {"start_line": 0, "end_line": -1}},
        {"path": "a", "quote": {"exact": "x"}, "range": {"start_line": True}, "occurrence": {"nth": 3, "of": 2}},
        {"path": "a", "quote": {"exact": "x"}, "range": "12", "occurrence": [], "sha256": 5, "symbol": {}},
    ],
)
def test_what_is_malformed_on_the_wire_is_taken_as_not_said(payload: dict[str, object]) -> None:
    assert Anchor.from_payload(payload) == Anchor("a", exact="x")


def test_a_range_that_ends_before_it_begins_is_its_first_line() -> None:
    anchor = Anchor.from_payload({"path": "a", "range": {"start_line": 4, "end_line": 2}})
    assert (anchor.start_line, anchor.end_line) == (4, 4)


@pytest.mark.parametrize("payload", [{}, {"path": ""}, {"path": 3}, {"path": None}])
def test_an_anchor_without_a_path_is_bad_input(payload: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="no path"):
        Anchor.from_payload(payload)


@pytest.mark.parametrize(("start", "end"), [(0, 1), (3, 2), (1, 99), (99, 99)])
def test_lines_that_the_text_does_not_have_are_bad_input(start: int, end: int) -> None:
    with pytest.raises(BadInput, match="has no lines"):
        make_anchor("a", "one\ntwo\n", start, end)


# --- line numbers alone --------------------------------------------------------------------------------------------------


def test_without_a_quote_the_range_is_believed_until_the_text_is_known_to_be_another() -> None:
    by_range = {"path": "a", "range": {"start_line": 2, "end_line": 3}}
    text = "one\ntwo\nthree\nfour"
    assert locate(Anchor.from_payload(by_range), text) == Found(Span(4, 13), "range")
    same = Anchor.from_payload({**by_range, "sha256": digest(text)})
    assert locate(same, text) == Found(Span(4, 13), "range")
    assert locate(Anchor.from_payload({**by_range, "sha256": "sha256:" + digest(text).upper()}), text) == Found(
        Span(4, 13), "range"
    )
    assert isinstance(locate(same, "zero\n" + text), Lost)
    assert isinstance(locate(Anchor.from_payload(by_range), "one\ntwo"), Lost)
    assert isinstance(locate(Anchor.from_payload({"path": "a"}), text), Lost)


def test_a_quote_that_contradicts_the_range_wins_even_in_the_same_text() -> None:
    text = "one\ntwo\nthree\nfour"
    wrong = Anchor("a", exact="three", start_line=1, end_line=1, sha256=digest(text))
    assert lines_of(locate(wrong, text), text) == ["three"]


# --- every line of a program, after changes that leave the words alone -----------------------------------------------------

WORDS_STAY: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "tabs": lambda text: text.replace("    ", "\t"),
    "two blanks": lambda text: text.replace("    ", "  "),
    "deeper": lambda text: textwrap.indent(text, "        "),
    "trailing blanks": lambda text: text.replace("\n", "  \n"),
    "trailing blanks and CRLF": lambda text: text.replace("\n", " \t\r\n"),
    "blank lines gone": lambda text: "\n".join(line for line in text.split("\n") if line.strip()),
    "a form feed in front": lambda text: "\x0c" + text,
    "no final newline": lambda text: text.rstrip("\n"),
}


@pytest.mark.parametrize("change", WORDS_STAY)
def test_white_space_and_line_ends_change_and_all_is_found(change: str) -> None:
    after = WORDS_STAY[change](PROGRAM)
    page, lines = Page(after), PROGRAM.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        for last in {number, min(number + 2, len(lines) - 1)}:
            result = locate(make_anchor("a", PROGRAM, number, last), page)
            found = [got.split() for got in lines_of(result, after.replace("\r", "\n")) if got.strip()]
            assert found == [one.split() for one in lines[number - 1 : last] if one.strip()], (number, last)
            assert isinstance(result, Found)
            if change in {"CRLF", "CR"}:
                assert result.how == "exact"


def test_a_block_wrapped_in_an_if_is_found() -> None:
    start, end = 17, 19
    lines = PROGRAM.split("\n")
    wrapped = [*lines[: start - 1], "            if queue is not None:"]
    wrapped += ["    " + line for line in lines[start - 1 : end]]
    after = "\n".join([*wrapped, *lines[end:]])
    result = locate(make_anchor("a", PROGRAM, start, end), after)
    assert lines_of(result, after) == ["    " + line for line in lines[start - 1 : end]]
    assert isinstance(result, Found)
    assert result.how == "fuzzy"


# --- edits inside of the quote -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "edited"),
    [
        (14, "        queue: list[tuple[int, str]] = [(0, start)]"),
        (17, "            cost, here = heapq.heappop(queue)"),
        (18, "            if node is goal:"),
        (18, "            if node == goal and cost >= 0:"),
        (24, "                heapq.heappush(queue, (cost - weight, other))"),
        (11, "        return self.edges.get(node)"),
    ],
)
def test_an_edited_line_between_its_neighbours_is_found(line: int, edited: str) -> None:
    lines = PROGRAM.split("\n")
    after = "\n".join([*lines[: line - 1], edited, *lines[line:]])
    result = locate(make_anchor("a", PROGRAM, line, line), "# new\n\n" + after)
    assert lines_of(result, "# new\n\n" + after) == [edited]
    assert isinstance(result, Found)
    assert result.how == "fuzzy"


@pytest.mark.parametrize("replacement", ["", "pass", "        raise NotImplementedError", "        # TODO: think"])
def test_a_line_that_became_quite_another_is_lost(replacement: str) -> None:
    lines = PROGRAM.split("\n")
    for number in (11, 14, 17, 22, 24):
        after = "\n".join([*lines[: number - 1], replacement, *lines[number:]])
        assert isinstance(locate(make_anchor("a", PROGRAM, number, number), after), Lost), number


def test_lines_added_inside_of_a_quote_belong_to_it() -> None:
    lines = PROGRAM.split("\n")
    added = ["            # a lazy deletion", "            self.pops += 1", "            log(cost, node)"]
    after = "\n".join([*lines[:17], *added, *lines[17:]])
    result = locate(make_anchor("a", PROGRAM, 13, 25), after)
    assert lines_of(result, after) == [*lines[12:17], *added, *lines[17:25]]


def test_most_small_edits_are_found_again() -> None:
    """A floor for what fuzzy finding is worth: one slip of the pen in a line of more than 20 letters."""
    rng = random.Random(20261121)
    lines = PROGRAM.split("\n")
    numbers = [number for number, line in enumerate(lines, start=1) if sum(map(str.isalpha, line)) > 20]
    found = tried = 0
    for _ in range(300):
        number = rng.choice(numbers)
        line = lines[number - 1]
        cut = rng.randrange(len(line) - len(line.lstrip()), len(line))
        edited = line[:cut] + rng.choice(["", "x", "_", "()"]) + line[cut + rng.randrange(4) :]
        if edited == line:
            continue
        after = "\n".join([*lines[: number - 1], edited, *lines[number:]])
        result = locate(make_anchor("a", PROGRAM, number, number), after)
        tried += 1
        if isinstance(result, Found):
            assert lines_of(result, after) == [edited]
            found += 1
    assert tried > 250
    assert found / tried > 0.95


def test_unlike_lines_are_below_the_least_likeness() -> None:
    rng = random.Random(20261121)
    pairs = alike = 0
    for module in (argparse, csv, difflib, tarfile):
        keys = [line_key(line) for line in inspect.getsource(module).split("\n") if line.strip()]
        for _ in range(3000):
            one, other = rng.choice(keys), rng.choice(keys)
            pairs += one != other
            alike += one != other and Indel.normalized_similarity(one, other) >= MIN_LIKENESS
    assert alike / pairs < 0.01


# --- blank, whole and long quotes ---------------------------------------------------------------------------------------------


def test_a_blank_line_is_found_by_its_neighbours() -> None:
    anchor = make_anchor("a", PROGRAM, 9, 9)
    assert anchor.exact == ""
    result = locate(anchor, "# one more line\n" + PROGRAM)
    assert isinstance(result, Found)
    assert result.how == "context"
    assert Page("# one more line\n" + PROGRAM).index.line_at(result.span.start) == 9


def test_an_empty_file_has_one_line() -> None:
    anchor = make_anchor("a", "", 1, 1)
    assert locate(anchor, "") == Found(Span(0, 0), "exact")
    assert isinstance(locate(anchor, "something\nelse"), Lost)


@pytest.mark.parametrize("line", ["x = 'größer 😋 e\u0301'", "日本語のコメント", "tab\tand\x0cform feed\x85\u2028"])
def test_text_beyond_ascii(line: str) -> None:
    text = f"first\n{line}\nlast\n"
    anchor = Anchor.from_payload(json.loads(json.dumps(make_anchor("a", text, 2, 2).to_payload())))
    assert lines_of(locate(anchor, "new\n" + text), "new\n" + text) == [line]


def test_a_long_selection_is_quoted_by_its_first_lines() -> None:
    text = "\n".join(f"    value_{n} = compute_{n}(value_{n - 1})" for n in range(1000))
    anchor = make_anchor("a", text, 101, 900)
    assert anchor.exact is not None
    assert len(anchor.exact.encode()) <= MAX_EXACT_BYTES < len(anchor.exact.encode()) + 40
    assert anchor.exact.split("\n")[-1] in text.split("\n")
    # In the same text the whole selection, in another its quoted part.
    assert lines_of(locate(anchor, text), text) == text.split("\n")[100:900]
    assert lines_of(locate(anchor, "# new\n" + text), "# new\n" + text) == anchor.exact.split("\n")


def test_a_single_very_long_line_is_quoted_by_its_beginning() -> None:
    text = "short\n" + "ä😋" * 4000 + "\nlast"
    anchor = make_anchor("a", text, 2, 2)
    assert anchor.exact is not None
    assert len(anchor.exact.encode()) <= MAX_EXACT_BYTES
    result = locate(anchor, "new\n" + text)
    assert lines_of(result, "new\n" + text) == [anchor.exact]
    assert lines_of(locate(anchor, text), text) == [text.split("\n")[1]]


def test_context_is_bounded_however_long_the_lines_are() -> None:
    text = "\n".join(["x" * 5000, "same", "y" * 5000, "same", "x" * 5000])
    for number in range(1, 6):
        anchor = make_anchor("a", text, number, number)
        assert max(len(anchor.prefix), len(anchor.suffix)) <= MAX_CONTEXT_CHARACTERS
        assert len(json.dumps(anchor.to_payload())) < 12_000


def test_long_lines_are_context_as_a_whole_or_not_at_all() -> None:
    lines = [f"{n}: " + f"word{n} " * 16 for n in range(30)]
    text = "\n".join(lines)
    anchor = make_anchor("a", text, 11, 11)
    assert anchor.prefix.split("\n")[:-1] == lines[8:10]
    assert anchor.suffix.split("\n")[1:] == lines[11:13]
    edited = text.replace(lines[10], lines[10] + " and more")
    assert lines_of(locate(anchor, edited), edited) == [lines[10] + " and more"]


def test_a_mask_in_the_quote_loses_the_anchor_and_nothing_else() -> None:
    payload = make_anchor("a", PROGRAM, 14, 14).to_payload()
    payload["quote"]["exact"] = "        token = «redacted:github-token»"
    assert isinstance(locate(Anchor.from_payload(payload), PROGRAM), Lost)


# --- cost ------------------------------------------------------------------------------------------------------------------

BIG = "\n".join(f"def f{n}(a):\n    x = a + {n}\n    y = g(x, {n % 7})\n    return x\n" for n in range(2000))


def seconds(work: Callable[[], object]) -> float:
    best = 9.9
    for _ in range(3):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


@pytest.mark.parametrize(
    ("start", "end", "old", "new"),
    [
        (4001, 4001, "", "# nothing\n"),
        (4002, 4002, "    x = a + 800\n", "    x = a + b + 800\n"),
        (4002, 4002, "    x = a + 800\n", ""),
        (4004, 4004, "def f1(a)", "def f_1(a)"),
        (4001, 4100, "    x = a + 810\n", "    x = a + b + 810\n"),
        (4005, 4005, "def f1(a)", "def f_1(a)"),
    ],
)
def test_ten_thousand_lines_take_milliseconds(start: int, end: int, old: str, new: str) -> None:
    after = BIG.replace(old, new) if old else new + BIG
    anchor = make_anchor("a", BIG, start, end)
    assert seconds(lambda: locate(anchor, after)) < 0.15  # measured: 3 to 40 ms; room for a busy machine
    assert seconds(lambda: make_anchor("a", BIG, start, end)) < 0.15


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"exact": "a\n" * 100_000 + "b"}, "a\n" * 500_000),
        ({"exact": " ", "prefix": "x", "suffix": "x"}, "x " * 500_000),
        ({"exact": "a" * 100_000, "prefix": "b\n", "suffix": "\nb"}, "a" * 1_000_000),
        ({"exact": "ab" * 100_000 + "c", "prefix": "b\n", "suffix": "\nb"}, ("b\n" + "ab" * 99_999 + "d\nb\n") * 5),
        ({"exact": "\n" * 1000, "prefix": "\n", "suffix": "\n"}, "\n" * 1_000_000),
        ({"exact": "if x:", "prefix": "}\n" * 200, "suffix": "\n}" * 200}, "}\n" * 500_000),
    ],
)
def test_hostile_quotes_cost_little(payload: dict[str, str], text: str) -> None:
    anchor = Anchor.from_payload({"path": "a", "quote": payload, "range": {"start_line": 1000, "end_line": 1000}})
    begin = time.process_time()
    locate(anchor, text)
    assert time.process_time() - begin < 3  # a megabyte each; quadratic work would take minutes
