"""A coach's and a student's checkout over one embedded bus, and the real server over one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsprotocol import types

from colearner_ls.lsp.server import ColearnerServer, lifespan
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.requests import Assign, InitSession, JoinSession, Place, UseCase
from colearner_ls.workspace.results import Written
from colearner_ls.workspace.setting_up import set_up
from colearner_ls.workspace.settings import Overrides, resolve
from colearner_ls.workspace.syncing import sync_once
from tests.lsp.in_process import Client, initialize_params, session
from tests.workspace.conftest import checkout

GRAPH = '''"""Orders modules by what they need."""


def order(needs):
    """Return the names so that each comes after what it needs."""
    done = []
    while needs:
        ready = [name for name in needs if not needs[name]]
        for name in ready:
            done.append(name)
            del needs[name]
    return done


def roots(needs):
    return [name for name in needs if not needs[name]]
'''

LOOP = 6
"""0-based line of ``while needs:``."""

ASSIGN = Assign(
    topic="dependency graph",
    exercise="Find out why a cycle never ends, and mend it.",
    title="The endless loop",
    expected="A cycle raises an error.",
    tests=("pytest -q",),
    hints=("What if nothing is ready?",),
    places=(Place("src/graph.py", 7, 11),),
)

ANY_TIME = ("colearner/stateChanged", types.WINDOW_LOG_MESSAGE, types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
REFRESHES = (
    types.WORKSPACE_INLAY_HINT_REFRESH,
    types.WORKSPACE_CODE_LENS_REFRESH,
    types.WORKSPACE_DIAGNOSTIC_REFRESH,
)


@dataclass
class Side:
    """One person's checkout; ``workspace`` is another process's view of it (a command line beside the editor)."""

    role: str
    root: Path
    env: dict[str, str]
    workspace: Workspace

    def uri(self, path: str = "src/graph.py") -> str:
        """The URI of a file."""
        return (self.root / path).as_uri()

    def do(self, request: UseCase) -> Written:
        """Carry out a use case."""
        written = self.workspace.do(request)
        assert written is not None
        return written

    def sync(self) -> None:
        """Send and fetch; where a server runs sync here, wait for it."""
        sync_once(self.workspace, wait=20, fetch=True)

    async def fetch(self) -> None:
        """:meth:`sync`, on a thread."""
        await asyncio.to_thread(self.sync)

    async def say(self, request: UseCase) -> Written:
        """Carry out a use case and bring it to the bus."""
        written = await asyncio.to_thread(self.do, request)
        await self.fetch()
        return written

    async def hears(self, condition: Callable[[Any], Any]) -> Any:
        """Fetch until ``condition(snapshot)`` is true; its value."""
        async with asyncio.timeout(10):
            while not (value := condition(self.workspace.snapshot())):
                await self.fetch()
            return value


@dataclass
class Rig:
    """Both sides."""

    coach: Side
    student: Side

    def close(self) -> None:
        """Let go of both journals."""
        self.coach.workspace.close()
        self.student.workspace.close()


def make_rig(folder: Path, env: dict[str, str], text: str = GRAPH) -> Rig:
    """Set both sides up in ``folder``; ``env`` needs a ``COLEARNER_HOME``."""
    for role in ("coach", "student"):
        checkout(folder / role, {"src/graph.py": text})
    coach, written = set_up(
        resolve(folder / "coach", Overrides(author="eve"), env),
        InitSession("coach", student_id="ada", coach_id="eve", title="Onboarding"),
        env,
    )
    student, _ = set_up(resolve(folder / "student", Overrides(author="ada"), env), JoinSession(written.text), env)
    rig = Rig(Side("coach", coach.root, env, coach), Side("student", student.root, env, student))
    for side in (rig.coach, rig.student, rig.coach):
        side.sync()
    return rig


@asynccontextmanager
async def editor(
    side: Side | Path,
    client: str = "vscode",
    prepare: Callable[[Client], None] = lambda _: None,
    *,
    options: dict[str, Any] | None = None,
) -> AsyncIterator[Client]:
    """The real server in this process over one checkout, and a recorded client; ready when the session is open."""
    root = side.root if isinstance(side, Side) else side
    server = ColearnerServer()
    folder = {"uri": root.as_uri(), "name": root.name}
    params = initialize_params(client, rootUri=root.as_uri(), workspaceFolders=[folder], initializationOptions=options)

    def prepared(made: Client) -> None:
        server.arrivals.absence_s = 0.05
        made.allow(*ANY_TIME)
        for method in REFRESHES:
            made.on(method, lambda _: None)
        made.on(types.WORKSPACE_CONFIGURATION, lambda _: [None])
        made.on(types.CLIENT_REGISTER_CAPABILITY, lambda _: None)
        prepare(made)

    async with session(server, lifespan, params, prepared) as made:
        await asyncio.wait_for(server.session.opened.wait(), 10)
        yield made


def open_document(client: Client, uri: str, text: str, *, version: int = 1) -> None:
    """didOpen."""
    item = types.TextDocumentItem(uri=uri, language_id="python", version=version, text=text)
    client.notify(types.TEXT_DOCUMENT_DID_OPEN, types.DidOpenTextDocumentParams(item))


def change(
    client: Client, uri: str, start: tuple[int, int], end: tuple[int, int], text: str, *, version: int = 2
) -> None:
    """didChange with one incremental edit."""
    edit = types.TextDocumentContentChangePartial(range=make_range(start, end), text=text)
    identifier = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
    client.notify(types.TEXT_DOCUMENT_DID_CHANGE, types.DidChangeTextDocumentParams(identifier, [edit]))


def make_range(start: tuple[int, int], end: tuple[int, int]) -> types.Range:
    """A range."""
    return types.Range(types.Position(*start), types.Position(*end))


async def hints(client: Client, uri: str, last: int = 1000) -> list[tuple[int, int, str]]:
    """(line, character, label) of the inlay hints."""
    params = types.InlayHintParams(types.TextDocumentIdentifier(uri), make_range((0, 0), (last, 0)))
    found = await client.request(types.TEXT_DOCUMENT_INLAY_HINT, params)
    return [(hint.position.line, hint.position.character, hint.label) for hint in found]


async def lenses(client: Client, uri: str) -> list[tuple[int, str, str, dict[str, Any]]]:
    """(line, title, command, arguments) of the code lenses."""
    params = types.CodeLensParams(types.TextDocumentIdentifier(uri))
    found = await client.request(types.TEXT_DOCUMENT_CODE_LENS, params)
    return [
        (lens.range.start.line, lens.command.title, lens.command.command, lens.command.arguments[0]) for lens in found
    ]


async def diagnostics(client: Client, uri: str) -> list[types.Diagnostic]:
    """Pulled diagnostics."""
    params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
    return list((await client.request(types.TEXT_DOCUMENT_DIAGNOSTIC, params)).items)


async def actions(
    client: Client, uri: str, start: tuple[int, int], end: tuple[int, int], **context: Any
) -> list[types.CodeAction]:
    """Code actions on a selection."""
    given = types.CodeActionContext(diagnostics=context.pop("diagnostics", []), **context)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), make_range(start, end), given)
    return list(await client.request(types.TEXT_DOCUMENT_CODE_ACTION, params))


async def run(client: Client, name: str, arguments: Any = None, **more: Any) -> Any:
    """Execute a command."""
    given = [arguments] if arguments is not None else None
    return await client.request(types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams(name, given), **more)
