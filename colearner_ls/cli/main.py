"""Entry point of ``colearner``. Imports as little as possible: ``--version`` is to cost little more than Python."""

import gc
import sys


def main() -> int:
    """Run the command line with the arguments of this process and return its exit code (cli.md, *exit*)."""
    # Starting makes tens of thousands of objects that all stay; looking through them for garbage takes a tenth of it.
    gc.set_threshold(100_000, 20, 20)
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from colearner_ls import __version__

        sys.stdout.write(f"colearner {__version__}\n")
        return 0
    try:
        from colearner_ls.cli.run import run

        return run(arguments)
    except KeyboardInterrupt:  # while still importing
        return 130


if __name__ == "__main__":
    sys.exit(main())
