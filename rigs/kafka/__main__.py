"""``python -m rigs.kafka prepare`` installs what is needed; ``… run`` runs a broker in the foreground."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from .broker import KafkaBroker
from .install import RigError, prepare


def main() -> int:
    """Exit code 0, or 1 with one line that says what is missing."""
    parser = argparse.ArgumentParser(prog="python -m rigs.kafka", description="A real Apache Kafka without Docker.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="get Java, Maven, kcat and Kafka's jars")
    commands.add_parser("run", help="run a broker until Ctrl-C; prints its address")
    command = parser.parse_args().command
    try:
        prepare()
        if command == "run":
            _run()
    except RigError as error:
        print(f"kafka: {error}", file=sys.stderr)
        return 1
    return 0


def _run() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with KafkaBroker.start() as broker:
        print(broker.bootstrap, flush=True)
        while broker.running and not ended.wait(0.5):
            pass
        if not ended.is_set():
            raise RigError(f"the broker ended by itself:\n{broker.log_tail()}")
        broker.stop()


if __name__ == "__main__":
    sys.exit(main())
