"""Commands of a coach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearner_ls.lsp.commands.writing import write
from colearner_ls.lsp.features import places
from colearner_ls.lsp.views.words import one_line
from colearner_ls.workspace.requests import Assign, GiveFeedback, GiveHint, MistakeAt

if TYPE_CHECKING:
    from colearner_ls.lsp import messages
    from colearner_ls.lsp.server import ColearnerServer


async def assign(server: ColearnerServer, arguments: messages.AssignArguments) -> dict[str, Any]:
    """Assign an exercise, or revise one."""
    first = await places.optional(server, arguments.uri, arguments.range)
    request = Assign(
        topic=arguments.topic,
        exercise=arguments.exercise,
        expected=arguments.expected,
        tests=tuple(arguments.tests),
        places=((first,) if first is not None else ()) + await places.all_of(server, arguments.places),
        hints=tuple(arguments.hints),
        step_id=arguments.step_id,
        title=arguments.title,
        due=arguments.due,
        exercise_id=arguments.exercise_id,
        buffers=await server.tracker.buffers(),
    )
    return await write(server, request, f"Assigned “{one_line(arguments.title or arguments.topic)}”")


async def feedback(server: ColearnerServer, arguments: messages.FeedbackArguments) -> dict[str, Any]:
    """Assess a submission."""
    mistakes = [
        MistakeAt(each.text, await places.optional(server, each.uri, each.range)) for each in arguments.mistakes
    ]
    request = GiveFeedback(
        exercise_id=arguments.exercise_id,
        grade=arguments.grade,
        mistakes=tuple(mistakes),
        next_step=arguments.next_step,
        confidence_delta=arguments.confidence_delta,
        topic=arguments.topic,
        submission_id=arguments.submission_id,
        buffers=await server.tracker.buffers(),
    )
    return await write(server, request, "Passed" if arguments.grade == "pass" else "Handed back for another try")


async def hint(server: ColearnerServer, arguments: messages.HintArguments) -> dict[str, Any]:
    """Give a hint."""
    request = GiveHint(
        arguments.hint,
        arguments.exercise_id,
        arguments.stuck_id,
        await places.optional(server, arguments.uri, arguments.range),
        await server.tracker.buffers(),
    )
    return await write(server, request, "Hint given")
