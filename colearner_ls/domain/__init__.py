"""The rules: pure functions and frozen dataclasses over events. No I/O, no asyncio, no globals; the clock is an argument."""
