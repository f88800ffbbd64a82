"""Where each setting comes from, and which folder is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from colearner_ls.bus.errors import BadBusUrl
from colearner_ls.bus.url import BusUrl
from colearner_ls.journal.registry import Registry
from colearner_ls.workspace.settings import BadConfig, Overrides, Settings, find_root, resolve


def config(root: Path, text: str) -> None:
    folder = root / ".colearner"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text, encoding="utf-8")


def resolved(root: Path, env: dict[str, str] | None = None, **said: str) -> Settings:
    return resolve(root, Overrides(**said), {"COLEARNER_HOME": str(root / "home"), **(env or {})})


def source(settings: Settings, name: str) -> str:
    return next(each.source for each in settings.sources if each.name == name)


def test_nothing_set_up(tmp_path: Path) -> None:
    settings = resolved(tmp_path)
    assert (settings.role, settings.session, settings.student, settings.sharing) == (None, None, None, "ask")
    assert settings.bus.key == BusUrl.for_file(tmp_path / "home" / "bus.db").key
    assert not settings.live
    assert "@" in settings.author


def test_config_is_read(tmp_path: Path) -> None:
    config(tmp_path, 'role = "coach"\nsession = "s"\nstudent = "ada"\nauthor = "eve"\n[share]\nmode = "off"\n')
    settings = resolved(tmp_path)
    assert (settings.role, settings.session, settings.student) == ("coach", "s", "ada")
    assert (settings.author, settings.sharing) == ("eve", "off")
    assert source(settings, "role") == "config.toml"


def test_command_line_wins(tmp_path: Path) -> None:
    config(tmp_path, 'role = "coach"\nsession = "s"\n')
    settings = resolved(tmp_path, role="student", session="t")
    assert (settings.role, settings.session) == ("student", "t")
    assert source(settings, "session") == "command line"


BUS_CASES = [
    ({}, "", None, "sqlite", "default: the embedded bus"),
    ({"COLEARNER_BUS": "kafka://env:1"}, 'bus = "kafka://file:2"', "kafka://said:3", "kafka://said:3", "command line"),
    ({"COLEARNER_BUS": "kafka://env:1"}, 'bus = "kafka://file:2"', None, "kafka://env:1", "COLEARNER_BUS"),
    ({"COLEARNER_BROKERS": "b:1"}, 'bus = "kafka://file:2"', None, "kafka://file:2", "config.toml"),
    ({"COLEARNER_BROKERS": "b:1, a:2"}, "", None, "kafka://a:2,b:1", "COLEARNER_BROKERS"),
    ({"COLEARNER_BUS": "kafka", "COLEARNER_BROKERS": "b:1"}, "", None, "kafka://b:1", "COLEARNER_BROKERS"),
    (
        {"COLEARNER_BUS": "file", "COLEARNER_BROKERS": "b:1"},
        "",
        None,
        "sqlite",
        "COLEARNER_BUS (“file”: the embedded bus)",
    ),
]


@pytest.mark.parametrize(("env", "text", "said", "key", "where"), BUS_CASES)
def test_order_of_bus_sources(
    tmp_path: Path, env: dict[str, str], text: str, said: str | None, key: str, where: str
) -> None:
    config(tmp_path, text)
    settings = resolved(tmp_path, env, **({"bus": said} if said else {}))
    assert settings.bus.key.startswith(key)
    assert source(settings, "bus") == where


@pytest.mark.parametrize("brokers", ["[a:1, b:2]", "a:1,b:2"])
def test_agent_yaml_of_peers(tmp_path: Path, brokers: str) -> None:
    cfg = tmp_path / "aafw" / "CFG"
    cfg.mkdir(parents=True)
    (cfg / "agent.yaml").write_text(f"kafka:\n  brokers: {brokers}\n")
    settings = resolved(tmp_path, {"AAFW_HOME": str(tmp_path / "aafw")})
    assert settings.bus.key == "kafka://a:1,b:2"


@pytest.mark.parametrize(
    ("topics", "prefix"),
    [
        ("[colearner.events.v1, colearner.progress.v1]", ""),
        ("[class-3b.colearner.events.v1, class-3b.colearner.coach.v1, their.own]", "class-3b."),
        ("{events: x.colearner.events.v1, feedback: x.colearner.feedback.v1}", "x."),
        ("{events: {name: y.colearner.events.v1, partitions: 3}}", "y."),
        ("x.colearner.events.v1", "x."),
        ("[their.own]", ""),
        ("7", ""),
        ("null", ""),
    ],
)
def test_topics_of_peers_say_the_prefix(tmp_path: Path, topics: str, prefix: str) -> None:
    cfg = tmp_path / "aafw" / "CFG"
    cfg.mkdir(parents=True)
    (cfg / "agent.yaml").write_text(f"kafka:\n  brokers: [a:1]\n  topics: {topics}\n")
    assert resolved(tmp_path, {"AAFW_HOME": str(tmp_path / "aafw")}).bus.prefix == prefix


def test_topics_of_peers_that_do_not_agree_are_refused(tmp_path: Path) -> None:
    cfg = tmp_path / "aafw" / "CFG"
    cfg.mkdir(parents=True)
    topics = "[a.colearner.events.v1, b.colearner.coach.v1]"
    (cfg / "agent.yaml").write_text(f"kafka:\n  brokers: [h:1]\n  topics: {topics}\n")
    with pytest.raises(BadConfig, match=r"agent\.yaml.*'a\.', 'b\.'") as refused:
        resolved(tmp_path, {"AAFW_HOME": str(tmp_path / "aafw")})
    assert "--bus" in refused.value.hint


def test_broken_agent_yaml_names_the_file(tmp_path: Path) -> None:
    cfg = tmp_path / "aafw" / "CFG"
    cfg.mkdir(parents=True)
    (cfg / "agent.yaml").write_text("kafka: [")
    with pytest.raises(BadConfig, match=r"agent\.yaml"):
        resolved(tmp_path, {"AAFW_HOME": str(tmp_path / "aafw")})


def test_a_word_that_is_no_bus(tmp_path: Path) -> None:
    with pytest.raises(BadBusUrl, match="redis"):
        resolved(tmp_path, {"COLEARNER_BUS": "redis"})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("role = ", "TOML"),
        ('role = "teacher"', "teacher"),
        ("session = 5", "must be text"),
        ('share = "auto"', "must be a table"),
        ('[share]\nmode = "maybe"', "maybe"),
    ],
)
def test_broken_config_is_named_and_left_alone(tmp_path: Path, text: str, word: str) -> None:
    config(tmp_path, text)
    with pytest.raises(BadConfig, match=word) as caught:
        resolved(tmp_path)
    assert caught.value.hint
    assert (tmp_path / ".colearner" / "config.toml").read_text() == text


def test_a_cloned_folder_is_not_live(tmp_path: Path) -> None:
    config(tmp_path, 'role = "student"\nsession = "s"\n')
    assert not resolved(tmp_path).live
    assert resolved(tmp_path, session="s").live


def test_a_changed_file_asks_again_but_the_environment_does_not(tmp_path: Path) -> None:
    config(tmp_path, 'role = "student"\nsession = "s"\nbus = "kafka://good:1"\n')
    Registry(tmp_path / "home").record(tmp_path, bus="kafka://good:1", session="s", how="join")
    assert resolved(tmp_path).live
    assert resolved(tmp_path, {"COLEARNER_BUS": "kafka://mine:1"}).live
    config(tmp_path, 'role = "student"\nsession = "s"\nbus = "kafka://evil:1"\n')
    assert not resolved(tmp_path).live
    config(tmp_path, 'role = "student"\nsession = "other"\nbus = "kafka://good:1"\n')
    assert not resolved(tmp_path).live


def test_nearest_configured_folder_counts(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    sub = repo / "sub" / "deep"
    sub.mkdir(parents=True)
    (repo / ".git").mkdir()
    assert find_root(sub) == sub
    config(repo, "")
    assert find_root(sub) == repo
    config(repo / "sub", "")
    assert find_root(sub) == repo / "sub"
    assert find_root(repo) == repo


def test_never_above_the_git_root(tmp_path: Path) -> None:
    config(tmp_path, "")
    repo = tmp_path / "repo"
    (repo / ".git").mkdir(parents=True)
    assert find_root(repo) == repo


def test_never_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config(tmp_path, "")
    (tmp_path / "code").mkdir()
    assert find_root(tmp_path / "code") == tmp_path / "code"
