"""The door: one object per workspace folder that every front end goes through."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colearner_ls.contracts.errors import BadInput
from colearner_ls.domain.state import STUDENTS_TURN, UNFINISHED, Exercise, LearnerState, SessionState, Stuck
from colearner_ls.journal.errors import OtherBus
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.location import open_journal
from colearner_ls.journal.records import Draft, Stored
from colearner_ls.journal.registry import How, Registry
from colearner_ls.workspace.config_file import write_config
from colearner_ls.workspace.results import (
    AmbiguousId,
    NoSession,
    NotLive,
    NotYours,
    Preview,
    Snapshot,
    SyncStatus,
    TrustStatus,
    UnknownTarget,
    Written,
)
from colearner_ls.workspace.session_view import SessionView
from colearner_ls.workspace.settings import Settings, check_session_id, read_config
from colearner_ls.workspace.sync_status import delivery_of, notices, sync_status
from colearner_ls.workspace.which_session import SHORTEST_ID, meant
from colearner_ls.workspace.writing import Outgoing

if TYPE_CHECKING:
    from colearner_ls.journal.tail import Tail
    from colearner_ls.journal.trust import TrustView
    from colearner_ls.workspace.requests import ShareEvidence, Submit, UseCase


class Workspace:
    """An open workspace: settings, journal, and the current session's state.

    Synchronous and blocking; safe to call from several threads. A server calls it from one worker thread, never from its
    event loop.
    """

    def __init__(self, settings: Settings, journal: Journal, session_id: str, role: str) -> None:
        self.settings = settings
        self.journal = journal
        self.session_id = session_id
        self.role = role
        self.student_id = settings.student
        self.remark = ""
        """A sentence on which session was opened, where that is not just what was typed."""
        self._view = SessionView(journal, session_id)
        self._shown: tuple[SessionState, SyncStatus, TrustStatus] | None = None
        self._revision = 0
        self._told: list[str] = []
        self._lock = threading.RLock()

    @classmethod
    def open(cls, settings: Settings) -> Workspace:
        """Open what was set up before, or what an explicit session, role and bus name now.

        Raises :class:`NoSession` where nothing is set up, :class:`NotLive` where a ``.colearner/`` came with a clone, and
        the journal's own errors.
        """
        session_id, role = required(settings)
        if not settings.live:
            raise NotLive(
                f"{settings.root} brings a .colearner/ that was not set up on this machine, or was changed since.",
                "If you trust it: `colearner join INVITE`, or name the session yourself with --session.",
            )
        journal, _ = open_journal(settings.folder, settings.home)
        try:
            settings, remark = meant(journal, settings)
            session_id = settings.session or session_id
            with suppress(OtherBus):  # told by other_bus
                journal.follow(session_id, settings.bus.key)
            if settings.overrides.session:
                _record(settings, session_id)
        except BaseException:
            journal.close()
            raise
        workspace = cls(settings, journal, session_id, role)
        workspace.remark = remark
        return workspace

    @property
    def root(self) -> Path:
        """The workspace folder, resolved."""
        return self.settings.root

    @property
    def other_bus(self) -> OtherBus | None:
        """Set while the session is bound to another bus than the settings name: its events are kept, nothing moves."""
        bound, here = self.journal.bound_bus(self.session_id), self.settings.bus.key
        return None if bound in (None, here) else OtherBus(self.session_id, bound=bound, asked=here)

    def close(self) -> None:
        """Let go of the journal; what was written is safe already."""
        self.journal.close()

    def snapshot(self) -> Snapshot:
        """The state of the current session as the journal has it now."""
        with self._lock:
            state = self._view.refresh()
            me = self._learner()
            sync = sync_status(self.journal, self.settings)
            told = self.trust()
            trust = TrustStatus(told.verified, told.untrusted)
            return Snapshot(
                revision=self._revision_of(state, sync, trust),
                role=self.role,
                session_id=self.session_id,
                student_id=me.student_id or self.student_id,
                author=self.settings.author,
                session=state,
                me=me,
                sync=sync,
                sharing=self._sharing(me.sharing),
                notices=(*notices(self, trust), *self._told),
                trust=trust,
            )

    def trust(self) -> TrustView:
        """Whose word counts in the session, as the journal knows it: no keys are read and nothing is verified for it."""
        return self.journal.trust(self.session_id)

    def tell_untrusted(self) -> int:
        """How many untrusted events a person should be told of now, over all processes; 0: nobody needs to be told."""
        return self.journal.tell_untrusted(self.session_id)

    def session_state(self) -> SessionState:
        """The session's state alone; cheaper than a whole snapshot."""
        with self._lock:
            return self._view.refresh()

    def learner(self) -> LearnerState:
        """The learner this folder is about; cheaper than a whole snapshot."""
        with self._lock:
            self._view.refresh()
            return self._learner()

    def _learner(self) -> LearnerState:
        only = self.role == "student" and self.settings.student_named
        return self._view.learner(self.student_id, only=only)

    def project(self) -> None:
        """Bring ``lifecycle.jsonl`` and ``learning.json`` up to date, and store the fold now and then."""
        from colearner_ls.workspace.projecting import project

        with self._lock:
            for sentence in project(self):
                if sentence not in self._told:
                    self._told.append(sentence)

    def store_snapshot(self) -> None:
        """Store the fold now and then, so that the next start need not read all history."""
        with self._lock:
            self._view.store_snapshot()

    def _revision_of(self, state: SessionState, sync: SyncStatus, trust: TrustStatus) -> int:
        if self._shown is None or self._shown[0] is not state or self._shown[1:] != (sync, trust):
            self._shown = (state, sync, trust)
            self._revision += 1
        return self._revision

    def _sharing(self, told: str | None) -> str:
        order = ("auto", "ask", "off")
        mine = self.settings.sharing
        return max((mine, told or mine), key=order.index) if told in order else mine

    def write(
        self,
        outgoing: Outgoing,
        *,
        before: Sequence[Outgoing] = (),
        exercise_id: str | None = None,
        evidence: tuple[str, ...] = (),
    ) -> Written:
        """Store one event (and those ``before`` it) with its outbox row; durable when this returns.

        Raises :class:`NotYours` where the role may not say it, :class:`~.keys.KeyDoesNotCount` where every reader would
        call it untrusted, and what building the envelope raises.
        """
        written = self.write_once(outgoing, before=before, exercise_id=exercise_id, evidence=evidence)
        assert written is not None  # only a claim can make it None
        return written

    def write_once(
        self,
        outgoing: Outgoing,
        *,
        claim: str | None = None,
        before: Sequence[Outgoing] = (),
        exercise_id: str | None = None,
        evidence: tuple[str, ...] = (),
    ) -> Written | None:
        """Like :meth:`write`, but only if ``claim`` was not taken yet by any process; else ``None``."""
        if self.role == "coach":
            from colearner_ls.workspace.keys import check_counts

            check_counts(self)
        drafts = [self._draft(each) for each in (*before, outgoing)]
        stored = self.journal.append(drafts, claim=claim)
        if not stored:
            return None
        self.project()
        event = stored[-1].event
        return Written(
            event_id=event.id,
            event_type=event.event_type,
            session_id=event.session_id,
            student_id=event.student_id,
            exercise_id=exercise_id,
            evidence=evidence,
            delivery=self.delivery(event.id),
        )

    def check_may_say(self, event_type: str) -> None:
        """Raise :class:`NotYours` where the role of this folder may not say that."""
        from colearner_ls.contracts.catalogue import may_say

        if not may_say(event_type, self.role):
            other = "student" if self.role == "coach" else "coach"
            raise NotYours(
                f"A {self.role} cannot say {event_type}.",
                f"Only a {other} can; this folder's role is “{self.role}” (change it with --role or in config.toml).",
            )

    def _draft(self, outgoing: Outgoing) -> Draft:
        self.check_may_say(outgoing.event_type)
        student = self.student_id or self.snapshot().me.student_id
        payload: dict[str, Any] = dict(outgoing.payload)
        if student is not None:
            payload.setdefault("student_id", student)
        return Draft(
            outgoing.event_type,
            self.role,
            self.session_id,
            payload,
            student_id=student,
            author=self.settings.author,
            causation_id=outgoing.causation_id,
            correlation_id=outgoing.correlation_id,
            event_id=outgoing.event_id,
        )

    def delivery(self, event_id: str) -> Any:
        """Where an own event stands now: ``sent``, ``local`` (on this machine's bus) or ``kept``."""
        return delivery_of(self.journal, self.settings, event_id)

    def claim(self, key: str) -> bool:
        """Take an automatic action for this process; false where another one has it already."""
        return self.journal.claim(key)

    def do(self, request: UseCase) -> Written | None:
        """Carry out any use case by its request (:mod:`.requests`); ``None`` only for a receipt sent already."""
        from colearner_ls.workspace.use_cases import carry_out

        return carry_out(self, request)

    def preview(self, request: Submit | ShareEvidence) -> Preview:
        """What that request would send, without sending it."""
        from colearner_ls.workspace.requests import Submit
        from colearner_ls.workspace.submitting import preview_evidence, preview_submission

        if isinstance(request, Submit):
            return preview_submission(self, request)
        return preview_evidence(self, request)

    def saved(self, paths: Sequence[str]) -> Written | None:
        """Files were saved in an editor; see :func:`.saving.saved`."""
        from colearner_ls.workspace.saving import saved

        return saved(self, paths)

    def put_link(self, target_id: str, exercise_id: str) -> None:
        """Remember which exercise a submission or feedback belongs to, said by hand."""
        self.journal.local.put("link", target_id, {"exercise_id": exercise_id}, session=self.session_id)
        self._view.forget_links()

    def keep_config(self, changes: Mapping[str, Any]) -> None:
        """Write values into ``config.toml``, leaving everything else in it as it is."""
        write_config(self.root, changes)

    def watch(self, changed: Callable[[], None]) -> Tail:
        """Call ``changed`` from a thread after every commit of any process, until the result is closed."""
        from colearner_ls.journal.tail import Tail  # with sockets and logging, which a look at the state does without

        return Tail(self.journal, lambda _news: changed())

    def history(self, types: Sequence[str] = (), *, after_row: int = 0, limit: int | None = None) -> list[Stored]:
        """Events of the session: in the order of the fold, or after ``after_row`` in journal order."""
        if after_row:  # noqa: SIM108 - two sentences read better than one long one
            events = self.journal.events(self.session_id, after_row=after_row)
        else:
            events = self.journal.events_in_order(self.session_id)
        chosen = [stored for stored in events if not types or stored.event.event_type in types]
        return chosen if limit is None else chosen[-limit:]

    def find(self, given: str) -> str:
        """The id that ``given`` means: whole, or a unique beginning or end of 4 characters or more.

        Event ids and exercise ids are looked at. Raises :class:`UnknownTarget`, :class:`AmbiguousId`.
        """
        me = self.snapshot().me
        known = {exercise.id for exercise in me.exercises}
        if given in known:
            return given
        events = self.journal.find(given) if len(given) >= SHORTEST_ID else ()
        found = {stored.event.id for stored in events if stored.event.session_id == self.session_id}
        if given in found:
            return given
        if len(given) >= SHORTEST_ID:
            found |= {each for each in known if each.startswith(given) or each.endswith(given)}
        return _only(given, found)

    def find_exercise(self, given: str) -> Exercise:
        """The exercise that ``given`` means, by its id or by that of the event that assigned it."""
        exercises = self.snapshot().me.exercises
        for exercise in exercises:
            if given in (exercise.id, exercise.event_id):
                return exercise
        matching = {
            exercise.id: exercise
            for exercise in exercises
            for each in (exercise.id, exercise.event_id)
            if len(given) >= SHORTEST_ID and (each.startswith(given) or each.endswith(given))
        }
        return matching[_only(given, set(matching), "exercise")]

    def find_stuck(self, given: str) -> Stuck:
        """The stuck report that ``given`` means."""
        reports = {report.id: report for report in self.snapshot().me.stuck}
        matching = {
            each for each in reports if len(given) >= SHORTEST_ID and (each.startswith(given) or each.endswith(given))
        }
        return reports[given] if given in reports else reports[_only(given, matching, "stuck report")]

    def open_exercise(self, given: str | None, *, required: bool = True) -> Any:
        """The exercise named, else the one that is open.

        Raises :class:`BadInput` where ``required`` and none or several are open, with their ids.
        """
        if given is not None:
            return self.find_exercise(given)
        unfinished = [each for each in self.snapshot().me.exercises if each.status in UNFINISHED]
        candidates = [each for each in unfinished if each.status in STUDENTS_TURN] or unfinished
        if len(candidates) == 1:
            return candidates[0]
        if not required:
            return None
        if not candidates:
            raise BadInput("No exercise is open here.", "`colearner status` shows what there is.")
        names = ", ".join(f"{each.id[-8:]} ({each.title or each.topic})" for each in candidates)
        raise BadInput(f"Several exercises are open: {names}.", "Name the one you mean.")


