"""Fuzzing: the real language server and the real reader are given what nobody sane would send.

Everything comes from one seed, so a case that fails can be had again: ``python -m rigs.fuzz lsp --seed N --cases N``.
"""
