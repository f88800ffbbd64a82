"""``python -m rigs.soak [--minutes 10] [--seed N] [--pairs 2]``: exit code 0 where nothing was lost or doubled."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
from pathlib import Path

from rigs.kafka import RigError, prepare
from rigs.soak.run import Interrupted, Settings, soak

OUT = Path(__file__).resolve().parents[2] / "test-artifacts" / "soak"


def main() -> int:
    """0: nothing lost, doubled or out of order. 1: something was. 2: it could not run. 130: interrupted."""
    parser = argparse.ArgumentParser(prog="python -m rigs.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults; ten need 200 kills and 20 restarts")
    parser.add_argument("--seed", type=int, default=None, help="of all faults and of what people do")
    parser.add_argument("--pairs", type=int, default=2, help="coach/student pairs, four servers each")
    options = parser.parse_args()
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    seed = random.randrange(1 << 30) if options.seed is None else options.seed
    try:
        prepare()
        report = soak(Settings(seed, OUT, options.minutes, options.pairs), interrupted, _say)
    except Interrupted:
        print(f"soak: interrupted; seed {seed}", file=sys.stderr)
        return 130
    except (RigError, RuntimeError, TimeoutError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    for line in report.lines():
        _say(line)
    return 1 if report.failures else 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
