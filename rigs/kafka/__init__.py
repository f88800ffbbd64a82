"""A real Apache Kafka broker without Docker, for tests and the demo.

``python -m rigs.kafka prepare`` gets Java, Maven, kcat and the jars; ``with KafkaBroker.start() as broker:`` runs one.
"""

from .broker import KafkaBroker
from .install import RigError, prepare

__all__ = ["KafkaBroker", "RigError", "prepare"]
