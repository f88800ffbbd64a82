"""Pure functions from what the workspace knows to lines for people and to the documents of ``--json``."""
