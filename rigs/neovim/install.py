"""Finds a Neovim of 0.11 or newer, or unpacks Debian's newest into ``.cache/neovim`` without touching the system.

Debian's stable suites are too old for ``vim.lsp.config`` (0.11), so its ``sid`` suite is asked through a private apt:
own lists, own cache, an empty list of installed packages. Mirror and keyring are those of the machine's own apt. The
packages, libc among them, are unpacked with ``dpkg -x`` and run through the unpacked dynamic loader.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST = (0, 11)
"""``vim.lsp.config`` and ``vim.lsp.enable`` came with 0.11 (Neovim's news-0.11.txt)."""

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "neovim"
_APT_TIMEOUT_S = 300


class NotInstalledError(Exception):
    """No usable Neovim, and none can be fetched; the text is one line that says what to install."""


@dataclass(frozen=True)
class Installed:
    """How to run this Neovim: ``command`` plus arguments, with ``environment`` added."""

    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    version: str


@dataclass(frozen=True)
class _Mirror:
    uri: str
    keyring: str | None


def installed() -> Installed:
    """The system's Neovim if it is new enough, else the unpacked one. Raises :class:`NotInstalledError`."""
    system = shutil.which("nvim")
    if system is not None:
        version = _version((system,), ())
        if version is not None:
            return Installed((system,), (), version)
    unpacked = _unpacked(CACHE / "root")
    if unpacked is not None:
        return unpacked
    raise NotInstalledError("Neovim 0.11 or newer is not here yet: python -m rigs.neovim prepare")


def prepare() -> Installed:
    """Make sure that a usable Neovim is there; instant when it already is. Raises :class:`NotInstalledError`."""
    try:
        return installed()
    except NotInstalledError:
        pass
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise NotInstalledError(
                "Neovim 0.11 or newer is needed for the editor tests: install the package 'neovim'."
            )
    mirror = _mirror()
    CACHE.mkdir(parents=True, exist_ok=True)
    packages = _download(mirror, CACHE / "apt")
    fresh = CACHE / "root.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for package in packages:
        _run(["dpkg", "-x", str(package), str(fresh)])
    if _unpacked(fresh) is None:
        raise NotInstalledError(
            "The Neovim of Debian sid does not run here: install the package 'neovim' (0.11 or newer)."
        )
    root = CACHE / "root"
    shutil.rmtree(root, ignore_errors=True)
    fresh.rename(root)
    shutil.rmtree(CACHE / "apt", ignore_errors=True)
    return installed()


def _unpacked(root: Path) -> Installed | None:
    # The packages were built against a newer libc than the machine's, so their own loader and libraries run them.
    loaders = sorted(root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))
    binary = root / "usr" / "bin" / "nvim"
    if not loaders or not binary.exists():
        return None
    loader = loaders[0]
    command = (str(loader), "--library-path", str(loader.parent), str(binary))
    environment = (("VIMRUNTIME", str(root / "usr" / "share" / "nvim" / "runtime")),)
    version = _version(command, environment)
    return None if version is None else Installed(command, environment, version)


def _version(command: tuple[str, ...], environment: tuple[tuple[str, str], ...]) -> str | None:
    """The version if the command runs and is new enough, else ``None``."""
    try:
        done = subprocess.run(
            [*command, "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, **dict(environment)},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"NVIM v((\d+)\.(\d+)\S*)", done.stdout)
    if done.returncode != 0 or match is None or (int(match[2]), int(match[3])) < OLDEST:
        return None
    return match[1]


def _mirror() -> _Mirror:
    """The Debian mirror that this machine's apt uses, and the keyring it trusts for it."""
    listing = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])
    for line in listing.splitlines():
        uri = line.strip().rstrip("/")
        # A dated archive (snapshot) ends otherwise, and holds no sid of today.
        if uri.endswith("/debian"):
            return _Mirror(uri, _keyring(uri))
    raise NotInstalledError(
        "This machine's apt knows no Debian mirror to fetch Neovim from: install the package 'neovim' (0.11 or newer)."
    )


def _keyring(uri: str) -> str | None:
    for name in ("debian.sources", "*.sources", "*.list"):
        for file in sorted(Path("/etc/apt/sources.list.d").glob(name)):
            keyring = _keyring_in(file.read_text(encoding="utf-8", errors="replace"), uri)
            if keyring is not None:
                return keyring
    single = Path("/etc/apt/sources.list")
    if single.is_file():
        return _keyring_in(single.read_text(encoding="utf-8", errors="replace"), uri)
    return None


def _keyring_in(sources: str, uri: str) -> str | None:
    """``Signed-By`` of the entry that names ``uri``, in either of apt's two formats (sources.list(5))."""
    for stanza in re.split(r"\n\s*\n", sources):
        named = re.search(r"^URIs:.*", stanza, re.MULTILINE | re.IGNORECASE)
        signed = re.search(r"^Signed-By:\s*(/\S+)", stanza, re.MULTILINE | re.IGNORECASE)
        if named and uri in (part.rstrip("/") for part in named[0].split()[1:]) and signed:
            return signed[1]
    for line in sources.splitlines():
        signed = re.search(r"^deb\s+\[[^\]]*signed-by=(/[^\]\s,]+)", line)
        if signed and uri in (part.rstrip("/") for part in line.split()):
            return signed[1]
    return None


def _download(mirror: _Mirror, home: Path) -> list[Path]:
    for folder in ("lists/partial", "cache/archives/partial"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "status").write_bytes(b"")
    option = f"[signed-by={mirror.keyring}] " if mirror.keyring else ""
    (home / "sources.list").write_text(f"deb {option}{mirror.uri} sid main\n", encoding="utf-8")
    private = [
        "apt-get",
        "-qq",
        f"-oDir::Etc::sourcelist={home / 'sources.list'}",
        "-oDir::Etc::sourceparts=/dev/null",
        f"-oDir::State::Lists={home / 'lists'}",
        f"-oDir::Cache={home / 'cache'}",
        f"-oDir::State::status={home / 'status'}",
        # apt's download user may not enter this folder.
        "-oAPT::Sandbox::User=root",
        "-oAcquire::Languages=none",
    ]
    _run([*private, "update"])
    _run([*private, "install", "--download-only", "--no-install-recommends", "--yes", "neovim"])
    packages = sorted((home / "cache" / "archives").glob("*.deb"))
    if not packages:
        raise NotInstalledError("apt fetched nothing for neovim: install the package 'neovim' (0.11 or newer).")
    return packages


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_APT_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalledError(
            f"{command[0]} took over {_APT_TIMEOUT_S} s: install the package 'neovim' (0.11 or newer)."
        ) from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotInstalledError(f"{command[0]} failed ({said}): install the package 'neovim' (0.11 or newer).")
    return done.stdout
