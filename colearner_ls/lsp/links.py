"""Links from diagnostics to the page that explains them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import colearner_ls

PAGE: Final = "lsp.md"
SECTION: Final = "diagnostics"


@cache
def documentation() -> str | None:
    """The address of the reference page's section on diagnostics: below the documentation that the package names, else
    the page of this checkout; ``None`` where neither is there. Asks the disk: not for the event loop."""
    beside = Path(colearner_ls.__file__).resolve().parents[1]
    for url in _named(beside / f"colearner_ls-{colearner_ls.__version__}.dist-info" / "METADATA"):
        return f"{url.rstrip('/')}/{PAGE}#{SECTION}"
    page = beside / "docs" / PAGE
    return f"{page.as_uri()}#{SECTION}" if page.is_file() else None


def _named(metadata: Path) -> Iterator[str]:
    """The addresses labelled *Documentation* in an installed package's metadata (core metadata 2.4, *Project-URL*).

    Read here, since importing ``importlib.metadata`` takes as long as opening the journal (17 ms against 20 ms).
    """
    try:
        head = metadata.read_text(encoding="utf-8").partition("\n\n")[0]
    except (OSError, ValueError):
        return
    for line in head.splitlines():
        name, _, value = line.partition(":")
        label, _, url = value.partition(",")
        if url.strip() and name.lower() == "project-url" and label.strip().lower() == "documentation":
            yield url.strip()
