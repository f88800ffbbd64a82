"""``doctor`` and ``quarantine`` for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from colearner_ls.cli.render.layout import Cell, Row, Style, table
from colearner_ls.cli.render.plain import plain

if TYPE_CHECKING:
    from colearner_ls.workspace.results import Diagnosis, Finding

_MARKS: Final = {
    "ok": Cell("ok", ("green",)),
    "info": Cell("note", ("dim",)),
    "warning": Cell("warning", ("yellow",)),
    "error": Cell("error", ("red", "bold")),
}


def doctor_lines(diagnosis: Diagnosis, style: Style) -> list[str]:
    """Settings with their sources, facts, findings with what to do. Nothing is cut: it is for reading."""
    wide = Style(style.color, None)
    settings: list[Row] = [
        [plain(each.name), plain(each.value or "–"), Cell(plain(each.source), ("dim",))] for each in diagnosis.settings
    ]
    facts: list[Row] = [[plain(name), plain(str(value))] for name, value in diagnosis.facts.items()]
    lines = [style.heading("Settings"), *table(settings, wide)]
    if facts:
        lines += ["", style.heading("Facts"), *table(facts, wide)]
    lines += ["", style.heading("Findings")]
    for finding in diagnosis.findings:
        lines += _finding(finding, wide)
    return lines


def _finding(finding: Finding, style: Style) -> Sequence[str]:
    width = max(len(cell.text) for cell in _MARKS.values())
    mark = _MARKS[finding.level]
    padded = style.paint(mark.text, *mark.colors) + " " * (width - len(mark.text))
    lines = [f"  {padded}  {plain(finding.topic)}: {plain(finding.text)}"]
    if finding.hint:
        lines.append(f"  {' ' * width}  → {plain(finding.hint)}")
    return lines
