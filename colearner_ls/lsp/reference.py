"""``docs/lsp.md``, made from the table of commands and the models: what a client can rely on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from colearner_ls.lsp import messages
from colearner_ls.lsp.commands.table import COMMANDS, CommandSpec

METHODS: Final = (
    ("colearner/state", "request", "StateParams", "StateView", "Everything a sidebar shows."),
    ("colearner/history", "request", "HistoryParams", "HistoryView", "The events of the session, newest first."),
    ("colearner/evidencePreview", "request", "EvidencePreviewParams", "PreviewView", "Every byte that would leave."),
    ("colearner/stateChanged", "notification from the server", "StateChangedView", None, "Ask for the state again."),
)
"""(method, kind, params, result, purpose)."""

SETTINGS: Final = (
    ("role", "`coach` or `student`", "Who sits here."),
    ("session", "text", "The session; with it (and a role) a folder needs no setting up."),
    ("student", "text", "Whose learning it is about."),
    ("author", "text", "Who is speaking."),
    ("bus", "URL", "`sqlite:///…` or `kafka://…`."),
    ("quiet", "true or false", "Do not disturb: no messages pop up. Everything is still there to be seen."),
)
"""(name, type, meaning) of ``initializationOptions`` and of the settings section ``colearner``."""

CODES: Final = (
    ("exercise", "hint", "What is to be done here.", "`exercise_id`"),
    ("mistake", "warning", "A mistake that feedback named.", "`feedback_id`, `mistake`, `exercise_id`"),
    ("hint", "information", "A hint of the coach.", "`hint_id`"),
    ("stuck", "information", "A student is stuck here (coach).", "`stuck_id`"),
    ("lost-anchor", "information or warning", "The text it was about cannot be found.", "as of what was lost"),
)
"""(code, severity, meaning, data) of diagnostics."""

ERRORS: Final = (
    ("-32602", "The arguments are wrong: the message names the field."),
    (
        "-32803",
        "An expected failure: `data.code` names it (`bad_input`, `no_session`, `not_yours`, …), `data.hint` says what to do.",
    ),
    (
        "-32803, `data.code` = `preview_required`",
        "Something would leave, and this client cannot ask: show `data.preview` (a `PreviewView`), then add `confirm: true`.",
    ),
    ("-32603", "A fault of ours; the log has the details."),
)
"""(code, meaning)."""

_HEAD: Final = """\
# What the language server offers

<!-- Made from the code by `make docs`; do not edit. -->

`colearner-ls` speaks LSP 3.17 over standard input and output. Standard features need no knowledge of colearner: inlay
hints, code lenses, diagnostics (pushed, or pulled by clients that can be told to pull again), hover, code actions.
Every code lens and code action carries a command with all of its arguments.

In this version the first workspace folder is served; a window with several folders is told so in its log.
"""


def lsp_markdown() -> str:
    """The whole document."""
    parts = [_HEAD, *_settings(), *_commands(), *_methods(), *_codes(), *_errors(), *_shapes()]
    return "\n".join(parts).rstrip() + "\n"


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    yield "As `initializationOptions`, and as the settings section `colearner`, which counts more.\n"
    yield _table(("name", "type", "meaning"), [(f"`{name}`", kind, text) for name, kind, text in SETTINGS])


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    yield "Each takes one optional object. Ids: any unique beginning or end of four characters or more.\n"
    for spec in COMMANDS:
        yield from _command(spec)


def _command(spec: CommandSpec) -> Iterator[str]:
    model = _model(spec.arguments)
    yield f"### `{spec.name}`\n"
    answer = f"`{spec.result}`{', or null where the person said no' if spec.asks else ''}"
    yield f"{_doc(model)}\n\n*For: {' and '.join(spec.roles)}. Answers: {answer}.*\n"
    yield from _fields(model)


def _methods() -> Iterator[str]:
    yield "## Custom methods\n"
    for method, kind, params, result, purpose in METHODS:
        answer = f" Answers: `{result}`." if result else ""
        yield f"### `{method}`\n\n{purpose} *A {kind}.{answer}*\n"
        yield from _fields(_model(params))


def _codes() -> Iterator[str]:
    yield "## Diagnostics\n"
    yield "`source` is `colearner`.\n"
    yield _table(("code", "severity", "meaning", "data"), [(f"`{code}`", *rest) for code, *rest in CODES])


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield _table(("code", "meaning"), ERRORS)


def _shapes() -> Iterator[str]:
    yield "## Shapes\n"
    yield "`StateView` and the entries in it are those of `colearner schema json`.\n"
    for name in ("PlaceInput", "MistakeInput", "WrittenView", "OpenedView", "SyncedResult", "PreviewView",
                 "PreviewItemView", "RedactionView", "LeftOutView", "HistoryView"):  # fmt: skip
        model = _model(name)
        yield f"### `{name}`\n\n{_doc(model)}\n"
        yield from _fields(model)


def _model(name: str) -> type[BaseModel]:
    found: type[BaseModel] = getattr(messages, name)
    return found


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").replace("``", "`").split())


def _fields(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    required = schema.get("required", [])
    rows = [
        (f"**`{name}`**" if name in required else f"`{name}`", _type(field), field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]
    yield _table(("field", "type", "meaning"), rows) if rows else "No fields.\n"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"] if each.get("type") != "null")
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("type") in ("integer", "number"):
        return _number(field)
    return str(field.get("type", "any"))


def _number(field: dict[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    bounds = f" {low} to {high}" if high is not None else f" ≥ {low}" if low is not None else ""
    return f"{field['type']}{bounds}"


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(lsp_markdown())
