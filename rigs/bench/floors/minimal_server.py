"""A language server as pygls' documentation would have it: the capabilities of colearner-ls, and constants behind them.

``MINIMAL_PLACES`` in the environment says how many hints, lenses and diagnostics a document has (default 1); they stand
at lines 0, 100, 200 … of every document. ``MINIMAL_PUSH`` is set for clients that do not ask for diagnostics. Nothing is
opened, looked up or remembered but pygls' own copy of the text.
"""

from __future__ import annotations

import os

from lsprotocol import types
from pygls.lsp.server import LanguageServer

PLACES = int(os.environ.get("MINIMAL_PLACES", "1"))
PUSHES = bool(os.environ.get("MINIMAL_PUSH"))
COMMANDS = (
    "init",
    "join",
    "ack",
    "submit",
    "attachEvidence",
    "markDone",
    "stuck",
    "resolveStuck",
    "hint",
    "assign",
    "feedback",
    "open",
    "sync",
)

server = LanguageServer("minimal", "1")


def _place(number: int) -> types.Range:
    return types.Range(types.Position(100 * number, 0), types.Position(100 * number, 10))


@server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
    return [
        types.InlayHint(
            position=_place(number).end, label="◆ graph · new", tooltip="Say what it does.", padding_left=True
        )
        for number in range(PLACES)
    ]


@server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=False))
def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
    return [
        types.CodeLens(range=_place(number), command=types.Command(title="Submit", command="colearner.submit"))
        for number in range(PLACES)
    ]


def _diagnostics() -> list[types.Diagnostic]:
    return [
        types.Diagnostic(
            range=_place(number),
            message="graph: Say what it does.",
            severity=types.DiagnosticSeverity.Hint,
            code="exercise",
            source="colearner",
            data={"exercise_id": str(number)},
        )
        for number in range(PLACES)
    ]


def _pull() -> None:
    options = types.DiagnosticOptions(identifier="colearner", inter_file_dependencies=True, workspace_diagnostics=False)

    @server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)
    def diagnostics(params: types.DocumentDiagnosticParams) -> types.RelatedFullDocumentDiagnosticReport:
        return types.RelatedFullDocumentDiagnosticReport(items=_diagnostics())


def _push() -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        publish(params.text_document.uri, params.text_document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        publish(params.text_document.uri, params.text_document.version)

    def publish(uri: str, version: int) -> None:
        server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, version=version, diagnostics=_diagnostics())
        )


_push() if PUSHES else _pull()


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params: types.HoverParams) -> types.Hover | None:
    return None


@server.feature(
    types.TEXT_DOCUMENT_CODE_ACTION,
    types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.Source]),
)
def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
    return []


@server.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))
def saved(params: types.DidSaveTextDocumentParams) -> None:
    pass


@server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
def configured(params: types.DidChangeConfigurationParams) -> None:
    pass


@server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
def folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
    pass


@server.feature("colearner/state")
def state(params: object) -> dict[str, object]:
    return {}


def _command(name: str) -> None:
    @server.command(f"colearner.{name}")
    def run(arguments: object = None) -> None:
        pass


for _name in COMMANDS:
    _command(_name)


def main() -> None:
    """Serve over standard input and output."""
    server.start_io()
