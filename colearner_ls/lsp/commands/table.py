"""The commands, each with its models and what carries it out. What is not built is not in here, and so not advertised.

Models and handlers are named, not imported: pydantic is not wanted before the reply to ``initialize``.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.contracts.frozen import frozen

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer

Roles = tuple[str, ...]


@frozen
class CommandSpec:
    """One command. ``arguments`` and ``result`` name models of :mod:`colearner_ls.lsp.messages`; ``run`` a function of
    this package as ``module:function``."""

    name: str
    roles: Roles
    arguments: str
    result: str
    run: str
    asks: bool = False
    """It may ask the person something; null is the answer where the question was dismissed."""

    def parse(self, given: dict[str, Any]) -> Any:
        """The typed argument. Raises pydantic's ``ValidationError``."""
        from colearner_ls.lsp import messages

        return getattr(messages, self.arguments).model_validate(given)

    def handler(self, server: ColearnerServer) -> Callable[[Any], Awaitable[Any]]:
        """What pygls calls with the typed argument."""
        module, _, function = self.run.partition(":")

        async def handle(arguments: Any) -> Any:
            from colearner_ls.lsp.commands.writing import Dismissed

            found = getattr(importlib.import_module(f"colearner_ls.lsp.commands.{module}"), function)
            try:
                return await found(server, arguments)
            except Dismissed:
                return None

        return handle


BOTH: Final = ("coach", "student")
STUDENT: Final = ("student",)
COACH: Final = ("coach",)

COMMANDS: Final = (
    CommandSpec("colearner.init", BOTH, "InitArguments", "WrittenView", "both:init", asks=True),
    CommandSpec("colearner.join", STUDENT, "JoinArguments", "WrittenView", "both:join"),
    CommandSpec("colearner.ack", BOTH, "AckArguments", "WrittenView", "both:ack"),
    CommandSpec("colearner.submit", STUDENT, "SubmitArguments", "WrittenView", "student:submit", asks=True),
    CommandSpec(
        "colearner.attachEvidence",
        STUDENT,
        "AttachEvidenceArguments",
        "WrittenView",
        "student:attach_evidence",
        asks=True,
    ),
    CommandSpec("colearner.markDone", STUDENT, "MarkDoneArguments", "WrittenView", "student:mark_done"),
    CommandSpec("colearner.stuck", STUDENT, "StuckArguments", "WrittenView", "student:stuck"),
    CommandSpec(
        "colearner.resolveStuck", BOTH, "ResolveStuckArguments", "WrittenView", "both:resolve_stuck", asks=True
    ),
    CommandSpec("colearner.hint", COACH, "HintArguments", "WrittenView", "coach:hint"),
    CommandSpec("colearner.assign", COACH, "AssignArguments", "WrittenView", "coach:assign"),
    CommandSpec("colearner.feedback", COACH, "FeedbackArguments", "WrittenView", "coach:feedback"),
    CommandSpec("colearner.open", BOTH, "OpenArguments", "OpenedView", "both:open_place"),
    CommandSpec("colearner.sync", BOTH, "SyncArguments", "SyncedResult", "both:sync"),
)


def register_commands(server: ColearnerServer) -> None:
    """Offer every command of the table."""
    for spec in COMMANDS:
        server.add_command(spec.name, spec.handler(server), spec.parse)
