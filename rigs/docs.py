"""``python -m rigs.docs [--check]``: the pages of docs/ that are made from the code, so that they cannot drift.

Each room makes the text of its own page; this writes them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "events.md": ("colearner_ls.contracts.schema", "events"),
    "cli.md": ("colearner_ls.cli.reference",),
    "lsp.md": ("colearner_ls.lsp.reference",),
    "reliability.md": ("rigs.reliability",),
}
"""Page → module and arguments that print it."""


def printed(name: str) -> bytes:
    """The text of a page, as its module prints it. Raises :class:`subprocess.CalledProcessError`."""
    return subprocess.run(
        [sys.executable, "-m", *PAGES[name]], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=60
    ).stdout


def main(arguments: list[str]) -> int:
    """Write the pages; with ``--check`` only say which are out of date. Exit code 0, 1 (out of date) or 2."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m rigs.docs [--check]", file=sys.stderr)
        return 2
    old: list[str] = []
    for name in PAGES:
        file, text = ROOT / "docs" / name, printed(name)
        if not file.is_file() or file.read_bytes() != text:
            old.append(name)
            if not arguments:
                file.write_bytes(text)
    if arguments and old:
        print(f"out of date: {', '.join(old)} (make docs)", file=sys.stderr)
        return 1
    print(f"docs: {', '.join(old) or 'nothing to do'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
