"""``python -m rigs.fuzz [lsp|wire] [--cases N] [--seed N] [--kafka]``: says what was sent and every fault; exit 1 on any."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rigs.fuzz.lsp_stream import Fuzzer
from rigs.fuzz.stage import make_stage
from rigs.fuzz.wire import fuzz_wire
from rigs.kafka import KafkaBroker, prepare


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m rigs.fuzz")
    parser.add_argument("what", nargs="?", choices=("lsp", "wire", "all"), default="all")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--kafka", action="store_true", help="the wire is a real Kafka, not an embedded bus")
    given = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory(prefix="colearner-fuzz-") as name:
        folder = Path(name).resolve()
        if given.what in ("lsp", "all"):
            for role in ("student", "coach"):
                log = folder / f"{role}.log"
                report = Fuzzer(make_stage(folder / "lsp", role), given.seed, log).run(given.cases // 2)
                print(
                    f"lsp, {role}: seed {given.seed}, {report.total} cases {dict(report.cases)}, {report.servers} servers"
                )
                print(f"  answers {dict(report.answers)}, slowest batch {report.slowest_s:.1f} s")
                faults += _tell(report.faults, log)
        if given.what in ("wire", "all"):
            with _bus(given.kafka) as bus:
                found = fuzz_wire(folder / "wire", given.seed, given.cases, bus)
            print(
                f"wire: seed {given.seed}, {found.cases} records {dict(found.outcomes)}, reasons {dict(found.reasons)}"
            )
            faults += _tell(found.faults, folder / "wire" / "wire.log")
    return 1 if faults else 0


@contextmanager
def _bus(is_kafka: bool) -> Iterator[str | None]:
    if not is_kafka:
        yield None
        return
    prepare()
    with KafkaBroker.start() as broker:
        yield f"kafka://{broker.bootstrap}?prefix=fuzz.&partitions=3"


def _tell(faults: list[str], log: Path) -> int:
    for fault in faults[:20]:
        print("  FAULT", fault)
    if faults and log.exists():
        print(log.read_text(errors="replace")[-4000:])
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
