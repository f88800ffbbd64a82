"""CloudEvents 1.0 headers, Kafka protocol binding, binary content mode (contracts.md, *On Kafka*).

They let other tools route and show records without parsing them. Our own readers need only the value.
"""

from __future__ import annotations

from urllib.parse import quote

from colearner_ls.contracts.event import Event

Headers = tuple[tuple[str, bytes], ...]


def headers(event: Event, *, traceparent: str | None = None) -> Headers:
    """The headers for one event, as (name, UTF-8 bytes); ``traceparent`` (W3C Trace Context) only when tracing is on.

    Attributes without a value are left out: CloudEvents allows no empty ones. Source: CloudEvents 1.0.2, Kafka Protocol
    Binding §3.2 (``ce_`` prefix, ``content-type`` without it).
    """
    values = (
        ("ce_specversion", "1.0"),
        ("ce_id", event.id),
        ("ce_source", _source(event)),
        ("ce_type", f"colearner.{event.event_type}.v{event.version}"),
        ("ce_time", event.ts),
        ("ce_subject", event.student_id),
        ("content-type", "application/json"),
        ("traceparent", traceparent),
    )
    return tuple((name, value.encode()) for name, value in values if value)


def _source(event: Event) -> str:
    """A URI reference, so anything but ``@`` in the author is percent-encoded."""
    author = quote(event.author, safe="@") if event.author else ""
    return f"/colearner/{event.actor}/{author}".rstrip("/")
