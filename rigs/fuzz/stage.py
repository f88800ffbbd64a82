"""A workspace folder that was set up by the real command line, and a bus that anybody may write to."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from colearner_ls.bus.protocol import open_bus
from colearner_ls.bus.records import Ack, OutgoingRecord
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import CATALOGUE
from colearner_ls.contracts.examples import EXAMPLES

PROGRAMS: Final = Path(sys.executable).parent
SESSION: Final = "fuzz"
STUDENT: Final = "ada"
FILE: Final = "src/graph.py"
TEXT: Final = "import sys\n\n\ndef visit(node, seen):\n    for each in node.needs:\n        visit(each, seen)\n    seen.add(node)\n"
LINE: Final = 3
"""0-based line of ``def visit``, where the sound exercise is assigned."""

_CLOCK_US: Final = 1_790_000_000_000_000


@dataclass(frozen=True)
class Stage:
    """One side's folder. ``bus`` is a bus URL; ``environment`` is for its programs."""

    root: Path
    role: str
    bus: str
    environment: Mapping[str, str]

    @property
    def uri(self) -> str:
        """The file that is open."""
        return (self.root / FILE).as_uri()

    @property
    def journal(self) -> Path:
        """The journal, for plain sqlite3."""
        return self.root / ".colearner" / "journal.db"

    def run(self, *arguments: str) -> str:
        """Run ``colearner``; its standard output. Raises ``subprocess.CalledProcessError``."""
        command = [str(PROGRAMS / "colearner"), *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=dict(self.environment), capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout


def make_stage(folder: Path, role: str, bus: str | None = None) -> Stage:
    """Set a folder up below ``folder``; without ``bus`` on an embedded bus of its own. A student's comes without an invite, so
    that nobody's signature is asked for; a coach's has its own key pinned."""
    root = folder / role / "code"
    (root / "src").mkdir(parents=True)
    (root / FILE).write_bytes(TEXT.encode())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COLEARNER_", "AAFW_"))}
    stage = Stage(
        root=root,
        role=role,
        bus=bus or f"sqlite://{folder / role / 'bus.db'}",
        environment={**kept, "COLEARNER_HOME": str(folder / role / "data")},
    )
    stage.run(role, "init", "--session", SESSION, "--student", STUDENT, "--bus", stage.bus, "--no-wait")
    return stage


def envelope(event_type: str, number: int, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A sound event of the session, as one that writes these topics would say it; ``number`` makes it distinct."""
    said = dict(EXAMPLES[event_type] if payload is None else payload)
    said["student_id"] = STUDENT
    if "session_id" in said:
        said["session_id"] = SESSION
    return {
        "ts": f"2026-09-21T10:00:{number % 60:02d}.{number % 1_000_000:06d}Z",
        "actor": "coach" if "coach" in CATALOGUE[event_type].actors else min(CATALOGUE[event_type].actors),
        "session_id": SESSION,
        "event_type": event_type,
        "payload": said,
        "id": str(uuid.UUID(int=(0x0199_0000_0000_7000_8000 << 48) + number)),
        "hlc": _CLOCK_US + number,
        "version": CATALOGUE[event_type].version,
        "student_id": STUDENT,
        "author": "kim",
        "writer": str(uuid.UUID(int=(0x0199_0000_0000_7000_9000 << 48) + 1)),
        "seq": number + 1,
    }


def exercise_here(number: int) -> dict[str, Any]:
    """A sound assignment at :data:`LINE` of the file."""
    quote = {"exact": TEXT.splitlines()[LINE], "prefix": "import sys\n\n\n", "suffix": "\n    for each in node.needs:"}
    anchor = {"path": FILE, "quote": quote, "range": {"start_line": LINE + 1, "end_line": LINE + 1}}
    payload = {"topic": "graphs", "exercise": "Cope with cycles.", "title": "Cycles", "anchors": [anchor]}
    return envelope("exercise_assigned", number, payload)


def publish(bus_url: str, records: Sequence[tuple[str, bytes]]) -> list[tuple[str, int, int]]:
    """Write (topic, value) records; where each stands. Raises ``RuntimeError`` where one was not taken."""
    return asyncio.run(_publish(bus_url, records))


async def _publish(bus_url: str, records: Sequence[tuple[str, bytes]]) -> list[tuple[str, int, int]]:
    bus = await open_bus(BusUrl.parse(bus_url), client_id="colearner-fuzz")
    try:
        await bus.connect()
        places = []
        for at in range(0, len(records), 200):
            part = records[at : at + 200]
            outcomes = await bus.publish([OutgoingRecord(topic, SESSION.encode(), value) for topic, value in part])
            for (topic, _), outcome in zip(part, outcomes, strict=True):
                if not isinstance(outcome, Ack) or outcome.offset is None:
                    raise RuntimeError(f"the bus did not take a record: {outcome}")
                places.append((topic, outcome.partition, outcome.offset))
        return places
    finally:
        await bus.close()


def as_bytes(value: Mapping[str, Any]) -> bytes:
    """A sound envelope as it goes over the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
