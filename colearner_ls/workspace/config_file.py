"""Writing ``.colearner/config.toml``: a person's comments and unknown values stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colearner_ls.journal.faults import os_faults
from colearner_ls.journal.files import replace_file
from colearner_ls.workspace.settings import CONFIG_FILE, CONFIG_FOLDER, read_config


def write_config(root: Path, changes: Mapping[str, Any]) -> None:
    """Set ``changes`` (nested tables as nested mappings) in the file; ``None`` leaves a value alone.

    Raises :class:`~.settings.BadConfig` where the file there cannot be understood: it is never overwritten then; and
    ``StorageFull``, ``ReadOnly`` and their kin where it cannot be written: the old one stands.
    """
    import tomlkit  # keeps comments; only writers need it

    read_config(root)
    path = root / CONFIG_FOLDER / CONFIG_FILE
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    _merge(document, changes)
    with os_faults(path):
        replace_file(path, tomlkit.dumps(document).encode(), durable=True)


def _merge(table: Any, changes: Mapping[str, Any]) -> None:
    import tomlkit

    for name, value in changes.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            if name not in table:
                table[name] = tomlkit.table()
            _merge(table[name], value)
        else:
            table[name] = value
