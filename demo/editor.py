"""A small editor: keeps one file's text, tells the server every change, and asks what to draw in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.failure import DemoFailedError
from demo.wire import Heard, LanguageServer, Prompt

_LANGUAGES = {".py": "python", ".js": "javascript", ".ts": "typescript", ".rs": "rust", ".go": "go", ".c": "c"}
CAPABILITIES: Mapping[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "synchronization": {"didSave": True},
        "inlayHint": {},
        "codeLens": {},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "source"]}}},
        "hover": {"contentFormat": ["plaintext", "markdown"]},
        "publishDiagnostics": {"relatedInformation": True, "codeDescriptionSupport": True, "dataSupport": True},
    },
    "workspace": {
        "workspaceFolders": True,
        "executeCommand": {},
        "inlayHint": {"refreshSupport": True},
        "codeLens": {"refreshSupport": True},
    },
    "window": {"workDoneProgress": True, "showMessage": {"messageActionItem": {}}},
}


@dataclass(frozen=True)
class View:
    """What the server wants drawn in the file, as it said it: LSP inlay hints, code lenses, diagnostics."""

    path: str
    lines: tuple[str, ...]
    hints: tuple[dict[str, Any], ...]
    lenses: tuple[dict[str, Any], ...]
    diagnostics: tuple[dict[str, Any], ...]


class Editor:
    """One open file over a :class:`~demo.wire.LanguageServer`. Lines and columns are LSP's: from 0, UTF-16 units."""

    def __init__(self, command: Sequence[str], root: Path, environment: Mapping[str, str], log: Path) -> None:
        self._root = root
        self._server = LanguageServer(command, root, environment, log)
        self._path = ""
        self._uri = ""
        self._version = 0
        self.text = ""

    def start(self, settings: Mapping[str, str]) -> str:
        """Shake hands; the server's name and version."""
        folder = {"uri": self._root.as_uri(), "name": self._root.name}
        answer = self._server.request(
            "initialize",
            {
                "processId": None,
                "clientInfo": {"name": "colearner demo"},
                "rootUri": folder["uri"],
                "workspaceFolders": [folder],
                "capabilities": CAPABILITIES,
                "initializationOptions": dict(settings),
            },
        )
        self._server.notify("initialized", {})
        info = answer.get("serverInfo", {})
        return f"{info.get('name', 'a language server')} {info.get('version', '')}".strip()

    def open(self, path: str) -> None:
        """Open a file of the workspace."""
        self._path, self._uri = path, (self._root / path).as_uri()
        self.text = (self._root / path).read_bytes().decode("utf-8")
        self._version = 1
        language = _LANGUAGES.get(Path(path).suffix, "plaintext")
        document = {"uri": self._uri, "languageId": language, "version": 1, "text": self.text}
        self._server.notify("textDocument/didOpen", {"textDocument": document})

    def replace(self, old: str, new: str) -> None:
        """Change the one place where ``old`` stands, as one incremental edit."""
        if self.text.count(old) != 1:
            raise DemoFailedError(f"the demo's own edit does not fit {self._path}: {old.splitlines()[:1]}")
        start = self.text.index(old)
        change = {"range": {"start": self._position(start), "end": self._position(start + len(old))}, "text": new}
        self.text = self.text[:start] + new + self.text[start + len(old) :]
        self._version += 1
        self._server.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": self._uri, "version": self._version}, "contentChanges": [change]},
        )

    def type_above(self, line: int, typed: str) -> None:
        """Type ``typed`` (whole lines) before a line, a line's worth of keys at a time."""
        for offset, each in enumerate(typed.split("\n")):
            start = sum(len(part) + 1 for part in self.text.split("\n")[: line + offset])
            position = self._position(start)
            self.text = self.text[:start] + each + "\n" + self.text[start:]
            self._version += 1
            change = {"range": {"start": position, "end": position}, "text": each + "\n"}
            self._server.notify(
                "textDocument/didChange",
                {"textDocument": {"uri": self._uri, "version": self._version}, "contentChanges": [change]},
            )

    def save(self) -> None:
        """Write the file and say so."""
        (self._root / self._path).write_bytes(self.text.encode("utf-8"))
        self._server.notify("textDocument/didSave", {"textDocument": {"uri": self._uri}})

    def _position(self, offset: int) -> dict[str, int]:
        before = self.text[:offset]
        line = before.count("\n")
        return {"line": line, "character": len(before[before.rfind("\n") + 1 :].encode("utf-16-le")) // 2}

    def view(self) -> View:
        """Ask for hints and lenses, and take the diagnostics last published."""
        document = {"uri": self._uri}
        lines = self.text.split("\n")
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": len(lines), "character": 0}}
        hints = self._server.request("textDocument/inlayHint", {"textDocument": document, "range": whole})
        lenses = self._server.request("textDocument/codeLens", {"textDocument": document})
        diagnostics = self._server.look(lambda heard: tuple(heard.diagnostics.get(self._uri, ())))
        return View(self._path, tuple(lines), tuple(hints or ()), tuple(lenses or ()), diagnostics)

    def prompt(self, holds: str, what: str, wait_s: float = 20.0) -> Prompt:
        """Wait for a question that holds these words, and take it."""

        def taken(heard: Heard) -> Prompt | None:
            for each in heard.prompts:
                if holds in each.message:
                    heard.prompts.remove(each)
                    return each
            return None

        return self._server.until(taken, what, wait_s)

    def waiting_prompts(self) -> list[Prompt]:
        """Take the questions that wait now."""

        def taken(heard: Heard) -> list[Prompt]:
            found, heard.prompts = heard.prompts, []
            return found

        return self._server.look(taken)

    def press(self, prompt: Prompt, action: str) -> None:
        """Press a button that the question offers."""
        if action not in prompt.actions:
            raise DemoFailedError(f"“{prompt.message}” offers {list(prompt.actions)}, not {action}")
        self._server.answer(prompt, action)

    def dismiss(self, prompt: Prompt) -> None:
        """Close a question without choosing."""
        self._server.answer(prompt, None)

    def run(self, command: Mapping[str, Any]) -> int:
        """Start a command as a lens or a code action carries it; the number for :meth:`outcome`."""
        return self._server.ask(
            "workspace/executeCommand", {"command": command["command"], "arguments": command.get("arguments", [])}
        )

    def outcome(self, number: int) -> Any:
        """What the command came to."""
        return self._server.result(number, "workspace/executeCommand", 30)

    def messages(self) -> list[str]:
        """All that ``window/showMessage`` said so far."""
        return self._server.look(lambda heard: list(heard.messages))

    def state(self) -> Any:
        """``colearner/state``: what a sidebar would show."""
        return self._server.request("colearner/state", {})

    def stop(self) -> int:
        """End the server; its exit code."""
        return self._server.stop()
