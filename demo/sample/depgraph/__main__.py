"""The command line: order, layers, needs, rebuild."""

import argparse
import sys

from depgraph.graph import CycleError
from depgraph.order import build_order, layers, rebuild
from depgraph.reader import FormatError, read


def main(arguments: list[str]) -> int:
    """Exit code: 0, or 1 with one line on stderr."""
    parser = argparse.ArgumentParser(prog="depgraph", description=__doc__)
    parser.add_argument("verb", choices=["order", "layers", "needs", "rebuild"])
    parser.add_argument("file")
    parser.add_argument("part", nargs="?")
    given = parser.parse_args(arguments)
    if given.verb in {"needs", "rebuild"} and given.part is None:
        parser.error(f"{given.verb} wants a part")
    try:
        with open(given.file, encoding="utf-8") as file:
            graph = read(file)
        if given.part is not None and given.part not in graph:
            print(f"depgraph: no part is called {given.part}", file=sys.stderr)
            return 1
        if given.verb == "order":
            print("\n".join(build_order(graph)))
        elif given.verb == "layers":
            for number, group in enumerate(layers(graph), 1):
                print(f"{number}: {', '.join(group)}")
        elif given.verb == "needs":
            print("\n".join(sorted(graph.reach(given.part))))
        else:
            print("\n".join(rebuild(graph, given.part)))
    except (OSError, FormatError, CycleError) as error:
        print(f"depgraph: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
