"""Plans from JSON and Markdown."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.cli.plan_file import parse_plan
from colearner_ls.contracts.errors import BadInput
from colearner_ls.workspace.requests import Step


def steps(text: str) -> list[tuple[str, str, str]]:
    return [(step.id, step.topic, step.status) for step in parse_plan(text.encode(), "plan.md").steps]


def test_markdown() -> None:
    text = """\
# Onboarding

Some words about it, with - a dash.

## Goals

- know the service
* find your way

## Plan

- [x] Read the code
- [ ] `tests` Write tests for it,
1. Mend *it*
   - [X] and the docs
+ Read the code

```
- not a step
```
"""
    plan = parse_plan(text.encode(), "plan.md")
    assert plan.goals == ("know the service", "find your way")
    assert plan.steps == (
        Step("read-the-code", "Read the code", "done"),
        Step("tests", "Write tests for it,", "next"),
        Step("mend-it", "Mend *it*", "todo"),
        Step("and-the-docs", "and the docs", "done"),
        Step("read-the-code-2", "Read the code", "todo"),
    )


def test_a_step_keeps_its_id_when_others_come_before_it() -> None:
    assert steps("- a new one\n- Read the Code!")[1][0] == steps("- read the code")[0][0] == "read-the-code"


def test_ids_of_other_scripts_and_of_none() -> None:
    assert [step[0] for step in steps("- Größe lesen\n- 読む\n- ???\n- " + "word " * 40)] == [
        "größe-lesen",
        "読む",
        "step-3",
        "word-word-word-word-word-word-word-word-word",
    ]


def test_windows_line_ends_tabs_and_a_byte_order_mark() -> None:
    assert steps("\ufeff-\tone\r\n-\ttwo\r\n") == [("one", "one", "next"), ("two", "two", "todo")]


def test_markdown_that_begins_with_a_link_is_no_json() -> None:
    assert steps("[the plan](plan.md)\n\n- one") == [("one", "one", "next")]


@pytest.mark.parametrize(
    "value",
    [
        ["read", {"id": "s2", "topic": "write", "status": "todo"}],
        {"plan": ["read", {"id": "s2", "topic": "write"}]},
    ],
)
def test_json(value: object) -> None:
    assert steps(json.dumps(value)) == [("read", "read", "next"), ("s2", "write", "todo")]


def test_a_learning_json_of_a_peer() -> None:
    value = {
        "learner": {"level": "junior", "goals": ["onboard to service X"]},
        "plan": [
            {"id": "step-1", "topic": "repo overview", "status": "next"},
            {"id": "step-2", "topic": "build", "status": "pending"},
        ],
    }
    plan = parse_plan(json.dumps(value).encode(), "learning.json")
    assert plan.goals == ("onboard to service X",)
    assert plan.steps == (Step("step-1", "repo overview", "next"), Step("step-2", "build", "pending"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no steps"),
        ("only words\n", "holds no steps"),
        ("# Goals\n- a goal", "holds no steps"),
        ("[]", "holds no steps"),
        ("{", "not JSON"),
        ('{"plan": "x"}', "no list “plan”"),
        ('{"goals": []}', "no list “plan”"),
        ('{"goals": [1], "plan": ["a"]}', "“goals” must be"),
        ('{"plan": ["a", {"id": "x"}]}', "step 2 has no text “topic”"),
        ('{"plan": [{"topic": "x", "status": 3}]}', "“status” of step 1"),
        ('{"plan": [{"topic": "x", "id": 3}]}', "“id” of step 1"),
        ('{"plan": [""]}', "step 1 has no text"),
        ('{"plan": ["a"], "plan": ["b"]}', "plan"),
        ("[" * 500 + "]" * 500, "nested"),
    ],
)
def test_bad_plans_say_what_and_what_would_do(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=r"^given") as caught:
        parse_plan(text.encode(), "given")
    assert says in caught.value.message
    assert "Markdown list" in caught.value.hint


def test_no_utf8() -> None:
    with pytest.raises(BadInput, match="not UTF-8 text"):
        parse_plan(b"- gr\xfc\xdfe", "plan.md")


@given(st.text(st.characters() | st.sampled_from("-*# \n`[]x1."), max_size=120))
def test_any_text_is_a_plan_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(BadInput):
        plan = parse_plan(text.encode("utf-8", "replace"), "plan.md")
        assert plan.steps
        assert all(step.topic.strip() and step.id for step in plan.steps)
        assert sum(step.status == "next" for step in plan.steps) <= 1
        assert len({step.id for step in plan.steps}) == len(plan.steps) or "`" in text or "{" in text
