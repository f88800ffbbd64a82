"""What git knows about a workspace: whether files are ignored, and which commit is checked out.

The repository may be anybody's, so its configuration is hostile: nothing it names is run. Git itself runs hooks, a file
system monitor, a pager and fetches of missing objects on the word of a repository's configuration; each is switched off.
Every call has a timeout. A missing or unwilling git is an answer (:class:`NoGit`), not an error.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from colearner_ls.contracts.frozen import frozen

TIMEOUT_S: Final = 5.0
"""Longest wait for one call of git, in seconds; all of them take milliseconds on a healthy disk."""

_CONFIG: Final = (
    "core.fsmonitor=false",  # its value may be a command line that git runs (git-config(1))
    "core.hooksPath=" + os.devnull,
    "core.pager=cat",
    "core.untrackedCache=false",
    "protocol.allow=never",  # no transport, so that no missing object of a partial clone is fetched
)

_ENVIRONMENT: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}

_INHERITED: Final = frozenset(
    {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES"}
)
"""The only GIT_ variables passed on: others (GIT_DIR inside of a hook, say) would point git at another repository."""

_NONE_IGNORED: Final = 1


@frozen
class NoGit:
    """Git could not answer; ``reason`` says why, in words for people. ``repository`` is false if there is none here."""

    reason: str
    repository: bool = True


@frozen
class _Ran:
    code: int
    out: bytes
    problem: str


def _run(folder: Path, *arguments: str, given: bytes = b"") -> _Ran | NoGit:
    command = ["git", "-C", str(folder)]
    for setting in _CONFIG:
        command += ["-c", setting]
    try:
        done = subprocess.run(
            [*command, *arguments],
            input=given,
            capture_output=True,
            timeout=TIMEOUT_S,
            env=_environment(os.environ),
            check=False,
        )
    except FileNotFoundError:
        return NoGit("git is not installed")
    except subprocess.TimeoutExpired:
        return NoGit(f"git gave no answer within {TIMEOUT_S:g} s")
    except OSError as error:
        return NoGit(f"git cannot be started: {error.strerror}")
    return _Ran(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip())


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in inherited.items() if not name.startswith("GIT_") or name in _INHERITED}
    return kept | _ENVIRONMENT


def git_root(folder: Path) -> Path | NoGit:
    """The top folder of the working tree that ``folder`` lies in."""
    ran = _run(folder, "rev-parse", "--show-toplevel")
    if isinstance(ran, NoGit):
        return ran
    if ran.code:
        return _refused(folder, ran)
    return Path(os.fsdecode(ran.out.removesuffix(b"\n")))


def is_repository(folder: Path) -> bool:
    """Whether ``folder`` lies in the working tree of a repository that git is willing to read."""
    return isinstance(git_root(folder), Path)


def head_commit(folder: Path) -> str | None:
    """The commit that is checked out (hex); ``None`` without a repository, without a commit, or without git."""
    ran = _run(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if isinstance(ran, NoGit) or ran.code:
        return None
    return ran.out.decode("ascii", "replace").strip() or None


def remote_url(folder: Path) -> str | None:
    """Where ``origin`` is fetched from, without user and password; ``None`` without such a remote or without git."""
    ran = _run(folder, "config", "--get", "remote.origin.url")
    if isinstance(ran, NoGit) or ran.code:
        return None
    url = ran.out.decode("utf-8", "replace").strip()
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url or None
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def ignored(folder: Path, paths: Iterable[str]) -> frozenset[str] | NoGit:
    """Those of ``paths`` (relative to ``folder``) that git ignores; a tracked file is never ignored.

    :class:`NoGit` where git cannot tell; with ``repository`` false nothing is ignored, since there is no repository.
    """
    asked = list(paths)
    if not asked:
        return frozenset()
    # A leading "./" keeps a name such as ":/x" from being read as a pattern of git's own ("pathspec magic").
    given = b"".join(b"./" + os.fsencode(path) + b"\0" for path in asked)
    ran = _run(folder, "check-ignore", "-z", "--stdin", given=given)
    if isinstance(ran, NoGit):
        return ran if _has_git_folder(folder) else NoGit(ran.reason, repository=False)
    if ran.code in {0, _NONE_IGNORED}:
        return frozenset(os.fsdecode(path.removeprefix(b"./")) for path in ran.out.split(b"\0") if path)
    if len(asked) > 1:
        return _one_by_one(folder, asked)
    return _in_its_folder(folder, asked[0], ran)


def _one_by_one(folder: Path, paths: list[str]) -> frozenset[str] | NoGit:
    """One path that git cannot judge spoils the answer for all, so each is asked for alone."""
    found: set[str] = set()
    for path in paths:
        answer = ignored(folder, [path])
        if isinstance(answer, NoGit):
            return answer
        found |= answer
    return frozenset(found)


def _in_its_folder(folder: Path, path: str, ran: _Ran) -> frozenset[str] | NoGit:
    """Ask where the file is: it may lie in a submodule, whose files the outer repository does not judge."""
    parent, _, name = path.rpartition("/")
    inner = folder / parent
    if parent and inner.is_dir() and "submodule" in ran.problem:
        answer = ignored(inner, [name])
        return answer if isinstance(answer, NoGit) else frozenset([path] if answer else [])
    return _refused(folder, ran)


def tracked(folder: Path, paths: Iterable[str]) -> frozenset[str] | NoGit:
    """Those of ``paths`` (files, relative to ``folder``) that are in git's index."""
    asked = list(paths)
    if not asked:
        return frozenset()
    ran = _run(folder, "--literal-pathspecs", "ls-files", "-z", "--cached", "--", *asked)
    if isinstance(ran, NoGit):
        return ran
    if ran.code:
        return _refused(folder, ran)
    return frozenset(os.fsdecode(path) for path in ran.out.split(b"\0") if path)


def _refused(folder: Path, ran: _Ran) -> NoGit:
    if "not a git repository" in ran.problem and not _has_git_folder(folder):
        return NoGit("this is not a git repository", repository=False)
    said = ran.problem.splitlines()
    return NoGit(f"git refused: {said[0]}" if said else f"git ended with code {ran.code}")


def _has_git_folder(folder: Path) -> bool:
    """Whether ``folder`` or one above it has a ``.git`` (a file in worktrees and submodules)."""
    absolute = folder.absolute()
    return any(os.path.lexists(above / ".git") for above in (absolute, *absolute.parents))
