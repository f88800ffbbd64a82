"""``colearner completion``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb


@verb("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes verbs and options in SHELL.

    For bash, in ~/.bashrc: eval "$(colearner completion bash)". For zsh, in ~/.zshrc: eval "$(colearner completion
    zsh)". For fish: colearner completion fish > ~/.config/fish/completions/colearner.fish
    """
    from click.shell_completion import get_completion_class

    from colearner_ls.cli.run import COMPLETE_VARIABLE

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not known here.")
    output.lines(kind(ctx.find_root().command, {}, "colearner", COMPLETE_VARIABLE).source().splitlines())
