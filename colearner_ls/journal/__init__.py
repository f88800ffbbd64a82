"""The journal: what was written or read on this machine, kept in one SQLite file per workspace folder.

Reading it imports neither pydantic nor asyncio; writing loads the validation of :mod:`colearner_ls.contracts.judging`.
"""
