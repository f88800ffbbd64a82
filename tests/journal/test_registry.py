"""Which folders are live on this machine."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from colearner_ls.journal.identity import default_author, machine_id
from colearner_ls.journal.registry import Registry, RegistryError, user_data_folder
from tests.journal.mounts import read_only


def is_live(registry: Registry, root: Path, *, bus: str, session: str | None) -> bool:
    entry = registry.get(root)
    return entry is not None and (entry.bus, entry.session) == (bus, session)


def test_only_a_recorded_folder_is_live_and_only_as_recorded(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "home")
    root = tmp_path / "répo one"
    root.mkdir()
    assert not is_live(registry, root, bus="b", session="s")
    assert not (tmp_path / "home").exists()  # asking makes nothing
    registry.record(root, bus="b", session="s", how="join")
    assert is_live(registry, root, bus="b", session="s")
    assert not is_live(registry, root, bus="other", session="s")
    assert not is_live(registry, root, bus="b", session="other")
    assert not is_live(registry, root, bus="b", session=None)
    assert not is_live(registry, root / "sub", bus="b", session="s")
    entry = Registry(tmp_path / "home").get(root)
    assert entry is not None
    assert (entry.how, entry.session, entry.path) == ("join", "s", str(root))
    registry.record(root, bus="b2", session="s", how="editor")
    assert is_live(registry, root, bus="b2", session="s")
    assert len(registry.folders()) == 1
    assert registry.forget(root)
    assert not registry.forget(root)
    assert registry.folders() == ()


def test_a_link_to_a_folder_is_that_folder(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "home")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    registry.record(tmp_path / "link", bus="b", session="s", how="init")
    assert is_live(registry, tmp_path / "real", bus="b", session="s")


def test_a_path_that_is_no_text_can_be_recorded(tmp_path: Path) -> None:
    root = tmp_path / "caf\udce9"
    root.mkdir()
    registry = Registry(tmp_path / "home")
    registry.record(root, bus="b", session="s", how="init")
    assert is_live(registry, root, bus="b", session="s")


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"folders": 3}', '{"folders": {"/x": {}}}', "[" * 5000])
def test_a_damaged_list_makes_nothing_live_and_is_kept(tmp_path: Path, content: str) -> None:
    registry = Registry(tmp_path)
    registry.record(tmp_path, bus="b", session="s", how="init")
    (tmp_path / "workspaces.json").write_text(content)
    assert not is_live(registry, tmp_path, bus="b", session="s")
    assert (tmp_path / "workspaces.json").read_text() == content
    registry.record(tmp_path / "two", bus="b", session="s", how="init")
    assert is_live(registry, tmp_path / "two", bus="b", session="s")
    (kept,) = tmp_path.glob("workspaces.json.bak-*")
    assert kept.read_text() == content


def test_many_record_at_once(tmp_path: Path) -> None:
    def record(number: int) -> None:
        Registry(tmp_path).record(tmp_path / str(number), bus="b", session="s", how="init")

    threads = [threading.Thread(target=record, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Registry(tmp_path).folders()) == 12
    assert json.loads((tmp_path / "workspaces.json").read_text())["version"] == 1


def test_where_the_list_cannot_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with read_only(tmp_path / "home"), pytest.raises(RegistryError, match="Read-only"):
        Registry(tmp_path / "home").record(tmp_path, bus="b", session="s", how="init")


def test_the_user_data_folder_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_data_folder({"COLEARNER_HOME": str(tmp_path / "x")}) == tmp_path / "x"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_data_folder({"COLEARNER_HOME": "~/y"}) == tmp_path / "y"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert user_data_folder({}).name == "colearner"


def test_the_machine_id_is_stable_and_gives_the_real_one_away_to_nobody() -> None:
    assert machine_id() == machine_id()
    assert len(machine_id()) == 32
    assert int(machine_id(), 16) >= 0
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        if path.exists():
            assert path.read_text().strip() not in machine_id()
    assert default_author().endswith("@" + machine_id()[:8])
