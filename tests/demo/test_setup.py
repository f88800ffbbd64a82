"""Setting up: what is missing is named in one line, and a second run has nothing to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("cat", "dirname", "git", "rm", "sh")
OLD = "#!/bin/sh\nexit 1\n"
WITHOUT_VENV = f"""#!/bin/sh
case "$*" in *ensurepip*) exit 1;; esac
exec {sys.executable} "$@"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as the script looks at."""
    folder = tmp_path / "a checkout"
    for part in ("rigs/venv.sh", "locks/dev.txt", "pyproject.toml"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, folder / part)
    return folder


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH that holds nothing but what the script cannot do without."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def _set_up(checkout: Path, programs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(programs / "sh"), "rigs/venv.sh"],
        cwd=checkout,
        env={"PATH": str(programs), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def _one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_without_git(checkout: Path, programs: Path) -> None:
    (programs / "git").unlink()
    assert "package 'git'" in _one_line(_set_up(checkout, programs))


def test_without_python(checkout: Path, programs: Path) -> None:
    assert "package 'python3'" in _one_line(_set_up(checkout, programs))


def test_with_an_old_python_only(checkout: Path, programs: Path) -> None:
    _program(programs, "python3", OLD)
    assert "Python 3.11 or newer" in _one_line(_set_up(checkout, programs))


def test_with_a_python_that_cannot_make_environments(checkout: Path, programs: Path) -> None:
    _program(programs, "python3", WITHOUT_VENV)
    said = _one_line(_set_up(checkout, programs))
    assert "package 'python3-venv'" in said
    assert f"python3.{sys.version_info.minor}-venv" in said


def test_with_an_interpreter_named_that_will_not_do(checkout: Path, programs: Path) -> None:
    _program(programs, "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    _program(programs, "old python", OLD)
    said = _one_line(_set_up(checkout, programs, PYTHON=str(programs / "old python")))
    assert "old python is not Python 3.11 or newer" in said
    assert not (checkout / ".venv").exists()


def test_what_was_made_from_the_same_locks_is_left_alone(checkout: Path, programs: Path) -> None:
    """The stamp holds the folder, the lock and the project: any of them changed, and it is made again."""
    environment = checkout / ".venv"
    (environment / "bin").mkdir(parents=True)
    record = checkout / "pip.log"
    _program(environment / "bin", "python", f'#!/bin/sh\necho "$@" >>"{record}"\n')

    def digest(*parts: bytes) -> str:
        git = [str(programs / "git"), "hash-object", "--stdin"]
        return subprocess.run(git, input=b"".join(parts), capture_output=True, check=True).stdout.decode().strip()

    lock, project = (checkout / "locks/dev.txt").read_bytes(), (checkout / "pyproject.toml").read_bytes()
    made_from = digest(str(checkout.resolve()).encode() + b"\n", lock) + " " + digest(project)
    (environment / ".made-from").write_text(f"{made_from} python3\n")
    assert _set_up(checkout, programs).returncode == 0
    assert not record.exists(), "nothing was run"
    (checkout / "pyproject.toml").write_bytes(project + b"\n")
    assert _set_up(checkout, programs).returncode == 0
    assert "-e ." in record.read_text(), "the project itself is installed again"
    (checkout / "locks/dev.txt").write_bytes(lock + b"\n")
    assert "package 'python3'" in _one_line(_set_up(checkout, programs))
