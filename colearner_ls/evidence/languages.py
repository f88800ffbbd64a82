"""LSP language identifiers by file name, for evidence of files that no editor has open.

Identifiers are those of the LSP 3.17 specification, *Text Document Item*; for others the ones of VS Code's extensions.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

_BY_NAME: Final = {
    "CMakeLists.txt": "cmake",
    "Dockerfile": "dockerfile",
    "GNUmakefile": "makefile",
    "Gemfile": "ruby",
    "Makefile": "makefile",
    "Rakefile": "ruby",
    "go.mod": "go.mod",
    "makefile": "makefile",
}

_BY_SUFFIX: Final = {
    "bat": "bat",
    "c": "c",
    "cc": "cpp",
    "clj": "clojure",
    "cpp": "cpp",
    "cs": "csharp",
    "css": "css",
    "dart": "dart",
    "erl": "erlang",
    "ex": "elixir",
    "exs": "elixir",
    "fs": "fsharp",
    "go": "go",
    "groovy": "groovy",
    "h": "c",
    "hpp": "cpp",
    "hs": "haskell",
    "html": "html",
    "ini": "ini",
    "java": "java",
    "js": "javascript",
    "json": "json",
    "jsx": "javascriptreact",
    "jl": "julia",
    "kt": "kotlin",
    "less": "less",
    "lua": "lua",
    "m": "objective-c",
    "md": "markdown",
    "mjs": "javascript",
    "ml": "ocaml",
    "php": "php",
    "pl": "perl",
    "pm": "perl",
    "proto": "proto3",
    "ps1": "powershell",
    "py": "python",
    "pyi": "python",
    "r": "r",
    "rb": "ruby",
    "rs": "rust",
    "rst": "restructuredtext",
    "scala": "scala",
    "scss": "scss",
    "sh": "shellscript",
    "bash": "shellscript",
    "sql": "sql",
    "swift": "swift",
    "tex": "latex",
    "toml": "toml",
    "ts": "typescript",
    "tsx": "typescriptreact",
    "txt": "plaintext",
    "vb": "vb",
    "vue": "vue",
    "xml": "xml",
    "yaml": "yaml",
    "yml": "yaml",
    "zig": "zig",
}


def language_of(path: str) -> str | None:
    """The language identifier of a file by its name, or ``None``."""
    name = PurePosixPath(path).name
    return _BY_NAME.get(name) or _BY_SUFFIX.get(PurePosixPath(path).suffix.removeprefix(".").lower())
