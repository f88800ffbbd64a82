"""The fold: from the events of a session, in the order ``(hlc, id)``, to its state (contracts.md, *What events do to
the state*).

`SessionFold.apply` only files what each event says with those it is for; what it *means* is worked out by
`SessionFold.view`, because meaning looks ahead: a feedback may belong to a submission that stands after it, and whether
a name is unknown, or a learner the sole one, is known only when all events are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.contracts.event import Event
from colearner_ls.domain import fold_items
from colearner_ls.domain.fold_items import READERS, Item, as_name, as_number, as_object, as_objects, as_text, as_texts
from colearner_ls.domain.fold_learner import LearnerPass
from colearner_ls.domain.fold_streams import PROGRESS, Newest, Stream, StreamMark
from colearner_ls.domain.lifecycle import is_stage
from colearner_ls.domain.state import Json, LearnerState, SessionState

FOLD_VERSION: Final = 2
"""Raised whenever the shape of `SessionFold.dump`, or what is kept of an event, changes: snapshots of other versions are
of no use. What events mean is worked out when looking, so a change of that needs no new version."""

NO_LINKS: Final[Mapping[str, str]] = MappingProxyType({})

EVERYONE: Final = None
"""Key of the stream of events without a student id."""


class StaleSnapshot(ColearnerError):  # noqa: N818
    """A stored snapshot is of another `FOLD_VERSION`, of another session or damaged: fold the events again instead."""


class FoldMark(NamedTuple):
    """A place in the past of a fold, to go back to with `SessionFold.rewind`."""

    events: int
    epoch: int
    filed: int
    remarks: int
    newest: dict[str, Newest]
    known: tuple[str, ...]
    streams: tuple[tuple[str | None, StreamMark], ...]


class SessionFold:
    """Accumulates the events of one session. Not thread-safe. Events must come in the order ``(hlc, id)``, each once;
    `timeline.Timeline` sees to that."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.events = 0
        self._streams: dict[str | None, Stream] = {EVERYONE: Stream.empty()}
        self._known: dict[str, None] = {}
        self._remarks: list[Json] = []
        self._newest: dict[str, Newest] = {}
        self._epoch = 0
        self._filed = 0
        self._version = 0
        self._passes: dict[str | None, LearnerPass] = {}

    @classmethod
    def new(cls, session_id: str) -> SessionFold:
        """The fold over no events."""
        return cls(session_id)

    # -- applying ---------------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Takes in the next event. Unknown types and odd optional fields are tolerated; the cost is O(1)."""
        self.events += 1
        student_id = event.student_id or EVERYONE
        if event.actor == "student":
            stream = self._stream(student_id)
            stream.newest["student"] = (event.hlc, event.id, None)
            self._touch(stream)
            if student_id is not None:
                self._known[student_id] = None
        reader = READERS.get(event.event_type)
        if reader is not None:
            kind, read = reader
            self._file(event, fold_items.item(event, kind, read(event)))
            return
        handler = _HANDLERS.get(event.event_type)
        if handler is not None:
            handler(self, event)

    def _stream(self, student_id: str | None) -> Stream:
        stream = self._streams.get(student_id)
        if stream is None:
            stream = self._streams[student_id] = Stream.empty()
        return stream

    def _touch(self, stream: Stream) -> None:
        self._version += 1
        stream.version = self._version

    def _file(self, event: Event, item: Item) -> None:
        """Appends an item to the stream of those it is for."""
        student_id = event.student_id or EVERYONE
        stream = self._stream(student_id)
        stream.items.append(item)
        self._filed += 1
        if student_id is EVERYONE or event.actor != "student":
            self._epoch += 1
        self._touch(stream)

    def _progress(self, event: Event) -> None:
        """Files progress. Neighbours in the order become one item: most progress is automatic and says nothing new."""
        payload = event.payload
        student_id = event.student_id or EVERYONE
        stream = self._stream(student_id)
        self._note_newest(stream, event, payload)
        completed = as_texts(payload.get("completed"))
        confidence = {
            topic: value
            for topic, stated in (as_object(payload.get("confidence")) or {}).items()
            if (value := as_number(stated)) is not None
        }
        # Between neighbours nothing may lie that concerns the same learner. For a learner's own stream that is
        # anything said by others than students or to everyone (the epoch); for everyone's stream, anything at all.
        place = self._filed if student_id is EVERYONE else self._epoch
        tail = stream.items[-1] if stream.items else None
        if tail is not None and tail[2] == PROGRESS and stream.tail_epoch == place:
            if completed or confidence:
                stream.items[-1] = (*tail[:4], _together(tail[4], completed, confidence))
            self._touch(stream)
            return
        fresh = _together({"completed": (), "confidence": {}}, completed, confidence)
        self._file(event, (event.hlc, event.id, PROGRESS, event.ts, fresh))
        stream.tail_epoch = self._filed if student_id is EVERYONE else self._epoch

    @staticmethod
    def _note_newest(stream: Stream, event: Event, payload: Json) -> None:
        newest, get = stream.newest, payload.get
        if (step := get("active_step")) is not None:
            newest["active_step"] = (event.hlc, event.id, as_name(step))
        if (blockers := get("blockers")) is not None:
            newest["blockers"] = (event.hlc, event.id, as_texts(blockers))
        if files := as_objects(get("files_changed")):
            newest["files_changed"] = (event.hlc, event.id, files)

    def _evidence(self, event: Event) -> None:
        stream = self._stream(event.student_id or EVERYONE)
        told = {"payload": event.payload, "writer": event.writer, "seq": event.seq}
        stream.evidence.append(fold_items.item(event, "evidence", told))
        self._touch(stream)

    def _evidence_withdrawn(self, event: Event) -> None:
        stream = self._stream(event.student_id or EVERYONE)
        told = {"writer": event.writer, "seq": as_number(event.payload.get("writer_seq"))}
        stream.evidence.append(fold_items.item(event, "taken_back", told))
        self._touch(stream)

    def _dismissed(self, event: Event) -> None:
        stream = self._stream(event.student_id or EVERYONE)
        told = {name: event.payload.get(name) for name in ("rule", "cause", "until", "note")}
        stream.dismissed.append((event.hlc, event.id, "dismissed", event.ts, told))
        self._touch(stream)

    def _sharing(self, event: Event) -> None:
        stream = self._stream(event.student_id or EVERYONE)
        stream.newest["sharing"] = (event.hlc, event.id, as_name(event.payload.get("mode")))
        self._touch(stream)

    def _scope(self, event: Event) -> None:
        stream = self._stream(event.student_id or EVERYONE)
        stream.newest["scope"] = (event.hlc, event.id, event.payload)
        self._touch(stream)

    def _started(self, event: Event) -> None:
        if event.student_id:
            self._known[event.student_id] = None
            self._stream(event.student_id)
        for name, read in _ABOUT_SESSION.items():
            if event.payload.get(name) is not None:
                self._newest[name] = (event.hlc, event.id, read(event.payload[name]))

    def _lifecycle(self, event: Event) -> None:
        stage = as_text(event.payload.get("stage"))
        if is_stage(stage):
            self._file(event, fold_items.item(event, "stage", {"stage": stage}))
            return
        remark = {
            "id": event.id,
            "ts": event.ts,
            "stage": stage,
            "note": as_text(event.payload.get("note")),
            "actor": event.actor,
        }
        if event.student_id:
            remark["student_id"] = event.student_id
        self._remarks.append(remark)

    # -- going back -------------------------------------------------------------------------------------------------

    def mark(self) -> FoldMark:
        """The present as a mark."""
        return FoldMark(
            self.events,
            self._epoch,
            self._filed,
            len(self._remarks),
            dict(self._newest),
            tuple(self._known),
            tuple((name, stream.mark()) for name, stream in self._streams.items()),
        )

    def rewind(self, mark: FoldMark) -> None:
        """Goes back to a mark of this fold, forgetting what came after it. Later marks are void."""
        self.events, self._epoch, self._filed = mark.events, mark.epoch, mark.filed
        del self._remarks[mark.remarks :]
        self._newest = dict(mark.newest)
        self._known = dict.fromkeys(mark.known)
        streams: dict[str | None, Stream] = {}
        for name, stream_mark in mark.streams:
            stream = streams[name] = self._streams[name]
            if stream.rewind(stream_mark):
                self._touch(stream)
        self._streams = streams

    # -- snapshots --------------------------------------------------------------------------------------------------

    def dump(self, at: FoldMark | None = None) -> bytes:
        """The fold (at a mark of its past, else now) as JSON bytes; equal folds of equal events give equal bytes."""
        mark = at if at is not None else self.mark()
        told = {
            "fold": FOLD_VERSION,
            "session_id": self.session_id,
            "events": mark.events,
            "epoch": mark.epoch,
            "filed": mark.filed,
            "remarks": self._remarks[: mark.remarks],
            "newest": mark.newest,
            "known": sorted(mark.known),
            "streams": sorted(
                ([name, self._streams[name].dump(stream)] for name, stream in mark.streams),
                key=lambda entry: (entry[0] is not None, entry[0]),
            ),
        }
        return json.dumps(told, separators=(",", ":"), sort_keys=True, allow_nan=False, default=dict).encode("ascii")

    @classmethod
    def load(cls, data: bytes) -> SessionFold:
        """The fold of a dump. Raises `StaleSnapshot` for the dump of another version and for damaged bytes."""
        try:
            told = json.loads(data)
            version = told["fold"]
            if version == FOLD_VERSION:
                return cls._loaded(told)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StaleSnapshot(f"the stored snapshot is damaged: {error!r}", _REFOLD) from error
        raise StaleSnapshot(f"the stored snapshot has version {version}, not {FOLD_VERSION}", _REFOLD)

    @classmethod
    def _loaded(cls, told: Mapping[str, Any]) -> SessionFold:
        fold = cls(told["session_id"])
        fold.events, fold._epoch, fold._filed = told["events"], told["epoch"], told["filed"]
        fold._remarks = list(told["remarks"])
        fold._newest = {name: (hlc, event, value) for name, (hlc, event, value) in told["newest"].items()}
        fold._known = dict.fromkeys(told["known"])
        fold._streams = {name: Stream.load(stream) for name, stream in told["streams"]}
        for stream in fold._streams.values():
            fold._touch(stream)
        return fold

    # -- the state --------------------------------------------------------------------------------------------------

    def view(self, links: Mapping[str, str] = NO_LINKS) -> SessionState:
        """The state. ``links``: event id of a submission or feedback → exercise id, as settled by hand.

        Only learners that something new concerns are worked out again.
        """
        known = sorted(self._known)
        strangers = sorted(name for name in self._streams if name is not None and name not in self._known)
        learners: dict[str, LearnerState]
        waiting: dict[str, LearnerState] = {}
        everyone = LearnerState(student_id=None)
        if len(known) == 1:
            sole = known[0]
            learners = {sole: self._learner(sole, (sole,), tuple(strangers), links)}
        else:
            everyone = self._learner(None, (), (), links)
            learners = {name: self._learner(name, (name,), (), links) for name in known} or {"": everyone}
            waiting = {name: self._learner(name, (name,), (), links) for name in strangers}
        return SessionState(
            session_id=self.session_id,
            title=self._about("title") or "",
            coach_id=self._about("coach_id"),
            repo=self._about("repo"),
            scope_policy=next(iter(learners.values())).scope_policy if len(learners) == 1 else everyone.scope_policy,
            closed=all(learner.closed for learner in learners.values()),
            remarks=tuple(self._remarks),
            learners=learners,
            events=self.events,
            waiting=waiting,
            everyone=everyone,
        )

    def view_for(self, student_id: str, links: Mapping[str, str] = NO_LINKS) -> LearnerState:
        """What the student with that id should see on the own machine, also before saying anything: the own state, else
        what was said to everyone and to that id. Never another learner's, not even the sole one's."""
        if student_id in self._known:
            return self.view(links).learners[student_id]
        return self._learner(student_id, (student_id,), (), links)

    def _about(self, name: str) -> Any:
        said = self._newest.get(name)
        return None if said is None else said[2]

    def _learner(
        self, student_id: str | None, own: tuple[str, ...], strangers: tuple[str, ...], links: Mapping[str, str]
    ) -> LearnerState:
        streams = [self._streams[EVERYONE], *(self._streams[name] for name in own if name in self._streams)]
        borrowed = [self._streams[name] for name in strangers]
        going = self._passes.get(student_id)
        if going is None or not going.fits(streams, borrowed, links) or not going.advance():
            going = self._passes[student_id] = LearnerPass(student_id, streams, borrowed, links)
            going.advance()
        return going.state()


