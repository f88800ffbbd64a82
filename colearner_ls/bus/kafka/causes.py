"""The last true cause of trouble with Kafka, which aiokafka only tells its log.

``Unable to bootstrap`` is all its exceptions say, be it a refused port, a wrong password or a certificate that is not
trusted.
"""

from __future__ import annotations

import logging
from typing import Final

from colearner_ls.contracts.frozen import frozen

_LOGGER: Final = "aiokafka"
_WIRE_LOGGER: Final = "aiokafka.conn"
_CONSEQUENCES: Final = (
    "Unable to update metadata from",
    "Failed fetch messages from",
    "Got error produce response",
    "Sending username and password in the clear",
)
"""Messages that only repeat that something failed, or that warn of nothing that failed; they must not hide why."""
_CONNECTING: Final = "Unable connect to"
_GREETED: Final = 'Unable to request metadata from "%s:%s"'


@frozen
class Cause:
    """What aiokafka logged: in its words, with the error behind them and the address they are about, where known."""

    text: str
    error: BaseException | None = None
    where: str | None = None
    connecting: bool = False
    """It happened while a connection was being made, not on one that stood."""
    greeted: bool = False
    """The connection stood, and ended at the first real request."""


class CauseLog(logging.Handler):
    """Listens to warnings and errors of aiokafka. One for the process: the library's log tells no clients apart."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0
        self._last: Cause | None = None
        self._last_at = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take note; cheap, for aiokafka may log thousands of times a second."""
        self.count += 1
        if str(record.msg).startswith(_CONSEQUENCES):
            return
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        arguments = record.args if isinstance(record.args, tuple) else ()
        error = arguments[-1] if arguments and isinstance(arguments[-1], BaseException) else None
        # A timeout has no words of its own, and the message would end in nothing.
        if error is not None and not str(error):
            text += type(error).__name__
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += f": {error!r}"
        message = str(record.msg)
        self._last = Cause(
            text,
            error,
            f"{arguments[0]}:{arguments[1]}" if '"%s:%s"' in message and len(arguments) > 1 else None,
            connecting=message.startswith(_CONNECTING),
            greeted=message.startswith(_GREETED),
        )
        self._last_at = self.count

    def since(self, count: int) -> Cause | None:
        """The last cause that was logged after ``count`` was read."""
        return self._last if self._last_at > count else None


_shared: CauseLog | None = None


def listen() -> CauseLog:
    """The process's cause log, listening from the first call on."""
    global _shared  # one handler for a logger that is global itself
    if _shared is None:
        _shared = CauseLog()
        logging.getLogger(_LOGGER).addHandler(_shared)
        logging.getLogger(_WIRE_LOGGER).addFilter(_no_wire_dump)
    return _shared


def _no_wire_dump(record: logging.LogRecord) -> bool:
    """Drop what aiokafka logs of each request for debugging: one of them carries the password."""
    return record.levelno > logging.DEBUG
