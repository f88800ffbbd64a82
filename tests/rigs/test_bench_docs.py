"""docs/performance.md names the figures that there are, all of them, and no others."""

from __future__ import annotations

from rigs.bench import page
from rigs.bench.registry import measurements


def test_the_page_names_every_figure_and_no_other() -> None:
    there = {promise.name for each in measurements() for promise in each.promises}
    named = page.named(page.PAGE.read_text(encoding="utf-8"))
    assert len(named) == len(set(named))
    assert set(named) == there, "run: python -m rigs.bench.page (rows), python -m rigs.bench NAME --page (figures)"
