"""Links from diagnostics to the page that explains them."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

import colearner_ls

PAGE: Final = "lsp.md"
SECTION: Final = "diagnostics"


@cache
def documentation() -> str | None:
    """The address of the reference page's section on diagnostics: below the documentation that the package names, else
    the page of this checkout; ``None`` where neither is there. Asks the disk: not for the event loop."""
    try:
        urls = metadata.metadata("colearner-ls").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        urls = []
    for entry in urls:
        label, _, url = entry.partition(",")
        if label.strip().lower() == "documentation":
            return f"{url.strip().rstrip('/')}/{PAGE}#{SECTION}"
    page = Path(colearner_ls.__file__).resolve().parents[1] / "docs" / PAGE
    return f"{page.as_uri()}#{SECTION}" if page.is_file() else None
