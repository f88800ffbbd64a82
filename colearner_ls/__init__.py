"""colearner: a coach and a student work through a codebase together, each in their own editor."""

__version__ = "0.1.0"
