"""How long to wait before the next try: exponential with full jitter, bounded."""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 0.5
LONGEST_S: Final = 5.0
"""Upper bound, in s. A refused connection costs next to nothing, and a person who starts the broker watches."""

DENIED_FIRST_S: Final = 60.0
DENIED_LONGEST_S: Final = 900.0
"""The same bounds, in s, after the bus did not let us in: trying a wrong password often may lock the account.

Five to eight tries in the first half hour, then four to eight an hour.
"""


class BackOff:
    """Delays in s, growing from about :data:`FIRST_S` to at most :data:`LONGEST_S`; much longer ones after a denial."""

    def __init__(self) -> None:
        self._tries = 0
        self._denials = 0

    def next_after_denial(self) -> float:
        """The next delay where the bus answered and refused us, jittered like the others."""
        bound = min(DENIED_FIRST_S * (2.0 ** min(self._denials, 10)), DENIED_LONGEST_S)
        self._denials += 1
        return random.uniform(bound / 2, bound)  # noqa: S311 - jitter is no secret

    def next(self) -> float:
        """The next delay: uniform between half of the bound and the bound, so that it is never near nothing."""
        bound = min(FIRST_S * (2.0 ** min(self._tries, 10)), LONGEST_S)
        self._tries += 1
        return random.uniform(bound / 2, bound)  # noqa: S311 - jitter is no secret

    def reset(self) -> None:
        """Call after a success."""
        self._tries = 0
        self._denials = 0
