"""Submitting work and sharing evidence: what would leave is shown first, then stored in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.ids import new_id
from colearner_ls.domain.anchors import Anchor
from colearner_ls.domain.paths import UnsafePath, safe_path
from colearner_ls.domain.state import Exercise
from colearner_ls.evidence.capture import Capture, CaptureRefused, capture
from colearner_ls.evidence.redaction import redact
from colearner_ls.workspace.places import line_count, read_text, relative_path
from colearner_ls.workspace.requests import Place, ShareEvidence, Submit
from colearner_ls.workspace.results import Preview, PreviewItem, PreviewRequired, Written
from colearner_ls.workspace.screening import screened
from colearner_ls.workspace.writing import Outgoing, without_nothing

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace

DEFAULT_MAX_SNIPPET_BYTES = 16 * 1024
"""trust.md, *Limits*."""


def preview_submission(ws: Workspace, request: Submit) -> Preview:
    """What :func:`submit` would send, without sending it."""
    exercise = _to_submit(ws, request)
    captures, left_out = _captures(ws, exercise, request)
    words = redact(request.response)
    return Preview(exercise.id, tuple(_item(shot) for shot in captures), words.text, words.counts, tuple(left_out))


def submit(ws: Workspace, request: Submit) -> Written:
    """Submit an exercise: snapshots of its anchored files and of ``evidence``, and the submission, all or nothing.

    Raises :class:`PreviewRequired` (with the preview) unless ``confirmed``.
    """
    exercise = _to_submit(ws, request)
    if request.confidence is not None and not 0 <= request.confidence <= 1:
        raise BadInput(f"A confidence of {request.confidence} is out of range.", "Accepted: 0 to 1.")
    captures, left_out = _captures(ws, exercise, request)
    words = redact(request.response)
    if not request.confirmed:
        items = tuple(_item(shot) for shot in captures)
        raise PreviewRequired(Preview(exercise.id, items, words.text, words.counts, tuple(left_out)))
    evidence = [_evidence(shot, exercise, trigger="submit") for shot in captures]
    ids = tuple(outgoing.event_id for outgoing in evidence if outgoing.event_id)
    payload = without_nothing(
        {
            "exercise_id": exercise.id,
            "response": words.text or None,
            "evidence": list(ids),
            "confidence": request.confidence,
        }
    )
    submission = Outgoing(
        "exercise_submission", payload, causation_id=exercise.event_id, correlation_id=exercise.event_id
    )
    return ws.write(submission, before=evidence, exercise_id=exercise.id, evidence=ids)


def _to_submit(ws: Workspace, request: Submit) -> Exercise:
    """The exercise to submit. Whose turn it is and whether it is still wanted is said before anything is shown."""
    ws.check_may_say("exercise_submission")
    exercise: Exercise = ws.open_exercise(request.exercise_id)
    if exercise.status == "withdrawn":
        raise BadInput(
            f"Exercise {exercise.id[-8:]} was withdrawn by the coach.", "`colearner inbox` lists what is wanted."
        )
    return exercise


def preview_evidence(ws: Workspace, request: ShareEvidence) -> Preview:
    """What :func:`share_evidence` would send, without sending it."""
    ws.check_may_say("evidence_snapshot")
    exercise = ws.open_exercise(request.exercise_id, required=False)
    shot = _capture_place(ws, request.place, request.buffers)
    return Preview(exercise.id if exercise else None, (_item(shot),), screened(request.note) or "")


def share_evidence(ws: Workspace, request: ShareEvidence) -> Written:
    """Share one snapshot. Raises :class:`PreviewRequired` unless ``confirmed``, :class:`CaptureRefused` for what may not leave."""
    ws.check_may_say("evidence_snapshot")
    exercise = ws.open_exercise(request.exercise_id, required=False)
    shot = _capture_place(ws, request.place, request.buffers)
    if not request.confirmed:
        exercise_id = exercise.id if exercise else None
        raise PreviewRequired(Preview(exercise_id, (_item(shot),), screened(request.note) or ""))
    outgoing = _evidence(
        shot,
        exercise,
        trigger="request" if request.request_id else None,  # unasked: none of the catalogue's words fits
        note=screened(request.note),
        request_id=ws.find(request.request_id) if request.request_id else None,
    )
    return ws.write(outgoing, exercise_id=exercise.id if exercise else None)


def _captures(ws: Workspace, exercise: Exercise, request: Submit) -> tuple[list[Capture], list[tuple[str, str]]]:
    captures: list[Capture] = []
    left_out: list[tuple[str, str]] = []
    for path, anchors in anchors_by_path(exercise.anchors).items():
        if path in request.exclude:
            left_out.append((path, "left out by you"))
            continue
        try:
            captures.append(_capture(ws, path, request.buffers, anchors))
        except CaptureRefused as refused:
            left_out.append((path, refused.message))
    captures.extend(_capture_place(ws, place, request.buffers) for place in request.evidence)
    return captures, left_out


def anchors_by_path(anchors: Sequence[Mapping[str, Any]]) -> dict[str, list[Anchor]]:
    """Anchors grouped by file, in order of first mention; anchors with a hostile path are dropped here."""
    grouped: dict[str, list[Anchor]] = {}
    for payload in anchors:
        anchor = Anchor.from_payload(payload)
        try:
            path = safe_path(anchor.path)
        except UnsafePath:
            continue
        grouped.setdefault(path, []).append(anchor)
    return grouped


def _capture_place(ws: Workspace, place: Place, buffers: Mapping[str, str]) -> Capture:
    path = relative_path(ws.root, place.path)
    if place.start_line is None:
        if not (ws.root / path).exists() and path not in buffers:
            raise BadInput(f"There is no file {path} in {ws.root}.", "Name it relative to the workspace.")
        return _capture(ws, path, buffers, [])
    count = line_count(read_text(ws, path, buffers))
    end = place.end_line or place.start_line
    if not 1 <= place.start_line <= end <= count:
        raise BadInput(f"{path} has no lines {place.start_line}-{end}.", f"It has {count} lines.")
    return _capture(ws, path, buffers, [], lines=(place.start_line, end))


def _capture(
    ws: Workspace,
    path: str,
    buffers: Mapping[str, str],
    anchors: Sequence[Anchor],
    lines: tuple[int, int] | None = None,
) -> Capture:
    policy = ws.snapshot().session.scope_policy or {}
    limit = policy.get("max_snippet_bytes")
    return capture(
        ws.root,
        path,
        buffer=buffers.get(path),
        anchors=tuple(anchors),
        lines=lines,
        max_snippet_bytes=min(limit, DEFAULT_MAX_SNIPPET_BYTES)
        if isinstance(limit, int)
        else DEFAULT_MAX_SNIPPET_BYTES,
    )


def _item(shot: Capture) -> PreviewItem:
    snippet = shot.snippet or ""
    return PreviewItem(
        path=shot.path,
        start_line=shot.range[0] if shot.range else None,
        end_line=shot.range[1] if shot.range else None,
        bytes=len(snippet.encode()),
        hash=shot.hash,
        dirty=shot.dirty,
        deleted=shot.deleted,
        truncated=shot.truncated,
        redactions=shot.redactions,
        snippet=snippet,
    )


def _evidence(
    shot: Capture,
    exercise: Exercise | None,
    *,
    trigger: str | None,
    note: str | None = None,
    request_id: str | None = None,
) -> Outgoing:
    payload = {
        **shot.to_payload(),
        "exercise_id": exercise.id if exercise else None,
        "trigger": trigger,
        "note": note,
        "request_id": request_id,
    }
    return Outgoing(
        "evidence_snapshot",
        without_nothing(payload),
        event_id=new_id(),
        causation_id=request_id,
        correlation_id=exercise.event_id if exercise else None,
    )
