"""docs/cli.md, made from the commands themselves: ``python -m colearner_ls.cli.reference > docs/cli.md``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from typing import Final

import click

from colearner_ls.cli.catalogue import VERBS, Verb
from colearner_ls.cli.commands import root
from colearner_ls.cli.options import GLOBAL_OPTIONS

_HEAD: Final = """\
# The command line

<!-- Made from the commands by `python -m colearner_ls.cli.reference > docs/cli.md`; a test compares. -->

    colearner [OPTIONS] VERB [ARGUMENTS]…

`colearner coach VERB …` is short for `colearner --role coach VERB …`, `colearner student VERB …` likewise.
Places are `PATH:LINE` or `PATH:LINE-LINE`, lines counted from 1, both included. Ids are shown by their last 8
characters and taken as any unique beginning or end of 4 characters or more. `…` in a table: the option may be said
again for more.
"""
_TAIL: Final = """\
## What a verb that writes says

*sent*: the broker has it. *on this machine's bus*: it is on the embedded bus. *kept; will be sent when the bus is
reachable (3 waiting)*: it is in the journal and goes by itself. All three are success.

## Exit codes

| code | meaning |
|---|---|
| 0 | done, or kept for later delivery |
| 1 | a fault of ours, or of the disk; a traceback goes to `colearner.log` in the user data folder, never to the terminal |
| 2 | usage: an unknown verb or option, something left out |
| 3 | bad input: what, where, and what would be accepted |
| 4 | no session here; the message names the command that sets one up |
| 5 | refused by policy: scope, consent or trust |
| 6 | `sync` or `doctor` could not reach the bus |
| 130, 141 | interrupted (Ctrl-C); nobody reads the output any more |

## Environment

| variable | meaning |
|---|---|
| `COLEARNER_HOME` | the user data folder: embedded bus, list of folders, log |
| `COLEARNER_BUS`, `COLEARNER_BROKERS` | the bus, where neither `--bus` nor, for the second, `config.toml` names one |
| `COLEARNER_KAFKA_USER`, `COLEARNER_KAFKA_PASSWORD` | credentials, or `…_FILE` with the name of a file that holds them |
| `COLEARNER_LOG` | `debug`, `info`, `warning` or `error`: log to stderr from that level on |
| `NO_COLOR` | no colour on a terminal |

## Completion

    eval "$(colearner completion bash)"     # in ~/.bashrc
    eval "$(colearner completion zsh)"      # in ~/.zshrc
    colearner completion fish > ~/.config/fish/completions/colearner.fish

## JSON

With `--json` a verb prints one document on stdout and nothing else there; `history` and `watch` print one a line.
`colearner schema json` has the JSON Schema of each.
"""
_WHO: Final = {"both": "coach and student", "coach": "coach", "student": "student", "anyone": "anyone"}


def markdown() -> str:
    """The whole page."""
    ctx = click.Context(root(), info_name="colearner")
    parts = [_HEAD, "## Options before or after any verb\n", _table(GLOBAL_OPTIONS, ctx), "## Verbs\n"]
    parts.append("\n".join(["| verb | who | |", "|---|---|---|", *(_contents(each) for each in VERBS)]) + "\n")
    for verb in VERBS:
        command = root().get_command(ctx, verb.name)
        if command is not None:
            parts += _section(command, verb, ctx)
    return "\n".join([*parts, _TAIL])


def _contents(verb: Verb) -> str:
    return f"| [`{verb.name}`](#{verb.name}) | {_WHO[verb.who]} | {verb.summary} |"


def _section(command: click.Command, verb: Verb, parent: click.Context) -> Iterator[str]:
    ctx = click.Context(command, info_name=verb.name, parent=parent)
    yield f"### {verb.name}\n"
    yield from _described(command, ctx)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            if inner is not None:
                yield from _described(inner, click.Context(inner, info_name=name, parent=ctx))


def _described(command: click.Command, ctx: click.Context) -> Iterator[str]:
    arguments = [piece for piece in command.collect_usage_pieces(ctx) if piece != "[OPTIONS]"]
    yield f"    {' '.join([ctx.command_path, *arguments])}\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    own = [param for param in command.params if isinstance(param, click.Option)]
    if own:
        yield _table(own, ctx)


def _table(options: Iterable[click.Option], ctx: click.Context) -> str:
    return "\n".join(["| option | |", "|---|---|", *(_row(option, ctx) for option in options)]) + "\n"


def _row(option: click.Option, ctx: click.Context) -> str:
    record = option.get_help_record(ctx)
    names, text = record if record is not None else (", ".join(option.opts), option.help or "")
    names = ", ".join(sorted(names.split(", "), key=len, reverse=True))
    again = " …" if option.multiple else ""
    escaped = text.replace("|", "\\|")
    return f"| `{names}`{again} | {escaped} |".replace("`" + names, "`" + names.replace("|", "\\|"))


if __name__ == "__main__":
    sys.stdout.write(markdown())
