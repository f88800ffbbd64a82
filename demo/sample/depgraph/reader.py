"""Reads ``part: need, need`` lines."""

from collections.abc import Iterable

from depgraph.graph import Graph


class FormatError(ValueError):
    """A line that does not say what needs what."""

    def __init__(self, number: int, line: str, why: str) -> None:
        super().__init__(f"line {number}: {why}: {line.strip()!r}")
        self.number = number


def read(lines: Iterable[str]) -> Graph:
    """The graph of ``lines``. Blank lines and what follows ``#`` do not count. Raises FormatError."""
    graph = Graph()
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        part, colon, rest = text.partition(":")
        part = part.strip()
        if not colon:
            raise FormatError(number, line, "no colon after the part")
        if not part:
            raise FormatError(number, line, "no part before the colon")
        needs = [need.strip() for need in rest.split(",") if need.strip()]
        if part in needs:
            raise FormatError(number, line, f"{part} needs itself")
        graph.add(part, needs)
    return graph
