"""Setting a folder up: ``init`` and ``join``, with the keys that go with them (trust.md, *Who said it*)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colearner_ls.contracts.errors import BadInput
from colearner_ls.journal.journal import make_folder
from colearner_ls.journal.registry import How, Registry
from colearner_ls.workspace.config_file import write_config
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.invite import Invite, parse_invite
from colearner_ls.workspace.joining import Joined, check_key, check_own_session, is_own, own_key, pin, root_key
from colearner_ls.workspace.requests import InitSession, JoinSession
from colearner_ls.workspace.results import Written
from colearner_ls.workspace.settings import Overrides, Settings, check_session_id, read_config, resolve
from colearner_ls.workspace.writing import Outgoing, without_nothing

if TYPE_CHECKING:
    from colearner_ls.contracts.signing import PublicKey


def set_up(settings: Settings, request: InitSession | JoinSession, env: Mapping[str, str]) -> tuple[Workspace, Written]:
    """Set the folder up and say ``session_started``; a coach's result carries the invite as its text.

    Who sits here gets a key. A coach who begins a session pins it; whoever joins pins the invite's. Doing it again with
    the same session changes nothing that is there. Raises :class:`BadInput` for another session than the one set up here
    and for an invite that cannot be used, :class:`~.joining.OtherKeyPinned` for one that names another key than the one
    agreed to, and :class:`~colearner_ls.journal.keys.KeyFileError` for a key that others can read.
    """
    if isinstance(request, JoinSession):
        return _join(settings, parse_invite(request.invite), env)
    return _init(settings, request, env)


def join_as_coach(settings: Settings, request: JoinSession, env: Mapping[str, str]) -> tuple[Workspace, Joined]:
    """Set the folder up as one more coach's, or as that of the same coach on another machine. Raises as :func:`set_up`.

    Nothing is said: until a coach whose key counts has added this one, every reader would call it untrusted.
    """
    invite = parse_invite(request.invite)
    student = settings.overrides.student or invite.student
    workspace, key = _joined(settings, invite, env, role="coach", student=student)
    return workspace, Joined(workspace.session_id, key.kid, key.text)


def _init(settings: Settings, request: InitSession, env: Mapping[str, str]) -> tuple[Workspace, Written]:
    session = request.session_id or settings.session or str(uuid.uuid4())
    check_session_id(session)
    student = request.student_id or settings.student
    if request.role == "student":
        student = student or settings.author
    _check_free(settings, request.role, session)
    key = own_key(settings)
    if request.role == "coach":
        check_own_session(settings, session, key)
    workspace = _prepared(settings, env, role=request.role, session=session, student=student, bus=None)
    if request.role == "coach" and is_own(workspace):
        pin(workspace, key, "init")
    coach = request.coach_id or (workspace.settings.author if request.role == "coach" else None)
    title = request.title or workspace.session_state().title or None
    written = _say_started(workspace, student, coach, title)
    if request.role == "coach":
        invite = Invite(workspace.settings.bus.portable, session, student, coach, title, root_key(workspace))
        written = replace(written, text=invite.url)
    return workspace, written


def _join(settings: Settings, invite: Invite, env: Mapping[str, str]) -> tuple[Workspace, Written]:
    student = settings.overrides.student or invite.student or settings.author
    workspace, _ = _joined(settings, invite, env, role="student", student=student)
    return workspace, _say_started(workspace, student, invite.coach, invite.title)


def _joined(
    settings: Settings, invite: Invite, env: Mapping[str, str], *, role: str, student: str | None
) -> tuple[Workspace, PublicKey]:
    """The folder set up from an invite, and the own key. Everything that can be refused is, before anything is kept."""
    check_session_id(invite.session)
    _check_free(settings, role, invite.session)
    coach_key = check_key(settings.home, invite)
    own = own_key(settings)
    bus = None if settings.overrides.bus else invite.bus
    workspace = _prepared(settings, env, role=role, session=invite.session, student=student, bus=bus)
    if coach_key is not None:
        pin(workspace, coach_key, "invite")
    return workspace, own


def _say_started(workspace: Workspace, student: str | None, coach: str | None, title: str | None) -> Written:
    """Say ``session_started``, unless the same was said from here before."""
    outgoing = _started(workspace, student, coach, title)
    wanted = {name: outgoing.payload.get(name) for name in ("student_id", "coach_id", "title")}
    for stored in workspace.history(["session_started"]):
        event = stored.event
        said = {name: event.payload.get(name) for name in wanted}
        if stored.delivery is not None and event.actor == workspace.role and said == wanted:
            delivery = workspace.delivery(event.id)
            return Written(event.id, event.event_type, event.session_id, event.student_id, delivery=delivery)
    return workspace.write(outgoing)


def _prepared(
    settings: Settings, env: Mapping[str, str], *, role: str, session: str, student: str | None, bus: str | None
) -> Workspace:
    overrides = Overrides(role, session, student, settings.overrides.author, bus or settings.overrides.bus)
    chosen = resolve(settings.root, overrides, env)
    make_folder(chosen.folder)
    if chosen.bus.path is not None and role == "coach":
        _make_bus_folder(chosen.bus.path.parent)
    named_bus = bus or settings.overrides.bus
    write_config(
        chosen.root,
        {
            "role": role,
            "session": session,
            "student": student,
            "author": settings.overrides.author,
            "bus": str(chosen.bus) if named_bus else None,
        },
    )
    how: How = "join" if bus else "init"
    Registry(chosen.home).record(chosen.root, bus=chosen.bus.key, session=session, how=how)
    kept = Overrides(author=settings.overrides.author, bus=settings.overrides.bus)
    return Workspace.open(resolve(chosen.root, kept, env))


def _make_bus_folder(folder: Path) -> None:
    """The embedded bus makes its file, never its folder: a folder that is away must not come back empty by itself."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"The folder of the bus, {folder}, cannot be made: {error.strerror}.",
            "Name another place with --bus sqlite:///…/bus.db.",
        ) from error


def _check_free(settings: Settings, role: str, session: str) -> None:
    """A folder that was set up here keeps its session and its role; a clone's config is nobody's word."""
    entry = Registry(settings.home).get(settings.root)
    config = read_config(settings.root)
    if entry is None or entry.session != config.get("session"):
        return
    if entry.session not in (None, session):
        raise BadInput(
            f"{settings.root} already belongs to session “{entry.session}”.",
            "Use another folder for another session, or remove session from .colearner/config.toml first.",
        )
    if config.get("role") not in (None, role):
        raise BadInput(
            f"{settings.root} is set up as the {config['role']}'s folder of this session.",
            f"Join as a {role} in a checkout of its own.",
        )


def _started(workspace: Workspace, student: str | None, coach: str | None, title: str | None) -> Outgoing:
    from colearner_ls.evidence.git import head_commit, remote_url

    repo: dict[str, Any] = without_nothing(
        {"remote": remote_url(workspace.root), "commit": head_commit(workspace.root)}
    )
    return Outgoing(
        "session_started",
        without_nothing(
            {
                "session_id": workspace.session_id,
                "student_id": student,
                "coach_id": coach,
                "title": title,
                "repo": repo or None,
            }
        ),
    )
