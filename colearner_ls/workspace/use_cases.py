"""From a request to the function that carries it out: the same for every surface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.workspace import coaching, keys, requests, sessions, studying, submitting
from colearner_ls.workspace.results import Written

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace

_FUNCTIONS: Final[Mapping[type, Callable[[Any, Any], Written | None]]] = {
    requests.SetPlan: coaching.set_plan,
    requests.Assign: coaching.assign,
    requests.Withdraw: coaching.withdraw,
    requests.GiveFeedback: coaching.give_feedback,
    requests.GiveHint: coaching.give_hint,
    requests.Submit: submitting.submit,
    requests.ShareEvidence: submitting.share_evidence,
    requests.Acknowledge: studying.acknowledge,
    requests.ReportProgress: studying.report_progress,
    requests.ReportStuck: studying.report_stuck,
    requests.ResolveStuck: studying.resolve_stuck,
    requests.MoveStage: sessions.move_stage,
    requests.CloseSession: sessions.close_session,
    requests.Link: sessions.link,
    requests.SetSharing: sessions.set_sharing,
    requests.AddKey: keys.add_key,
    requests.RevokeKey: keys.revoke_key,
}


def carry_out(ws: Workspace, request: requests.UseCase) -> Written | None:
    """Carry out ``request``; raises what its function raises."""
    return _FUNCTIONS[type(request)](ws, request)
