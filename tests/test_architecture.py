"""The rules of docs/architecture.md that a machine can hold: who imports whom, what stays pure, what stays small."""

from __future__ import annotations

import ast
import configparser
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ROOT / "colearner_ls"
LONGEST_MODULE = 450


def _contracts() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]]


def _lint(config: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports_command as c; sys.argv[0] = 'lint-imports'; c()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--config", str(config), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_rooms_import_only_what_they_may() -> None:
    done = _lint(ROOT / "pyproject.toml", ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(_contracts())} kept, 0 broken" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("room", "line", "broken"),
    [
        ("contracts", "import colearner_ls.domain.state", "rooms"),
        ("journal", "import colearner_ls.bus", "rooms"),
        ("lsp", "import colearner_ls.cli", "rooms"),
        ("cli", "import colearner_ls.lsp", "rooms"),
        ("bus", "import colearner_ls.domain.state", "bus-knows-no-sessions"),
        ("cli", "import colearner_ls.journal", "one-door"),
        ("workspace", "from lsprotocol import types", "lsp-types-stay-in-lsp"),
        ("sync", "import aiokafka", "kafka-stays-in-one-file"),
        ("domain", "import sqlite3", "domain-is-pure"),
        ("domain", "from time import time", "domain-is-pure"),
        ("journal", "import http.client", "journal-has-no-network"),
    ],
)
def test_a_broken_rule_is_noticed(tmp_path: Path, room: str, line: str, broken: str) -> None:
    """Each contract is proven able to fail, on a copy of the rooms that holds one wrong import."""
    package = tmp_path / "colearner_ls"
    for folder in ("contracts", "domain", "journal", "bus", "sync", "evidence", "workspace", "lsp", "cli"):
        (package / folder).mkdir(parents=True)
        (package / folder / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "domain" / "state.py").write_text("")
    (package / "bus" / "kafka").mkdir()
    (package / "bus" / "kafka" / "__init__.py").write_text("")
    (package / "bus" / "kafka" / "client.py").write_text("import aiokafka\n")
    config = ROOT / "pyproject.toml"
    assert _lint(config, tmp_path).returncode == 0, "the copy itself keeps the rules"
    (package / room / "wrong.py").write_text(line + "\n")
    done = _lint(config, tmp_path, "--contract", broken)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "wrong" in done.stdout, done.stdout


def _modules(*folders: str) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file, file.read_text(encoding="utf-8")


def test_domain_and_contracts_open_no_file_and_read_no_clock() -> None:
    """What import rules cannot see: the ``open`` built-in, ``datetime.now`` and real paths."""
    found = []
    for file, source in _modules("colearner_ls/domain", "colearner_ls/contracts"):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in {"open", "print", "input"} or called.endswith(
                    ("datetime.now", "datetime.utcnow", ".today")
                ):
                    found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {called}()")
            if isinstance(node, ast.ImportFrom) and node.module == "pathlib":
                impure = [alias.name for alias in node.names if not alias.name.startswith("Pure")]
                found += [f"{file.relative_to(ROOT)}:{node.lineno}: pathlib.{name}" for name in impure]
    assert not found, "\n".join(found)


def test_modules_stay_small() -> None:
    long = [
        f"{file.relative_to(ROOT)}: {lines} lines"
        for file, source in _modules("colearner_ls", "rigs", "demo")
        if (lines := source.count("\n")) > LONGEST_MODULE
    ]
    assert not long, "\n".join(long)


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
    found = [
        str(file.relative_to(ROOT)) for file, _ in _modules("colearner_ls") if set(file.with_suffix("").parts) & drawers
    ]
    assert not found


COSTLY = ("pydantic", "asyncio", "aiokafka", "rich", "lsprotocol", "pygls", "watchfiles", "rapidfuzz")


