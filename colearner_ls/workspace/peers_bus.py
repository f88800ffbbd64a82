"""Where peers' programs say that their Kafka is: ``kafka.brokers`` and ``kafka.topics`` of an ``agent.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from colearner_ls.contracts.catalogue import TOPICS
from colearner_ls.contracts.frozen import frozen


@frozen
class PeersBus:
    """``brokers`` are addresses with commas between them; ``prefix`` stands before every topic name."""

    brokers: str
    prefix: str


def read_agent_yaml(path: Path) -> PeersBus:
    """What it says of Kafka; empty where it says nothing. Raises :class:`ValueError` with the reason."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(str(error)) from error
    kafka = document.get("kafka") if isinstance(document, dict) else None
    if not isinstance(kafka, dict):
        return PeersBus("", "")
    brokers = kafka.get("brokers")
    addresses = brokers if isinstance(brokers, list) else [brokers] if isinstance(brokers, str) else []
    return PeersBus(",".join(str(each) for each in addresses), _prefix(kafka.get("topics")))


def _prefix(topics: Any) -> str:
    """What stands before the names of our topics in a list or a table of full names; other names are the peer's own."""
    found = {name.removesuffix(ours) for name in _names(topics) for ours in TOPICS if name.endswith(ours)}
    if len(found) > 1:
        listed = ", ".join(repr(prefix) for prefix in sorted(found))
        raise ValueError(f"kafka.topics has names with different prefixes ({listed}), and a bus has one")
    return next(iter(found), "")


def _names(topics: Any) -> Iterator[str]:
    match topics:
        case str():
            yield topics
        case list():
            for each in topics:
                yield from _names(each)
        case dict():
            yield from _names(list(topics.values()))
