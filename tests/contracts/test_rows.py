"""From stored bytes to the event, without judging again; older versions and their upcasters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.contracts import catalogue, judging, rows
from colearner_ls.contracts.judging import Accepted, Rejected, judge
from colearner_ls.contracts.rows import event_from_row
from colearner_ls.contracts.upcasters import UPCASTERS, CannotUpcast, upcast
from tests.contracts.samples import envelopes, modest, peer_event, raw, written


@given(st.data())
@modest
def test_a_row_gives_the_event_that_judging_gave(data: st.DataObject) -> None:
    text = data.draw(written(data.draw(envelopes())))
    found = judge(text)
    assert isinstance(found, Accepted), found
    event = event_from_row(text, id=found.event.id, hlc=found.event.hlc, derived=found.event.derived)
    assert event == found.event
    # Equal is not enough: 1 == 1.0 == True, and a fold writes them differently.
    assert repr(event) == repr(found.event)


@pytest.fixture
def hints_of_version_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue in which ``coach_hint`` is at version 3, with a step from each version before it."""

    def named(payload: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(payload)
        changed["text"] = changed.pop("hint_text").strip()
        return changed

    def renamed(payload: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(payload)
        changed["hint"] = changed.pop("text")
        return changed

    changed = {**catalogue.CATALOGUE, "coach_hint": replace(catalogue.CATALOGUE["coach_hint"], version=3)}
    monkeypatch.setattr(catalogue, "CATALOGUE", MappingProxyType(changed))
    monkeypatch.setattr(judging, "CATALOGUE", MappingProxyType(changed))
    monkeypatch.setitem(UPCASTERS, ("coach_hint", 1), named)
    monkeypatch.setitem(UPCASTERS, ("coach_hint", 2), renamed)


OLD = peer_event("coach_hint", "coach", {"hint_text": " look ", "student_id": "sam"})


@pytest.mark.usefixtures("hints_of_version_3")
class TestOlderVersions:
    @pytest.mark.parametrize(
        ("version", "payload"),
        [(1, {"hint_text": " look "}), (None, {"hint_text": " look "}), (2, {"text": "look"}), (3, {"hint": "look"})],
    )
    def test_the_fold_sees_the_newest_version_and_the_bytes_stay(
        self, version: int | None, payload: dict[str, str]
    ) -> None:
        text = raw({**OLD, "payload": payload, "version": version})
        found = judge(text)
        assert isinstance(found, Accepted), found
        assert found.applied
        assert found.event.payload == {"hint": "look"}
        assert found.event.version == (version or 1)
        assert found.raw == text
        row = event_from_row(text, id=found.event.id, hlc=found.event.hlc, derived=True)
        assert row == found.event

    def test_ids_and_hashes_are_of_what_was_received(self) -> None:
        found = judge(raw(OLD))
        assert isinstance(found, Accepted)
        assert found.event.id == judging.derived_id(OLD)
        assert found.content == judging.content_hash(OLD, True)

    def test_a_version_beyond_is_left_alone(self) -> None:
        found = judge(raw({**OLD, "version": 4}))
        assert isinstance(found, Accepted)
        assert (found.applied, found.note) == (False, "newer_version")
        assert found.event.payload == OLD["payload"]

    @pytest.mark.parametrize("payload", [{}, {"hint": "look"}, {"hint_text": 3}, {"hint_text": None}])
    def test_what_was_no_valid_old_payload_is_malformed(self, payload: dict[str, Any]) -> None:
        found = judge(raw({**OLD, "payload": payload}))
        assert isinstance(found, Rejected)
        assert found.reason == "malformed"
        assert "version 1" in found.detail

    def test_a_step_that_gives_the_wrong_type_is_caught_by_the_model(self) -> None:
        found = judge(raw({**OLD, "version": 2, "payload": {"text": 3}}))
        assert isinstance(found, Rejected)
        assert "payload.hint" in found.detail


def test_an_old_ack_that_says_nothing_is_not_upcast(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(catalogue.CATALOGUE["hint_ack"], version=2)
    monkeypatch.setattr(judging, "CATALOGUE", {**catalogue.CATALOGUE, "hint_ack": row})
    monkeypatch.setitem(UPCASTERS, ("hint_ack", 1), lambda payload: {"note": payload["text"]})
    text = raw(peer_event("hint_ack", "coach", {"status": "sent"}))
    found = judge(text)
    assert isinstance(found, Accepted)
    assert (found.note, found.event.payload) == ("ack_sent", {"status": "sent"})
    assert event_from_row(text, id=found.event.id, hlc=found.event.hlc, derived=True) == found.event


def test_without_a_step_a_payload_is_what_it_was() -> None:
    payload = {"hint": "h"}
    assert upcast("coach_hint", 1, payload) is payload
    assert rows.event_of(OLD, id="i", hlc=1, derived=True).payload is OLD["payload"]


def test_a_step_that_cannot_read_its_payload_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UPCASTERS, ("coach_hint", 1), lambda payload: {"hint": payload["text"]})
    with pytest.raises(CannotUpcast, match="coach_hint of version 1"):
        upcast("coach_hint", 1, {})


def test_every_step_leads_to_the_version_of_the_catalogue() -> None:
    for event_type, row in catalogue.CATALOGUE.items():
        assert sorted(version for name, version in UPCASTERS if name == event_type) == list(range(1, row.version))
