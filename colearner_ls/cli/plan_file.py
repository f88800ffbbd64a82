"""A learning plan from a file: JSON (as in ``learning_plan`` or ``learning.json``) or a Markdown list."""

from __future__ import annotations

import re
from typing import Any, Final

from colearner_ls.contracts import ijson
from colearner_ls.contracts.errors import BadInput, NotIJson
from colearner_ls.workspace.requests import SetPlan, Step

_HINT: Final = (
    'Give JSON ({"goals": […], "plan": [{"id", "topic", "status"}, …]}) or a Markdown list '
    "(“- [ ] step”, “- [x] done step”)."
)
_ITEM: Final = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+(?:\[(?P<mark>[ xX])\][ \t]+)?(?P<text>\S.*)")
_HEADING: Final = re.compile(r" {0,3}#{1,6}[ \t]+(?P<text>.*?)[ \t#]*")
_FENCE: Final = re.compile(r" {0,3}(?:```|~~~)")
_NAMED: Final = re.compile(r"`(?P<id>[^`\s]{1,64})`[ \t:–—-]*(?P<text>\S.*)")
_SLUG_LENGTH: Final = 48


def parse_plan(data: bytes, name: str) -> SetPlan:
    """Read ``data`` (``name`` for messages). Raises :class:`BadInput` that says where and what would be accepted."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not UTF-8 text (byte {error.start}).", _HINT) from error
    plan = _from_json(text, name) if _is_json(text) else _from_markdown(text)
    if not plan.steps:
        raise BadInput(f"{name} holds no steps.", _HINT)
    return SetPlan(_with_next(plan.steps), plan.goals)


def _with_next(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The first step without a status is the next one, unless the file names a next or active one; the rest is to do."""
    taken = any(step.status in ("next", "active") for step in steps)
    chosen: list[Step] = []
    for step in steps:
        status = step.status or ("todo" if taken else "next")
        taken = taken or status == "next"
        chosen.append(Step(step.id, step.topic, status))
    return tuple(chosen)


def _is_json(text: str) -> bool:
    """No line of a JSON text can look like an item of a Markdown list, but Markdown may begin with a link."""
    return text.lstrip()[:1] in ("{", "[") and not any(_ITEM.fullmatch(line) for line in text.splitlines())


def _from_json(text: str, name: str) -> SetPlan:
    try:
        value = ijson.decode(text.encode("utf-8"))
    except NotIJson as error:
        raise BadInput(f"{name}: {error.message}", _HINT) from error
    whole = value if isinstance(value, dict) else {"plan": value}
    learner = whole.get("learner")
    goals = whole.get("goals", learner.get("goals") if isinstance(learner, dict) else None)
    steps = whole.get("plan")
    if not isinstance(steps, list):
        raise BadInput(f"{name} has no list “plan”.", _HINT)
    if goals is not None and not (isinstance(goals, list) and all(isinstance(goal, str) for goal in goals)):
        raise BadInput(f"{name}: “goals” must be a list of texts.", _HINT)
    names = _Names()
    read = [_json_step(step, number, name, names) for number, step in enumerate(steps, 1)]
    return SetPlan(tuple(read), tuple(goals or ()))


def _json_step(step: Any, number: int, name: str, names: _Names) -> Step:
    if isinstance(step, str) and step.strip():
        return Step(names.free(step, number), step.strip())
    if not isinstance(step, dict) or not isinstance(step.get("topic"), str) or not step["topic"].strip():
        raise BadInput(f"{name}: step {number} has no text “topic”.", _HINT)
    for field in ("id", "status"):
        if not isinstance(step.get(field, ""), str):
            raise BadInput(f"{name}: “{field}” of step {number} must be a text.", _HINT)
    step_id = names.taken(step["id"]) if step.get("id") else names.free(step["topic"], number)
    return Step(step_id, step["topic"], step.get("status", ""))


def _from_markdown(text: str) -> SetPlan:
    names = _Names()
    steps: list[Step] = []
    goals: list[str] = []
    below, fenced = "", False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
            continue
        heading = None if fenced else _HEADING.fullmatch(line)
        item = None if fenced else _ITEM.fullmatch(line)
        if heading:
            below = heading["text"].strip().casefold()
        elif item and below in ("goal", "goals"):
            goals.append(item["text"].strip())
        elif item:
            steps.append(_markdown_step(item, len(steps) + 1, names))
    return SetPlan(tuple(steps), tuple(goals))


def _markdown_step(item: re.Match[str], number: int, names: _Names) -> Step:
    topic = item["text"].strip()
    status = "done" if item["mark"] in ("x", "X") else ""
    named = _NAMED.fullmatch(topic)
    if named:
        return Step(names.taken(named["id"]), named["text"].strip(), status)
    return Step(names.free(topic, number), topic, status)


class _Names:
    """Step ids. They come from the words of a step, so that a step keeps its id, and with it that it is done, when a
    plan is set again with other steps around it.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()

    def taken(self, name: str) -> str:
        self._used.add(name)
        return name

    def free(self, topic: str, number: int) -> str:
        words = "".join(character if character.isalnum() else " " for character in topic.lower()).split()
        name, length = "", 0
        for word in words:
            length += len(word) + 1
            if name and length > _SLUG_LENGTH:
                break
            name = f"{name}-{word}" if name else word[:_SLUG_LENGTH]
        stem = name or f"step-{number}"
        name, again = stem, 2
        while name in self._used:
            name, again = f"{stem}-{again}", again + 1
        self._used.add(name)
        return name
