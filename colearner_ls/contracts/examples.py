"""One example payload for every row of the catalogue, for the documentation and the AsyncAPI description."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_ANCHOR: Final = {
    "path": "src/graph.py",
    "quote": {"exact": "def visit(node):", "prefix": "\n\n", "suffix": "\n    seen.add(node)"},
    "occurrence": {"nth": 1, "of": 1, "alike": 1},
    "range": {"start_line": 12, "end_line": 12},
    "symbol": "visit",
    "sha256": "5d6b2a0d2f7c9f3f6f2d8f0f5a0c8f0b6f6f4f0d4a8e8f1c3b2a190807060504",
}
_EXERCISE_ID: Final = "019bd9c5-5c00-7000-8000-000000000001"
_SUBMISSION_ID: Final = "019bd9c5-5c00-7000-8000-000000000002"
_FEEDBACK_ID: Final = "019bd9c5-5c00-7000-8000-000000000003"
_REQUEST_ID: Final = "019bd9c5-5c00-7000-8000-000000000004"
_STUCK_ID: Final = "019bd9c5-5c00-7000-8000-000000000005"
_EVIDENCE_ID: Final = "019bd9c5-5c00-7000-8000-000000000006"
_HINT_ID: Final = "019bd9c5-5c00-7000-8000-000000000007"
_HASH: Final = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_COMMIT: Final = "3f786850e387550fdab836ed7e6dc881de23001b"

EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "session_started": {
            "session_id": "onboarding-01",
            "student_id": "sam",
            "coach_id": "kim",
            "title": "Onboarding to service X",
            "repo": {"remote": "https://git.example/service-x.git", "commit": _COMMIT},
        },
        "learning_plan": {
            "goals": ["onboard to service X"],
            "plan": [
                {"id": "step-1", "topic": "repo overview", "status": "next"},
                {"id": "step-2", "topic": "dependency graph", "status": "todo"},
            ],
        },
        "exercise_assigned": {
            "topic": "dependency graph",
            "exercise": "Make visit() cope with cycles.",
            "expected": "Every node is visited once.",
            "tests": ["python -m unittest tests.test_graph"],
            "exercise_id": "ex-1",
            "step_id": "step-2",
            "title": "Cycles",
            "anchors": [_ANCHOR],
            "hints": ["What does seen hold when visit() is called again?"],
            "due": "2026-01-27T12:00:00Z",
        },
        "exercise_withdrawn": {"exercise_id": "ex-1", "reason": "The module is being rewritten."},
        "exercise_assigned_ack": {"status": "accepted", "exercise_id": _EXERCISE_ID, "note": "On it."},
        "exercise_submission": {
            "exercise_id": _EXERCISE_ID,
            "response": "visit() now returns early for a node in seen.",
            "evidence": [_EVIDENCE_ID],
            "test_runs": [
                {
                    "command": "python -m unittest tests.test_graph",
                    "exit_code": 0,
                    "duration_s": 0.42,
                    "output_sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                    "tail": "Ran 3 tests in 0.1s\n\nOK\n",
                    "passed": 3,
                    "failed": 0,
                }
            ],
            "confidence": 0.7,
        },
        "exercise_submission_ack": {
            "status": "received",
            "exercise_id": _EXERCISE_ID,
            "submission_id": _SUBMISSION_ID,
        },
        "assessment_feedback": {
            "grade": "revise",
            "mistakes": [
                "The test has no cycle of one node.",
                {"text": "seen is shared between calls.", "anchor": _ANCHOR},
            ],
            "next_step": "Pass seen as an argument.",
            "confidence_delta": 0.1,
            "exercise_id": _EXERCISE_ID,
            "submission_id": _SUBMISSION_ID,
            "topic": "dependency graph",
        },
        "assessment_feedback_ack": {"status": "addressed", "feedback_id": _FEEDBACK_ID, "mistake": 1, "note": "Done."},
        "progress_update": {
            "completed": ["step-1"],
            "confidence": {"repo overview": 0.8},
            "active_step": "step-2",
            "files_changed": [
                {
                    "path": "src/graph.py",
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "bytes": 2048,
                }
            ],
            "files_total": 1,
            "from_commit": _COMMIT,
            "to_commit": "89e6c98d92887913cadf06b2adb97f26cde4849b",
            "blockers": ["The staging database is down."],
        },
        "evidence_snapshot": {
            "path": "src/graph.py",
            "hash": _HASH,
            "snippet": "def visit(node):\n    if node in seen:\n        return\n",
            "range": {"start_line": 12, "end_line": 14},
            "hunks": [{"start_line": 13, "end_line": 14}],
            "language": "python",
            "note": "The early return.",
            "summary": "visit() returns early for a node it has seen.",
            "exercise_id": _EXERCISE_ID,
            "request_id": _REQUEST_ID,
            "trigger": "submit",
            "dirty": False,
            "deleted": False,
            "commit": _COMMIT,
            "redactions": [],
            "truncated": False,
        },
        "evidence_request": {
            "path": "tests/test_*.py",
            "reason": "To see which cases are tested.",
            "exercise_id": _EXERCISE_ID,
            "range": {"start_line": 1, "end_line": 40},
        },
        "evidence_declined": {"request_id": _REQUEST_ID, "reason": "out_of_scope", "note": "Not part of the exercise."},
        "evidence_withdrawn": {"writer_seq": 17},
        "sharing_changed": {"mode": "ask"},
        "scope_policy": {
            "scope": "service-x",
            "allow": ["src/**", "tests/**"],
            "deny": ["**/*.pem", "secrets/"],
            "max_snippet_bytes": 16384,
            "share": "ask",
            "commands": ["python -m unittest tests.test_graph"],
        },
        "stuck_reported": {
            "summary": "I do not see where seen is emptied.",
            "session_id": "onboarding-01",
            "exercise_id": _EXERCISE_ID,
            "branch": "main",
            "commit": _COMMIT,
            "step_id": "step-2",
            "step_topic": "dependency graph",
            "anchor": _ANCHOR,
            "evidence_pack": [{"path": "src/graph.py", "hash": _HASH, "snippet": "seen = set()\n"}],
        },
        "stuck_resolved": {"stuck_id": _STUCK_ID, "note": "It never is; that is the mistake."},
        "coach_hint": {
            "hint": "Look for where seen is created.",
            "session_id": "onboarding-01",
            "exercise_id": _EXERCISE_ID,
            "anchor": _ANCHOR,
            "stuck_id": _STUCK_ID,
        },
        "hint_ack": {"note": "That helped.", "session_id": "onboarding-01", "hint_id": _HINT_ID},
        "blocker_dismissed": {
            "rule": "tests-failing",
            "cause": _SUBMISSION_ID,
            "until": "2026-01-21T12:00:00Z",
            "note": "We have talked about it.",
        },
        "students_linked": {"student_ids": ["sam", "sam-laptop"]},
        "students_unlinked": {"student_ids": ["sam", "sam-laptop"]},
        "key_added": {
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "role": "coach",
            "note": "New laptop.",
        },
        "key_revoked": {
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "role": "coach",
            "note": "Lost laptop.",
        },
        "lifecycle": {"stage": "practice", "note": "First exercise is out."},
        "session_closed": {"session_id": "onboarding-01", "summary": {"exercises": 3, "passed": 3}},
    }
)
"""Event type → a payload of its newest version in which every field stands, all made up."""


def example_envelope(event_type: str, actor: str, *, version: int = 1) -> dict[str, Any]:
    """Return a whole event as we would write it, around the example payload."""
    return {
        "ts": "2026-01-20T12:00:00.000000Z",
        "actor": actor,
        "session_id": "onboarding-01",
        "event_type": event_type,
        "payload": {**EXAMPLES[event_type], "student_id": "sam"},
        "id": "019bdb5a-6800-7000-8000-00000000000a",
        "hlc": 1768910400000000,
        "version": version,
        "student_id": "sam",
        "author": f"{'kim' if actor == 'coach' else 'sam'}@1f2e3d4c",
        "writer": "019bd9c5-5c00-7000-8000-0000000000ff",
        "seq": 1,
        "causation_id": _EXERCISE_ID,
        "correlation_id": _EXERCISE_ID,
    }
