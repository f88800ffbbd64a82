"""What the audience sees: who does what, what they see, and a recording of it for the picture."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.terminal_theme import MONOKAI
from rich.text import Text

from demo.drawing import draw
from demo.editor import View

WIDTH = 100
_INVITE = re.compile(r"'?(colearner://join\?v=\d+)\S+")
"""An invite is some 200 characters without a blank: its beginning is enough here."""


class Stage:
    """Prints the play; with ``picture`` scenes marked for it are recorded and saved as SVG at the end."""

    def __init__(self, picture: Path | None) -> None:
        self._console = Console(width=WIDTH, highlight=False)
        self._picture = picture
        # The recording has colours whatever the terminal can do, and does not print.
        self._nowhere = Path(os.devnull).open("w", encoding="utf-8") if picture else None  # noqa: SIM115
        self._recording = (
            Console(width=WIDTH, highlight=False, record=True, file=self._nowhere, force_terminal=True)
            if picture
            else None
        )
        self._recorded = False

    def scene(self, title: str, *, pictured: bool = False) -> None:
        """A new scene; ``pictured`` ones are in the picture."""
        self._recorded = pictured
        self._show(Text())
        self._show(Rule(Text(title, style="bold"), align="left", style="dim"))

    def command(self, who: str, typed: str, printed: str) -> None:
        """Somebody at a shell: what they typed, an option a line where it is long, and what it said."""
        prompt = f"{who} $ "
        typed = _INVITE.sub(r"'\1…'", typed)
        if len(prompt) + len(typed) > WIDTH:
            typed = typed.replace(" --", " \\\n--")
        head, *options = typed.split("\n")
        self._show(Text.assemble((f"{who} ", "bold magenta"), ("$ ", "dim"), (head, "bold")))
        for option in options:
            self._indented(Text(option, "bold"), len(prompt) + 2)
        for line in _INVITE.sub(r"'\1…'", printed).splitlines():
            self._indented(Text(line), 4)

    def does(self, who: str, what: str) -> None:
        """Somebody does something that is not a command."""
        self._show(Text.assemble((f"{who} ", "bold green"), (what, "")))

    def pops_up(self, message: str, actions: tuple[str, ...] = ()) -> None:
        """A message in the student's editor, with its buttons."""
        body = Text()
        lines = message.splitlines() or [""]
        for number, line in enumerate(lines):
            body.append("▌ ", style="cyan").append(line).append("\n" if number < len(lines) - 1 else "")
        if actions:
            body.append("\n▌ ", style="cyan").append("  ".join(f"[{action}]" for action in actions), style="bold cyan")
        self._indented(body, 4)

    def draw(self, view: View, title: str) -> None:
        """A file as the editor draws it."""
        self._show(Padding(draw(view, title, WIDTH - 2), (0, 0, 0, 2)))

    def says(self, text: str, style: str = "dim") -> None:
        """A remark of the demo itself."""
        self._show(Text(text, style=style))

    def save_picture(self) -> None:
        """Write the recorded scenes as SVG, if a picture was asked for."""
        if self._recording is not None and self._picture is not None:
            self._picture.parent.mkdir(parents=True, exist_ok=True)
            picture = self._recording.export_svg(title="make demo", theme=MONOKAI)
            # Rich lets the picture fetch a font from the web; any monospaced one will do.
            self._picture.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL), encoding="utf-8")
        if self._nowhere is not None:
            self._nowhere.close()

    def _indented(self, text: Text, by: int) -> None:
        for line in text.wrap(self._console, WIDTH - by):
            line.rstrip()
            if line:
                line.pad_left(by)
            self._show(line)

    def _show(self, what: RenderableType) -> None:
        self._console.print(what)
        if self._recording is not None and self._recorded:
            self._recording.print(what)
