"""Our click commands: lazily loaded verbs, global options on both sides of the verb, help sorted by who uses what."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from colearner_ls import __version__
from colearner_ls.cli.catalogue import BY_NAME, VERBS
from colearner_ls.cli.options import GLOBAL_OPTIONS, Said

Resolved = tuple[str | None, click.Command | None, list[str]]

PREFIXES: Final = ("coach", "student")
_HEADINGS: Final = (("both", "Both"), ("coach", "Coach"), ("student", "Student"), ("anyone", "Anywhere"))
CONTEXT: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _with_global(params: list[click.Parameter]) -> list[click.Parameter]:
    """``params`` and the global options that no parameter of the command's own shadows, before the help option."""
    taken = {name for param in params for name in (*param.opts, *param.secondary_opts)}
    wanted = [option for option in GLOBAL_OPTIONS if not taken.intersection(option.opts)]
    return [*params[:-1], *wanted, *params[-1:]]


def _write_options(
    formatter: click.HelpFormatter, title: str, params: Sequence[click.Parameter], ctx: click.Context
) -> None:
    records = [param.get_help_record(ctx) for param in params if isinstance(param, click.Option)]
    rows = [record for record in records if record is not None]
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


class VerbCommand(click.Command):
    """A verb: its own options, and the global ones after it as well.

    ``logs``: what it uses may have something to say to a log, which by default nobody is to see. Where that is false
    the module is not even loaded; a part of the verb that may log calls :func:`hide_logs` itself.
    """

    logs = True

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        if self.logs:
            hide_logs()
        return super().invoke(ctx)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The parameters that are parsed, global options included."""
        return _with_global(super().get_params(ctx))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Own options first, the global ones under a heading of their own."""
        common = set(map(id, GLOBAL_OPTIONS))
        params = self.get_params(ctx)
        _write_options(formatter, "Options", [param for param in params if id(param) not in common], ctx)
        _write_options(formatter, "Global options", [param for param in params if id(param) in common], ctx)


def hide_logs() -> None:
    """Unless the person asked for logs, nothing a library has to say reaches them."""
    from colearner_ls.cli.logs import set_up_logging

    if not os.environ.get("COLEARNER_LOG"):
        set_up_logging(None)


class VerbFamily(VerbCommand, click.Group):
    """A verb with verbs of its own, such as ``quarantine``."""

    command_class = VerbCommand

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Options, then the family's verbs."""
        VerbCommand.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


class Verbs(click.Group):
    """All verbs. A verb's module is imported when it is run or its own help is asked for, not before."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The global options, which may stand before the verb."""
        return _with_global(super().get_params(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all verbs, in the order of the catalogue."""
        return [verb.name for verb in VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module; ``None`` where there is no such verb."""
        verb = BY_NAME.get(cmd_name)
        if verb is None:
            return None
        command: click.Command = importlib.import_module(verb.module).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Resolved:
        """As click does, but an unknown verb is answered with the nearest known one."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and not ctx.resilient_parsing:
            ctx.fail(f"There is no verb “{name}”.{self._nearest(ctx, name)}")
        return (command.name if command else None), command, args[1:]

    def _nearest(self, ctx: click.Context, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(name, self.list_commands(ctx), n=3)
        return f" Did you mean {' or '.join(near)}?" if near else ""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Verbs first, grouped by who uses them; nothing is imported for it."""
        for who, heading in _HEADINGS:
            rows = [(verb.name, verb.summary) for verb in VERBS if verb.who == who and self.shows(who)]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
        _write_options(formatter, "Global options, before or after the verb", self.get_params(ctx), ctx)

    def shows(self, who: str) -> bool:
        """Whether verbs of ``who`` stand in this group's help."""
        return True


class RolePrefix(Verbs):
    """``colearner coach VERB``: the same verbs, with the role said."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note the role before the options that follow it."""
        ctx.ensure_object(Said).role = self.name
        return super().parse_args(ctx, args)

    def shows(self, who: str) -> bool:
        """Help shows what this role uses; the verbs of the other role answer that they are the other's."""
        return who in ("both", self.name)


class Root(Verbs):
    """``colearner`` itself: the verbs, and the two prefixes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, then the prefixes."""
        return [*super().list_commands(ctx), *PREFIXES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A verb or a prefix."""
        if cmd_name in PREFIXES:
            return RolePrefix(
                cmd_name,
                subcommand_metavar="VERB [ARGUMENTS]...",
                help=f"The verbs of a {cmd_name}: the same as colearner --role {cmd_name} VERB.",
                context_settings=CONTEXT,
                no_args_is_help=True,
            )
        return super().get_command(ctx, cmd_name)


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"colearner {__version__}")
        ctx.exit()


def root() -> Root:
    """A new ``colearner`` command."""
    return Root(
        "colearner",
        subcommand_metavar="VERB [ARGUMENTS]...",
        help="A coach and a student work through a codebase together, each in their own editor or terminal.",
        epilog="“colearner coach VERB” is short for “colearner --role coach VERB”, and the same goes for student.",
        context_settings=CONTEXT,
        no_args_is_help=True,
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_print_version,
                help="Print the version and end.",
            )
        ],
    )


class LookCommand(VerbCommand):
    """A verb that looks and ends: it must start fast."""

    logs = False


def verb(name: str, *, cls: type[VerbCommand] = VerbCommand) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function the command of the verb ``name``; the catalogue has its one line of help."""
    return click.command(name, cls=cls, context_settings=CONTEXT, short_help=BY_NAME[name].summary)


def family(name: str) -> Callable[[Callable[..., None]], click.Group]:
    """Make a function the verb ``name`` that has verbs of its own; it runs without one, too."""
    summary = BY_NAME[name].summary
    return click.group(name, cls=VerbFamily, invoke_without_command=True, context_settings=CONTEXT, short_help=summary)
