"""The one way in which the demo ends early."""


class DemoFailedError(Exception):
    """Something that the demo shows did not happen; the text says what, in one line."""
