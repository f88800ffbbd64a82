"""``python -m demo``: see ``make demo``."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from demo.buses import open_bus
from demo.checkouts import check_out
from demo.editor import Editor
from demo.failure import DemoFailedError
from demo.play import COACH, STUDENT, Play
from demo.stage import Stage
from demo.story import SAMPLE, any_story, sample_story
from demo.terminal import Terminal

_NEXT = """Where to look next
  README.md               set it up in two checkouts of your own, with your own editor
  docs/architecture.md    the house on one page, and the way of one event through it
  docs/events.md          every event there is
  colearner --help        all verbs; colearner doctor says where each setting comes from
  make demo BUS=kafka     the same over a real Kafka broker; make demo REPO=DIR on code of yours"""


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 when all was seen and both histories are equal, else 1 with one line that says what was not."""
    given = _parser().parse_args(arguments)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="colearner-demo-")).resolve()
    try:
        count = _play(given, folder)
    except DemoFailedError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        # Once the programs ran, their logs tell more.
        given.keep = given.keep or (folder / "server.log").exists()
        return 1
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        return 130
    finally:
        if given.keep:
            print(f"\nEverything is kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{count} events, {time.monotonic() - began:.0f} s.\n\n{_NEXT}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo", description="A coach and a student at work on one piece of code.")
    parser.add_argument("--bus", default="", metavar="BUS", help="kafka: start a broker; kafka://HOST:PORT: use that")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="work on a copy of this folder, not on the sample")
    parser.add_argument("--export-svg", type=Path, metavar="FILE", help="save the marked scenes as a picture")
    parser.add_argument("--keep", action="store_true", help="leave both checkouts for you to look at")
    parser.add_argument("--server", type=shlex.split, metavar="COMMAND", help="the language server to start")
    return parser


def _play(given: argparse.Namespace, folder: Path) -> int:
    source = SAMPLE if given.repo is None else given.repo.expanduser().resolve()
    checkouts = check_out(source, folder, is_sample=given.repo is None)
    story = sample_story() if given.repo is None else any_story(checkouts.coach)
    stage = Stage(given.export_svg)
    programs = Path(sys.executable).parent
    coach_home, student_home = _environment(folder / "coach"), _environment(folder / "student")
    with open_bus(given.bus, folder / "bus") as bus:
        editor = Editor(
            given.server or [str(programs / "colearner-ls")], checkouts.student, student_home, folder / "server.log"
        )
        try:
            play = Play(
                stage,
                story,
                bus,
                Terminal([str(programs / "colearner")], checkouts.coach, coach_home, _shown(stage, COACH)),
                Terminal([str(programs / "colearner")], checkouts.student, student_home, _shown(stage, STUDENT)),
                editor,
                checkouts.coach,
                checkouts.student,
            )
            count = play.run()
        finally:
            editor.stop()
    stage.save_picture()
    return count


def _shown(stage: Stage, who: str) -> Callable[[str, str], None]:
    return lambda typed, printed: stage.command(who, typed, printed)


def _environment(home: Path) -> Mapping[str, str]:
    """Nothing of the user's own colearner settings; each side has a user data folder of its own, like two machines."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COLEARNER_", "AAFW_"))}
    return {**kept, "COLEARNER_HOME": str(home / "data"), "NO_COLOR": "1", "COLUMNS": "96"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
