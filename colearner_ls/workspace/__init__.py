"""The one door: opens the journal, starts sync, and offers the use cases to every front end.

Nothing here knows LSP types or prints. Reading a workspace imports neither pydantic nor asyncio; writing does.
"""
