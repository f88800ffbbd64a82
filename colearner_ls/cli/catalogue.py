"""The verbs there are: name, who uses it, module, one line of help. What is not built does not stand here."""

from __future__ import annotations

from typing import Final, Literal

from colearner_ls.contracts.frozen import frozen

Who = Literal["both", "coach", "student", "anyone"]


@frozen
class Verb:
    """One verb; ``module`` holds its click command as ``command``. ``anyone``: needs no role and no session."""

    name: str
    who: Who
    module: str
    summary: str


def _verb(name: str, who: Who, summary: str, module: str | None = None) -> Verb:
    return Verb(name, who, f"colearner_ls.cli.verbs.{module or name}", summary)


VERBS: Final[tuple[Verb, ...]] = (
    _verb("init", "both", "Set this folder up for a session; a coach is shown the invite."),
    _verb("join", "both", "Set this folder up from a coach's invite."),
    _verb("invite", "coach", "Print an invite to the session again, as a link and as text."),
    _verb("keys", "both", "Who speaks for the coach: show, add, revoke, pin by hand."),
    _verb("plan", "coach", "Set the learning plan from JSON or a Markdown list."),
    _verb("assign", "coach", "Assign an exercise, at places of the code if you like."),
    _verb("withdraw", "coach", "Take an exercise back."),
    _verb("feedback", "coach", "Assess an exercise: pass or revise, mistakes, the next step."),
    _verb("hint", "coach", "Give a hint: to an exercise, a stuck report or a place."),
    _verb("submit", "student", "Submit an exercise, with evidence from your files."),
    _verb("evidence", "student", "Share a snapshot of a file or of lines of it."),
    _verb("progress", "student", "Say which steps are done, what you work on, how sure you feel."),
    _verb("stuck", "student", "Say that you are stuck, and where."),
    _verb("share", "student", "Show or set what leaves this folder by itself."),
    _verb("inbox", "both", "What waits for you."),
    _verb("status", "both", "Session, plan, exercises, confidence and delivery at a glance."),
    _verb("show", "both", "One event or exercise in full."),
    _verb("history", "both", "Every event, in order."),
    _verb("watch", "both", "Follow what arrives."),
    _verb("ack", "both", "Acknowledge an exercise, a submission, feedback or a hint."),
    _verb("resolve", "both", "Settle a stuck report."),
    _verb("link", "both", "Settle by hand which exercise a submission or feedback belongs to."),
    _verb("stage", "both", "Move the session to another stage, or write a remark."),
    _verb("close", "both", "Close the session."),
    _verb("sync", "both", "Send and fetch until nothing is left."),
    _verb("doctor", "both", "Where each setting comes from, and what is wrong."),
    _verb("quarantine", "both", "Events that could not be read: list, show, retry, drop."),
    _verb("schema", "anyone", "JSON Schema or AsyncAPI of everything that is sent or printed."),
    _verb("completion", "anyone", "Print the completion script for your shell."),
)

BY_NAME: Final = {verb.name: verb for verb in VERBS}
