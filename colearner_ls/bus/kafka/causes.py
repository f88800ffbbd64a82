"""The last true cause of trouble with Kafka, which aiokafka only tells its log.

``Unable to bootstrap`` is all its exceptions say, be it a refused port, a wrong password or a certificate that is not
trusted.
"""

from __future__ import annotations

import logging
from typing import Final

_LOGGER: Final = "aiokafka"
_WIRE_LOGGER: Final = "aiokafka.conn"
_CONSEQUENCES: Final = ("Unable to update metadata from", "Failed fetch messages from", "Got error produce response")
"""Messages that only repeat that something failed; they must not hide why."""


class CauseLog(logging.Handler):
    """Listens to warnings and errors of aiokafka. One for the process: the library's log tells no clients apart."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0
        self._last: str | None = None
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
        # A timeout has no words of its own, and the message would end in nothing.
        if isinstance(record.args, tuple) and record.args and isinstance(error := record.args[-1], BaseException):
            text += "" if str(error) else type(error).__name__
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {record.exc_info[1]!r}"
        self._last = text
        self._last_at = self.count

    def since(self, count: int) -> str | None:
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