def _together(told: fold_items.Fields, completed: list[str], confidence: Mapping[str, float]) -> fold_items.Fields:
    """What two neighbouring pieces of progress say, as one."""
    return {
        "completed": list(dict.fromkeys([*told["completed"], *completed])),
        "confidence": {**told["confidence"], **confidence},
    }


_REFOLD: Final = "Drop it and fold the events of the session again; nothing is lost."

_ABOUT_SESSION: Final[Mapping[str, Callable[[object], Any]]] = {
    "title": as_text,
    "coach_id": as_name,
    "repo": as_object,
}

_HANDLERS: Final[Mapping[str, Callable[[SessionFold, Event], None]]] = {
    "progress_update": SessionFold._progress,
    "evidence_snapshot": SessionFold._evidence,
    "evidence_withdrawn": SessionFold._evidence_withdrawn,
    "blocker_dismissed": SessionFold._dismissed,
    "sharing_changed": SessionFold._sharing,
    "scope_policy": SessionFold._scope,
    "session_started": SessionFold._started,
    "lifecycle": SessionFold._lifecycle,
}


def fold_events(session_id: str, events: Iterable[Event]) -> SessionFold:
    """The fold over distinct events, which are put in order here."""
    fold = SessionFold.new(session_id)
    for event in sorted(events, key=lambda event: event.position):
        fold.apply(event)
    return fold


def state_bytes(state: SessionState | LearnerState) -> bytes:
    """The state as canonical JSON bytes: two states are equal if, and only if, their bytes are.

    Whole floats are written as integers, as RFC 8785 does, since ``1`` and ``1.0`` in a payload are the same JSON.
    """
    return json.dumps(_plain(state), separators=(",", ":"), sort_keys=True, allow_nan=False).encode("ascii")


def _plain(value: object) -> object:
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
