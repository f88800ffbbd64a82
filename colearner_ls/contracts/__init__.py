"""What goes over the wire: the envelope, every payload, the catalogue, ids. No I/O, and nothing of ours is imported.

Importing this package is cheap: pydantic is loaded only by `envelope`, `payloads`, `judging`, `views` and `schema`,
which readers of an existing journal do not need.
"""
