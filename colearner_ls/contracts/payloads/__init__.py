"""The payload of every event of the catalogue, newest version, as a pydantic model (contracts.md, *Catalogue*).

The models judge, they do not convert: types are strict (``"3"`` and ``true`` are no integers), unknown fields are kept,
``null`` in an optional field is the same as no field.
"""

from colearner_ls.contracts.payloads.coaching import (
    BlockerDismissed,
    CoachHint,
    HintAck,
    StuckReported,
    StuckResolved,
    StudentsLinked,
    StudentsUnlinked,
)
from colearner_ls.contracts.payloads.evidence import (
    EvidenceDeclined,
    EvidenceRequest,
    EvidenceSnapshot,
    EvidenceWithdrawn,
    ScopePolicy,
    SharingChanged,
)
from colearner_ls.contracts.payloads.exercises import (
    AssessmentFeedback,
    AssessmentFeedbackAck,
    ExerciseAssigned,
    ExerciseAssignedAck,
    ExerciseSubmission,
    ExerciseSubmissionAck,
    ExerciseWithdrawn,
    Mistake,
    TestRun,
)
from colearner_ls.contracts.payloads.parts import Anchor, LineRange, Occurrence, Part, Payload, Quote
from colearner_ls.contracts.payloads.progress import ChangedFile, LearningPlan, PlanStep, ProgressUpdate
from colearner_ls.contracts.payloads.sessions import (
    KeyAdded,
    KeyRevoked,
    Lifecycle,
    Repo,
    SessionClosed,
    SessionStarted,
)

__all__ = [
    "Anchor",
    "AssessmentFeedback",
    "AssessmentFeedbackAck",
    "BlockerDismissed",
    "ChangedFile",
    "CoachHint",
    "EvidenceDeclined",
    "EvidenceRequest",
    "EvidenceSnapshot",
    "EvidenceWithdrawn",
    "ExerciseAssigned",
    "ExerciseAssignedAck",
    "ExerciseSubmission",
    "ExerciseSubmissionAck",
    "ExerciseWithdrawn",
    "HintAck",
    "KeyAdded",
    "KeyRevoked",
    "LearningPlan",
    "Lifecycle",
    "LineRange",
    "Mistake",
    "Occurrence",
    "Part",
    "Payload",
    "PlanStep",
    "ProgressUpdate",
    "Quote",
    "Repo",
    "ScopePolicy",
    "SessionClosed",
    "SessionStarted",
    "SharingChanged",
    "StuckReported",
    "StuckResolved",
    "StudentsLinked",
    "StudentsUnlinked",
    "TestRun",
]
