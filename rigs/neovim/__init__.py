"""A real Neovim (0.11 or newer) for the tests: fetched beside the system, driven headless over its own RPC."""

from rigs.neovim.install import Installed, NotInstalledError, installed, prepare
from rigs.neovim.screen import Cell, Screen
from rigs.neovim.session import Neovim

__all__ = ["Cell", "Installed", "Neovim", "NotInstalledError", "Screen", "installed", "prepare"]
