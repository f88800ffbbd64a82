"""``colearner-ls``: the language server's command line.

Nothing heavy is imported before the arguments are understood, and before the reply to ``initialize`` neither
pydantic nor aiokafka nor watchfiles.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from colearner_ls import __version__

LEVELS = ("debug", "info", "warning", "error")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if host not in LOOPBACK:
        raise argparse.ArgumentTypeError(f"only this machine may connect: 127.0.0.1:PORT, not {text!r}")
    if not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{port!r} is not a port (0 to 65535; 0 lets the system choose)")
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def arguments() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="colearner-ls",
        description="The colearner language server. An editor starts it and speaks LSP with it over standard "
        "input and output.",
    )
    parser.add_argument("--stdio", action="store_true", help="serve over standard input and output (the default)")
    parser.add_argument(
        "--tcp", metavar="HOST:PORT", type=_address, help="for debugging: serve one client on 127.0.0.1"
    )
    parser.add_argument("--log-file", metavar="FILE", type=Path, help="write the log there instead of standard error")
    parser.add_argument("--log-level", choices=LEVELS, help="default: COLEARNER_LOG, else warning")
    # vscode-languageclient appends it with some transports; the process id also comes with `initialize`.
    parser.add_argument("--clientProcessId", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"colearner-ls {__version__}")
    return parser


def configure_logging(level: str | None, file: Path | None) -> None:
    """Log to ``file`` or standard error. Raises ``OSError`` where the file cannot be written."""
    wanted = (level or os.environ.get("COLEARNER_LOG", "")).lower()
    number = getattr(logging, wanted.upper()) if wanted in LEVELS else logging.WARNING
    handler: logging.Handler = (
        logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler(sys.stderr)
    )
    logging.basicConfig(
        level=number, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    # At INFO pygls logs every message with its contents: a student's code does not belong in a log.
    logging.getLogger("pygls").setLevel(logging.WARNING)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the console script; ends the process with the server's exit code."""
    options = arguments().parse_args(argv)
    try:
        configure_logging(options.log_level, options.log_file)
    except OSError as problem:
        sys.exit(f"colearner-ls: the log file {options.log_file} cannot be written: {problem.strerror}")

    from colearner_ls.lsp.base.fast_import import import_lsprotocol, no_collection

    with no_collection():
        import_lsprotocol()
        from colearner_ls.lsp.base import serving
        from colearner_ls.lsp.server import ColearnerServer, lifespan

        server = ColearnerServer()
    if options.tcp is not None:
        host, port = options.tcp
        code = serving.run(serving.serve_tcp(server, host, port, lifespan, _announce(host)))
    else:
        code = serving.run(serving.serve_stdio(server, lifespan))
    leave(code)


def _announce(host: str) -> Callable[[int], None]:
    def announce(port: int) -> None:
        sys.stderr.write(f"colearner-ls listens on {host}:{port}\n")
        sys.stderr.flush()

    return announce


def leave(code: int) -> None:
    """End the process now. A worker thread that is stuck (a dead network disk) must not keep it alive: editors kill
    after two seconds, and the journal loses nothing by a sudden end."""
    logging.shutdown()
    sys.stderr.flush()
    stuck = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    if stuck:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
