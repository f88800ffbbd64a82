"""Which Neovim is taken, and what is said where none can be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigs.neovim import install
from rigs.neovim.install import NotInstalledError

URI = "https://mirror.example/debian"
DEB822 = """Types: deb
URIs: https://mirror.example/debian-security/
Suites: stable-security
Signed-By: /keys/security.gpg

Types: deb
# a remark
URIs: https://mirror.example/debian/
Suites: stable
Components: main
Signed-By: /keys/debian.gpg
"""
ONE_LINE = "deb [arch=amd64 signed-by=/keys/old.gpg] https://mirror.example/debian/ stable main\n"


def test_the_keyring_is_that_of_the_mirror_in_both_formats_of_apt() -> None:
    assert install._keyring_in(DEB822, URI) == "/keys/debian.gpg"
    assert install._keyring_in(ONE_LINE, URI) == "/keys/old.gpg"
    assert install._keyring_in(ONE_LINE, "https://other.example/debian") is None
    assert install._keyring_in("deb https://mirror.example/debian stable main", URI) is None


def _nvim(folder: Path, version: str) -> None:
    program = folder / "nvim"
    program.write_text(f"#!/bin/sh\necho NVIM {version}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(("version", "taken"), [("v0.7.2", False), ("v0.11.0", True), ("v0.12.4-dev+g1", True)])
def test_a_system_neovim_is_taken_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    _nvim(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(install, "CACHE", tmp_path / "cache")
    if taken:
        assert install.installed().version == version[1:]
    else:
        with pytest.raises(NotInstalledError, match="prepare"):
            install.installed()


def test_without_apt_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(install, "CACHE", tmp_path / "cache")
    with pytest.raises(NotInstalledError, match="package 'neovim'") as caught:
        install.prepare()
    assert "\n" not in str(caught.value)


def test_a_failing_apt_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("apt-get", "dpkg"):
        (tmp_path / name).write_text("#!/bin/sh\necho first >&2\necho 'E: no network' >&2\nexit 100\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(install, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(install.shutil, "which", lambda name: None if name == "nvim" else str(tmp_path / name))
    with pytest.raises(NotInstalledError, match="E: no network") as caught:
        install.prepare()
    assert "\n" not in str(caught.value)
