"""``kafka://``: Apache Kafka through aiokafka. This package is the only place that imports aiokafka.

Its traps, and the rules made against them, are marked where they are met: every wait is bounded, a timeout means
*unknown*, a producer that met an error is thrown away, and no consumer is ever left on a topic that is not there.
"""

from __future__ import annotations

from .bus import KafkaBus
from .settings import Timing

__all__ = ["KafkaBus", "Timing"]