def _only(given: str, found: set[str], what: str = "event or exercise") -> str:
    if len(found) == 1:
        return next(iter(found))
    if found:
        raise AmbiguousId(given, tuple(sorted(found)))
    short = f" (give at least {SHORTEST_ID} characters)" if len(given) < SHORTEST_ID else ""
    raise UnknownTarget(
        f"No {what} here goes by “{given}”{short}.", "`colearner status` and `colearner history` show the ids."
    )


def _record(settings: Settings, session_id: str) -> None:
    """Record a folder whose session was named explicitly. A look at another session, or over another bus, leaves a
    folder that was set up here live as it was set up."""
    registry, bus = Registry(settings.home), settings.bus.key
    entry = registry.get(settings.root)
    of_folder = read_config(settings.root).get("session")
    if entry is not None and entry.session == of_folder and (session_id != of_folder or settings.overrides.bus):
        return
    if entry is None or (entry.bus, entry.session) != (bus, session_id):
        how: How = "session" if settings.overrides.label == "command line" else "editor"
        registry.record(settings.root, bus=bus, session=session_id, how=how)


def required(settings: Settings) -> tuple[str, str]:
    """Session and role, or :class:`NoSession` naming the command that sets them up; `BadInput` for no session id."""
    if settings.session is None:
        raise NoSession(
            f"There is no session in {settings.root}.",
            "A coach sets one up with `colearner init --role coach`, a student with `colearner join INVITE`.",
        )
    if settings.role is None:
        raise NoSession(
            f"It is not known who you are in {settings.root}.",
            "Say --role coach or --role student, or set the folder up with `colearner init` or `colearner join`.",
        )
    check_session_id(settings.session)
    return settings.session, settings.role
