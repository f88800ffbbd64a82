"""The language server: a translation between LSP and the use cases of ``workspace``. Importing this costs nothing."""
