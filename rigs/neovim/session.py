"""Neovim at work: one process, one connection that asks and types, one that sees the screen."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pynvim

from rigs.neovim.install import Installed, installed
from rigs.neovim.screen import Screen

T = TypeVar("T")
_START_S = 20.0


class Neovim:
    """A headless Neovim that a test uses as a person would: it types keys and looks at the screen.

    ``home`` takes its socket, logs and state, so that nothing of the user's own configuration is read. While Neovim
    waits for a key (a prompt), only :meth:`type`, :attr:`mode` and :meth:`screen_text` may be used: other requests
    would wait as well (``:help api-fast``).
    """

    def __init__(
        self,
        folder: Path,
        *,
        init: Path,
        home: Path,
        environment: Mapping[str, str] | None = None,
        columns: int = 110,
        lines: int = 32,
        program: Installed | None = None,
    ) -> None:
        self._program = program or installed()
        self._folder, self._init, self._home = folder, init, home
        self._environment = dict(environment or {})
        self._screen = Screen(columns, lines)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._viewer: threading.Thread | None = None
        self._api: Any = None
        self._sockets: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._home.mkdir(parents=True, exist_ok=True)
        # A socket's path holds at most 107 bytes (unix(7)), so it does not live in `home`.
        self._sockets = tempfile.TemporaryDirectory(prefix="colearner-nvim-")
        socket = str(Path(self._sockets.name) / "nvim.sock")
        environment = {
            **os.environ,
            **dict(self._program.environment),
            **{f"XDG_{kind}_HOME": str(self._home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")},
            **self._environment,
        }
        with (self._home / "nvim.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._program.command, "--embed", "--headless", "--listen", socket, "-u", str(self._init)],
                cwd=self._folder,
                env=environment,
                # Embedded, it ends when this pipe closes: with the process that started it, however that ends.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        try:
            self._api = self._attach(socket)
            self._viewer = threading.Thread(target=self._view, args=(socket,), name="nvim-screen", daemon=True)
            self._viewer.start()
            self.until(lambda: bool(self._api.api.list_uis()), "the screen is attached")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if self._api is not None:
            with contextlib.suppress(OSError, EOFError):
                self._api.command("qall!", async_=True)
        else:
            process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if self._api is not None:
            with contextlib.suppress(OSError, EOFError):
                self._api.close()
        if self._viewer is not None:
            self._viewer.join(timeout=5)
        if self._sockets is not None:
            self._sockets.cleanup()

    def _attach(self, socket: str) -> Any:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                return pynvim.attach("socket", path=socket)
            except (OSError, EOFError):
                if time.monotonic() > deadline or (self._process and self._process.poll() is not None):
                    raise
                time.sleep(0.02)

    def _view(self, socket: str) -> None:
        with contextlib.suppress(OSError, EOFError):
            viewer = self._attach(socket)
            viewer.ui_attach(self._screen.columns, self._screen.lines, rgb=True, ext_linegrid=True)
            viewer.run_loop(None, self._seen)

    def _seen(self, name: str, arguments: list[Any]) -> None:
        if name == "redraw":
            with self._lock:
                self._screen.redraw(arguments)

    def lua(self, code: str, *arguments: Any) -> Any:
        """Run Lua in Neovim; ``...`` holds the arguments."""
        return self._api.exec_lua(code, *arguments)

    def command(self, line: str) -> None:
        """An Ex command, as typed after ``:``."""
        self._api.command(line)

    def type(self, keys: str) -> None:
        """Type keys (``:help key-notation``); also answers a prompt."""
        self._api.input(keys)

    @property
    def mode(self) -> str:
        """Neovim's mode (``:help mode()``); ``c`` and ``r…`` while a prompt waits for an answer."""
        return str(self._api.api.get_mode()["mode"])

    def screen_text(self) -> str:
        """What a person reads on the screen now."""
        with self._lock:
            return self._screen.text()

    def underlined(self, row: int, words: str) -> bool:
        """Whether ``words`` on a row of the screen (from 0) are underlined, straight or curly."""
        with self._lock:
            return self._screen.underlined(row, words)

    def save_screen(self, file: Path, title: str) -> None:
        """Keep the screen as SVG and text, for whoever looks at the run afterwards."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            self._screen.save(file, title)

    def until(self, condition: Callable[[], T], what: str, seconds: float = 20.0) -> T:
        """Wait until ``condition`` is true, looking again every 50 ms; fails with ``what`` and the screen."""
        deadline = time.monotonic() + seconds
        while True:
            seen = condition()
            if seen:
                return seen
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:g} s: {what}\nlast seen: {seen!r}\n{self.screen_text()}")
            time.sleep(0.05)
