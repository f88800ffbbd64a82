"""Payloads of exercises, submissions and feedback."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from colearner_ls.contracts.payloads.parts import Anchor, Count, Fraction, Part, Payload

EXERCISE_ID = "The exercise it belongs to; absent: worked out by the matching rules."


class ExerciseAssigned(Payload):
    """Payload of ``exercise_assigned``."""

    topic: str = Field(description="What it is about; the key of its confidence.")
    exercise: str = Field(description="The task.")
    expected: str | None = Field(default=None, description="What a good answer has.")
    tests: list[str] | None = Field(default=None, description="Command lines that show it is done; words, not actions.")
    exercise_id: str | None = Field(default=None, description="Names the exercise; absent: the id of this event.")
    step_id: str | None = Field(default=None, description="The step of the plan that it belongs to.")
    title: str | None = Field(default=None, description="A short name.")
    anchors: list[Anchor] | None = Field(default=None, description="The places in the code that it is about.")
    hints: list[str] | None = Field(default=None, description="Hints, from the gentlest on.")
    due: str | None = Field(default=None, description="When it should be done (RFC 3339).")


class ExerciseWithdrawn(Payload):
    """Payload of ``exercise_withdrawn``."""

    exercise_id: str = Field(description="The exercise that is no longer wanted.")
    reason: str | None = Field(default=None, description="Why.")


class ExerciseAssignedAck(Payload):
    """Payload of ``exercise_assigned_ack``."""

    status: Literal["received", "accepted", "declined", "completed"] = Field(
        description="`received` is a program's receipt; the others are the student's word."
    )
    exercise_id: str | None = Field(default=None, description=EXERCISE_ID)
    note: str | None = Field(default=None, description="A remark.")


class TestRun(Part):
    """One run of one command line."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    command: str = Field(description="The command line as it was agreed to and run.")
    exit_code: int | None = Field(default=None, description="Its exit code; below 0: ended by that signal.")
    duration_s: Annotated[float, Field(ge=0)] | None = Field(default=None, description="How long it took, in seconds.")
    output_sha256: str | None = Field(default=None, description="SHA-256 of the whole output.")
    tail: str | None = Field(default=None, description="The end of the output, screened.")
    passed: Count | None = Field(default=None, description="Number of tests that passed.")
    failed: Count | None = Field(default=None, description="Number of tests that failed.")


class ExerciseSubmission(Payload):
    """Payload of ``exercise_submission``."""

    exercise_id: str = Field(description="The exercise that it answers; peers send what a person typed.")
    response: str | None = Field(default=None, description="The answer in words.")
    evidence: list[str] | None = Field(default=None, description="Event ids of the `evidence_snapshot`s.")
    test_runs: list[TestRun] | None = Field(default=None, description="What running the tests gave.")
    confidence: Fraction | None = Field(default=None, description="How sure the student is, 0 to 1.")


class ExerciseSubmissionAck(Payload):
    """Payload of ``exercise_submission_ack``."""

    status: str = Field(description="A word such as `received`.")
    exercise_id: str | None = Field(default=None, description=EXERCISE_ID)
    submission_id: str | None = Field(default=None, description="Event id of the submission.")


class Mistake(Part):
    """One mistake, at its place where it has one."""

    text: str = Field(description="What is wrong.")
    anchor: Anchor | None = Field(default=None, description="Where.")


class AssessmentFeedback(Payload):
    """Payload of ``assessment_feedback``."""

    grade: Literal["pass", "revise"] = Field(description="The verdict.")
    mistakes: list[str | Mistake] | None = Field(default=None, description="What is wrong: text, or text and anchor.")
    next_step: str | None = Field(default=None, description="What to do now.")
    confidence_delta: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        default=None, description="Moves the confidence of the topic by this much, -1 to 1."
    )
    exercise_id: str | None = Field(default=None, description=EXERCISE_ID)
    submission_id: str | None = Field(default=None, description="Event id of the submission that is assessed.")
    topic: str | None = Field(default=None, description="Whose confidence moves; absent: the exercise's topic.")


class AssessmentFeedbackAck(Payload):
    """Payload of ``assessment_feedback_ack``."""

    status: Literal["read", "addressed"] = Field(description="`read`, or `addressed`: dealt with.")
    feedback_id: str | None = Field(default=None, description="Event id of the feedback.")
    mistake: Count | None = Field(default=None, description="Which mistake was addressed, counted from 0.")
    note: str | None = Field(default=None, description="A remark.")
