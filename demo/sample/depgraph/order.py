"""In what order, and in which groups, the parts can be built."""

from depgraph.graph import CycleError, Graph, find_cycle


def build_order(graph: Graph) -> list[str]:
    """Every part after all that it needs; ties go by name. Raises CycleError."""
    return [part for layer in layers(graph) for part in layer]


def layers(graph: Graph) -> list[list[str]]:
    """Groups that can be built at once: each needs only groups before it. Raises CycleError."""
    cycle = find_cycle(graph)
    if cycle:
        raise CycleError(cycle)
    missing = {part: len(graph.needs(part)) for part in graph}
    ready = sorted(part for part, count in missing.items() if count == 0)
    groups = []
    while ready:
        groups.append(ready)
        following = set()
        for part in ready:
            for user in graph.needed_by(part):
                missing[user] -= 1
                if missing[user] == 0:
                    following.add(user)
        ready = sorted(following)
    return groups


def rebuild(graph: Graph, changed: str) -> list[str]:
    """What has to be built again after a change of ``changed``, in build order, itself first."""
    return [part for part in build_order(graph) if part == changed or changed in graph.reach(part)]
