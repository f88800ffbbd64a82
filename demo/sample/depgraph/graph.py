"""A directed graph of parts and of what each of them needs."""

from collections.abc import Iterable, Iterator


class CycleError(ValueError):
    """Parts that need each other in a circle; ``cycle`` begins and ends with the same part."""

    def __init__(self, cycle: list[str]) -> None:
        super().__init__("in a circle: " + " -> ".join(cycle))
        self.cycle = cycle


class Graph:
    """Parts by name, each with the names it needs, in the order in which they were added."""

    def __init__(self) -> None:
        self._needs: dict[str, list[str]] = {}

    def add(self, part: str, needs: Iterable[str] = ()) -> None:
        """Add a part, or more needs to one that is there; what is needed becomes a part too."""
        mine = self._needs.setdefault(part, [])
        for name in needs:
            self._needs.setdefault(name, [])
            if name not in mine:
                mine.append(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._needs)

    def __len__(self) -> int:
        return len(self._needs)

    def __contains__(self, part: object) -> bool:
        return part in self._needs

    def needs(self, part: str) -> list[str]:
        """What ``part`` needs directly. Raises KeyError for an unknown part."""
        return list(self._needs[part])

    def needed_by(self, part: str) -> list[str]:
        """Who needs ``part`` directly."""
        return [other for other, needs in self._needs.items() if part in needs]

    def reach(self, part: str) -> set[str]:
        """All that ``part`` needs, directly or through others."""
        seen: set[str] = set()
        waiting = self.needs(part)
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(self._needs[name])
        return seen


def find_cycle(graph: Graph) -> list[str] | None:
    """One circle of parts, as ``[a, b, a]``, or None where there is none."""
    seen: set[str] = set()

    def walk(part: str, path: list[str]) -> list[str] | None:
        if part in seen:
            return [*path, part]
        seen.add(part)
        for need in graph.needs(part):
            found = walk(need, [*path, part])
            if found:
                return found
        return None

    for start in graph:
        seen.clear()
        found = walk(start, [])
        if found:
            return found
    return None
