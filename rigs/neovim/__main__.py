"""``python -m rigs.neovim prepare`` fetches Neovim; ``where`` prints the command line that runs it."""

from __future__ import annotations

import shlex
import sys

from rigs.neovim.install import NotInstalledError, installed, prepare


def main(arguments: list[str]) -> int:
    """Exit code: 0 done, 1 not possible here (one line says which package), 2 usage."""
    try:
        if arguments == ["prepare"]:
            found = prepare()
            print(f"Neovim {found.version} is ready.")
        elif arguments == ["where"]:
            found = installed()
            print(shlex.join([*(f"{name}={value}" for name, value in found.environment), *found.command]))
        else:
            print("usage: python -m rigs.neovim prepare|where", file=sys.stderr)
            return 2
    except NotInstalledError as error:
        print(f"colearner: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