def _loaded_by(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{statement}\nprint(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "module",
    [
        "colearner_ls.contracts.rows",
        "colearner_ls.contracts.catalogue",
        "colearner_ls.domain.fold",
        "colearner_ls.domain.timeline",
        "colearner_ls.journal",
        "colearner_ls.workspace.settings",
        "colearner_ls.workspace.door",
        "colearner_ls.cli.main",
    ],
)
def test_reading_a_workspace_loads_nothing_costly(module: str) -> None:
    """``colearner status`` starts in tens of milliseconds because nothing it imports pulls these in."""
    loaded = _loaded_by(f"import {module}")
    assert "colearner_ls" in loaded
    assert not loaded & set(COSTLY), f"{module} loads {sorted(loaded & set(COSTLY))}"


LEFT_OUT_OF_A_LOOK = (
    *COSTLY,
    "cryptography",
    "_hashlib",
    "logging",
    "socket",
    "platformdirs",
    "uuid_utils",
    "rfc8785",
    "yaml",
)
"""What ``colearner status --json`` does without: 3 to 100 ms each, of the 100 it may take (docs/performance.md)."""

LEFT_OUT_OF_VERSION = (*LEFT_OUT_OF_A_LOOK, "click", "sqlite3", "pathlib", "typing", "json", "dataclasses")


@pytest.mark.parametrize(
    ("arguments", "left_out"), [(["status", "--json"], LEFT_OUT_OF_A_LOOK), (["--version"], LEFT_OUT_OF_VERSION)]
)
def test_what_a_look_does_without(tmp_path: Path, arguments: list[str], left_out: tuple[str, ...]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COLEARNER_")}
    environment |= {"COLEARNER_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    folder = tmp_path / "student"
    folder.mkdir()

    start = "from colearner_ls.cli.main import main; raise SystemExit(main())"

    def run(code: str, *told: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *told],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    run(start, "student", "init", "--session", "s1", "--student", "ada")
    run(start, "progress", "--active", "step-1", "--offline")
    # What the interpreter itself brought (an editable install adds to that) is there before.
    show = """
import sys
before = set(sys.modules)
from colearner_ls.cli.main import main
main()
print(*(set(sys.modules) - before), file=sys.stderr)
"""
    loaded = set(run(show, *arguments).split())
    assert not loaded & set(left_out), f"colearner {' '.join(arguments)} loads {sorted(loaded & set(left_out))}"


def _tracked_text() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30)
    for name in listed.stdout.decode("utf-8").split("\0"):
        file = ROOT / name
        if name and file.is_file():
            raw = file.read_bytes()
            if b"\0" not in raw[:8000]:
                yield name, raw.decode("utf-8", errors="replace")


def _registry_hosts() -> set[str]:
    """Public registries, and whatever index this machine's own pip is set to."""
    hosts = {"pypi" + ".org", "files.python" + "hosted.org", "registry.npm" + "js.org", "repo.maven.apache" + ".org"}
    hosts |= {"repo1.maven" + ".org", "deb.debian" + ".org", "snapshot.debian" + ".org", "proxy.golang" + ".org"}
    for file in (Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"):
        settings = configparser.ConfigParser(interpolation=None, strict=False)
        settings.read(file)
        for section in settings.sections():
            for _, value in settings.items(section):
                hosts |= {host for word in value.split() if (host := urlsplit(word).hostname)}
    return hosts - {"localhost", "127.0.0.1"}


def test_nothing_tracked_names_a_registry_or_this_machine() -> None:
    hosts = re.compile("|".join(re.escape(host) for host in sorted(_registry_hosts())))
    # Where checkouts of this project have lived, this one, and the home folder of whoever runs this.
    folders = [r"/" + r"root/\w", r"/" + r"work/\w"]
    folders += [re.escape(str(place)) + r"\b" for place in (ROOT, Path.home()) if len(place.parts) > 2]
    paths = re.compile(r"(?<![\w.~*}$-])(?:" + "|".join(folders) + ")")
    found = [
        f"{name}:{number}: {match[0]}"
        for name, text in _tracked_text()
        for number, line in enumerate(text.splitlines(), 1)
        for match in [hosts.search(line) or paths.search(line)]
        if match
    ]
    assert not found, "\n".join(found)


def test_locks_pin_hashes_and_name_no_index() -> None:
    for lock in ("runtime.txt", "dev.txt"):
        text = (ROOT / "locks" / lock).read_text(encoding="utf-8")
        assert "://" not in text, lock
        entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
        unpinned = [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
        assert entries
        assert not unpinned, f"{lock}: {unpinned}"


def test_every_run_time_import_is_declared_and_every_dependency_is_used() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {re.split(r"[<>=!~ ;\[]", line)[0].lower() for line in settings["project"]["dependencies"]}
    names = {"pyyaml": "yaml", "uuid-utils": "uuid_utils"}
    imported: set[str] = set()
    for _, source in _modules("colearner_ls"):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                imported.add(node.module.partition(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - {"colearner_ls"}
    wanted = {names.get(name, name) for name in declared}
    part_of_pygls = {"attrs", "cattrs"}  # lsprotocol's types and their converter are made of these, by pygls' interface
    assert foreign - wanted - part_of_pygls == set(), "imported, yet not in pyproject's dependencies"
    assert wanted - foreign == set(), "declared, yet nothing imports it"


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rigs.docs", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
