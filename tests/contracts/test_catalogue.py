"""The table type → topic and who may say it, against the design's tables written out by hand."""

from __future__ import annotations

import pytest

from colearner_ls.contracts.catalogue import CATALOGUE, EVENTS, TOPICS, may_say, model_for, row_of, topic_for
from colearner_ls.contracts.errors import BadInput, NotAllowed
from colearner_ls.contracts.examples import EXAMPLES

# contracts.md, *Topics* and *Catalogue*: C and S are who may say it, and the letter's topic.
DESIGN = {
    "session_started": {"C": "sessions", "S": "sessions"},
    "learning_plan": {"C": "assignments", "S": "progress"},
    "exercise_assigned": {"C": "assignments"},
    "exercise_withdrawn": {"C": "assignments"},
    "exercise_assigned_ack": {"S": "progress"},
    "exercise_submission": {"S": "progress"},
    "exercise_submission_ack": {"C": "feedback"},
    "assessment_feedback": {"C": "feedback"},
    "assessment_feedback_ack": {"S": "progress"},
    "progress_update": {"S": "progress"},
    "evidence_snapshot": {"S": "progress"},
    "evidence_request": {"C": "assignments"},
    "evidence_declined": {"S": "progress"},
    "evidence_withdrawn": {"S": "progress"},
    "sharing_changed": {"S": "progress"},
    "scope_policy": {"C": "assignments"},
    "stuck_reported": {"S": "coach"},
    "stuck_resolved": {"C": "coach", "S": "coach"},
    "coach_hint": {"C": "coach"},
    "hint_ack": {"S": "coach"},
    "blocker_dismissed": {"C": "coach"},
    "students_linked": {"C": "coach"},
    "students_unlinked": {"C": "coach"},
    "key_added": {"C": "sessions"},
    "key_revoked": {"C": "sessions"},
    "lifecycle": {"C": "events", "S": "events"},
    "session_closed": {"C": "sessions", "S": "sessions"},
}
ACTORS = {"coach": "C", "student": "S", "service": "-"}


def test_the_catalogue_has_every_type_of_the_design_and_no_other() -> None:
    assert set(CATALOGUE) == set(DESIGN) == set(EXAMPLES)


def test_the_topics_are_those_of_the_design() -> None:
    assert (
        tuple(f"colearner.{name}.v1" for name in ("assignments", "feedback", "progress", "coach", "sessions", "events"))
        == TOPICS
    )


@pytest.mark.parametrize("event_type", DESIGN)
@pytest.mark.parametrize("actor", ACTORS)
def test_who_may_say_it_and_where_it_goes(event_type: str, actor: str) -> None:
    topic = DESIGN[event_type].get(ACTORS[actor])
    assert may_say(event_type, actor) is (topic is not None)
    if topic is not None:
        assert topic_for(event_type, actor) == f"colearner.{topic}.v1"
    else:
        with pytest.raises(NotAllowed) as caught:
            topic_for(event_type, actor)
        assert event_type in caught.value.message
        assert caught.value.hint.startswith("Only a ")


def test_every_row_has_its_model_and_says_something() -> None:
    models = {model_for(name) for name in CATALOGUE}
    assert len(models) == len(CATALOGUE)
    for row in CATALOGUE.values():
        assert row.version == 1
        assert model_for(row.name).__name__ == row.model
        assert model_for(row.name).__doc__ == f"Payload of ``{row.name}``."
        assert row.summary.endswith(".")


def test_a_type_that_is_not_there() -> None:
    assert not may_say("buddy.matched", "service")
    assert topic_for("buddy.matched", "service") == EVENTS
    for look_up in (row_of, model_for):
        with pytest.raises(BadInput) as caught:
            look_up("exercise_asigned")
        assert "exercise_asigned" in caught.value.message
        assert "exercise_assigned" in caught.value.hint


def test_nobody_can_change_it() -> None:
    with pytest.raises(TypeError):
        CATALOGUE["x"] = CATALOGUE["lifecycle"]  # type: ignore[index]  # that it fails is the point
