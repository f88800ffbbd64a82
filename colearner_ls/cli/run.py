"""Runs one command line: parses, calls the verb, turns every error into words and an exit code (cli.md, *exit*)."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Final

from click.exceptions import Abort, BadParameter, Exit, MissingParameter, NoArgsIsHelpError, UsageError

from colearner_ls.cli import output
from colearner_ls.cli.commands import root
from colearner_ls.cli.options import Said
from colearner_ls.contracts.errors import BadInput, BusUnreachable, ColearnerError, NoSession, RefusedByPolicy

FAULT, USAGE, BAD_INPUT, NO_SESSION, REFUSED, NO_BUS = 1, 2, 3, 4, 5, 6
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""
NOBODY_READS: Final = 141
"""128 + SIGPIPE, as shells report it."""
COMPLETE_VARIABLE: Final = "_COLEARNER_COMPLETE"

_CODES: Final = ((BadInput, BAD_INPUT), (NoSession, NO_SESSION), (RefusedByPolicy, REFUSED), (BusUnreachable, NO_BUS))


def run(arguments: Sequence[str]) -> int:
    """Run ``colearner ARGUMENTS`` and return its exit code; only a completion leaves it by :class:`SystemExit`."""
    try:
        code = _run(list(arguments))
        output.flush()
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except (output.OutputClosed, BrokenPipeError) as error:
        return _closed(error)
    except UsageError as error:
        return _usage(error)
    except ColearnerError as error:
        return _said(error)
    except OSError as error:
        return _disk(error)
    except Exception as error:  # noqa: BLE001 - the edge: whatever it is, the person gets words, the log gets the rest
        return _fault(error)
    return code


def _run(arguments: list[str]) -> int:
    command = root()
    if COMPLETE_VARIABLE in os.environ:
        command.main(arguments, prog_name="colearner", complete_var=COMPLETE_VARIABLE)
    if level := os.environ.get("COLEARNER_LOG"):
        from colearner_ls.cli.logs import set_up_logging

        set_up_logging(level)
    try:
        with command.make_context("colearner", arguments, obj=Said()) as ctx:
            command.invoke(ctx)
    except Exit as error:
        return error.exit_code
    return 0


def _closed(error: Exception) -> int:
    if isinstance(error, BrokenPipeError) and not _reader_left():
        return _fault(error)  # some other pipe of ours broke
    # Python flushes stdout once more at exit and would complain there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return NOBODY_READS


def _reader_left() -> bool:
    """Whether the pipe that is stdout has no reader any more (click prints help by itself, so its error comes bare)."""
    import select

    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


def _usage(error: UsageError) -> int:
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return USAGE
    path = error.ctx.command_path if error.ctx else "colearner"
    output.message(f"{path}: {error.format_message()}")
    output.message(f"Try: {path} --help")
    bad_value = isinstance(error, BadParameter) and not isinstance(error, MissingParameter)
    return BAD_INPUT if bad_value else USAGE


def exit_code(error: ColearnerError) -> int:
    """The exit code that cli.md gives an error of this kind."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAULT)


def _said(error: ColearnerError) -> int:
    output.message(f"colearner: {error.message}")
    if error.hint:
        output.message(error.hint)
    return exit_code(error)


def _disk(error: OSError) -> int:
    """What the disk or the permissions refuse is nobody's fault; anything else of the system is ours."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
        output.message(f"colearner: {error.filename or 'a file'}: {error.strerror}. Nothing of it was saved.")
        output.message("Free some space or mend the permissions, and try again.")
        return FAULT
    return _fault(error)


def _fault(error: Exception) -> int:
    from colearner_ls.cli.logs import record_fault

    where = record_fault(error)
    output.message(f"colearner: a fault of ours ({type(error).__name__}); what was saved before it is still there.")
    output.message(f"The details are in {where}." if where else "Its details could not be written to a log.")
    return FAULT
