"""The bench's arithmetic, its order of runs, its table, its page; no figure is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.bench import page, registry
from rigs.bench.__main__ import main
from rigs.bench.figures import Figure, Promise, Spread, at_least, at_most, at_most_ratio, ratios
from rigs.bench.registry import Bench, CannotMeasureError, measurement, measurements
from rigs.bench.table import number, table

ROOT = Path(__file__).resolve().parents[2]
SPEED = Promise("speed", "how fast", "ms", at_most_ratio(1.5), "the least there is")
COUNT = Promise("count", "how many", "", at_most(2))


def test_a_spread_holds_median_quartiles_and_ends() -> None:
    assert Spread.of([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(3.0, 2.0, 4.0, 1.0, 5.0, 5)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0, 7.0, 7.0, 1)
    with pytest.raises(ValueError, match="one value"):
        Spread.of([])


def test_ratios_are_of_neighbours_not_of_medians() -> None:
    """A machine that slows down by ten in the middle does not change what twice as slow means."""
    floor = [10.0, 10.0, 100.0, 100.0, 100.0]
    ours = [20.0, 20.0, 200.0, 200.0, 200.0]
    assert SPEED.paired(ours, floor).ratio == Spread(2.0, 2.0, 2.0, 2.0, 2.0, 5)
    with pytest.raises(ValueError, match="do not pair up"):
        ratios([1.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("limit", "ours", "floor", "met"),
    [
        (at_most_ratio(1.5), 15.0, 10.0, True),
        (at_most_ratio(1.5), 15.1, 10.0, False),
        (at_most(15), 15.0, 10.0, True),
        (at_most(14), 15.0, 10.0, False),
        (at_least(15), 15.0, 10.0, True),
        (at_least(16), 15.0, 10.0, False),
        (None, 15.0, 10.0, None),
    ],
)
def test_limits(limit: object, ours: float, floor: float, met: bool | None) -> None:
    promise = Promise("p", "w", "ms", limit, "f")  # type: ignore[arg-type]
    assert promise.paired([ours], [floor]).met is met


def test_a_ratio_without_a_floor_is_neither_met_nor_missed() -> None:
    assert SPEED.alone([1.0]).met is None


def test_sides_take_turns_and_the_order_turns_around(tmp_path: Path) -> None:
    ran: list[str] = []

    def side(name: str) -> float:
        ran.append(name)
        return float(len(ran))

    bench = Bench(tmp_path)
    taken = bench.interleaved({"ours": lambda: side("ours"), "floor": lambda: side("floor")}, 3, warm_up=1)
    assert ran == ["ours", "floor", "ours", "floor", "floor", "ours", "ours", "floor"]
    assert taken == {"ours": [3.0, 6.0, 7.0], "floor": [4.0, 5.0, 8.0]}
    assert len(Bench(tmp_path, quick=True).interleaved({"x": lambda: 1.0}, 30)["x"]) == registry.QUICK_ROUNDS


def test_programs_are_started_like_a_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "COLEARNER_SESSION"):
        monkeypatch.setenv(name, "1")
    found = Bench(tmp_path).environment(COLEARNER_HOME="x")
    assert {name: value for name, value in found.items() if name.startswith(("PYTHON", "COLEARNER"))} == {
        "PYTHONPYCACHEPREFIX": str(tmp_path / "pyc"),
        "COLEARNER_HOME": "x",
    }


def test_a_name_is_registered_once() -> None:
    taken = measurements()[0].promises[0]
    with pytest.raises(ValueError, match="two measurements"):
        measurement(taken)(lambda bench: [])


def test_every_promise_says_what_it_is() -> None:
    for promise in (promise for each in measurements() for promise in each.promises):
        assert promise.what, promise.name
        assert promise.limit is None or promise.limit.of == "value" or promise.floor, promise.name


def test_the_table() -> None:
    figure = SPEED.paired([12.0, 13.0, 1400.0], [10.0, 10.0, 1000.0], beside={"a peer": [3.0]}, note="a note")
    drawn = table([figure, COUNT.alone([3.0])]).splitlines()
    assert drawn[0].split() == ["figure", "ours", "floor", "ratio", "(quartiles)", "limit", "runs"]
    assert drawn[2].split("  ")[0] == "speed"
    assert "13 ms (12.5 to 706)" in drawn[2]
    assert "1.30 (1.25 to 1.35)" in drawn[2]
    assert drawn[2].endswith("met")
    assert drawn[3].split() == ["a", "peer", "3", "ms", "1"]
    assert drawn[4].endswith("missed")
    assert "    a note" in drawn
    assert [number(value) for value in (0.01234, 1.5, 99.96, 456.7, 12345.6)] == [
        "0.0123",
        "1.5",
        "100",
        "457",
        "12,346",
    ]


# --- the program


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two measurements of the tests' own, one of which fails."""

    def works(bench: Bench) -> Iterator[Figure]:
        taken = bench.interleaved({"ours": lambda: 2.0, "floor": lambda: 4.0}, 30)
        yield SPEED.paired(taken["ours"], taken["floor"])

    def lacks(bench: Bench) -> Iterator[Figure]:
        raise CannotMeasureError("no broker here")
        yield

    every = (registry.Measurement((SPEED,), works), registry.Measurement((COUNT,), lacks))
    monkeypatch.setattr(registry, "measurements", lambda: every)
    monkeypatch.setattr(page, "measurements", lambda: every)


@pytest.mark.usefixtures("only")
def test_one_that_fails_leaves_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", str(tmp_path / "figures.json")]) == 1
    assert "not measured: count: no broker here" in capsys.readouterr().out
    said = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert said["not_measured"] == {"count": "no broker here"}
    (figure,) = said["figures"]
    assert (figure["name"], figure["ratio"]["median"], figure["ratio"]["count"]) == ("speed", 0.5, 30)
    assert (figure["limit"], figure["met"]) == ("≤ 1.5 ×", True)
    assert {"python", "system", "processor", "cores", "commit", "at", "load"} <= said["machine"].keys()


@pytest.mark.usefixtures("only")
def test_names_pick(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sp*"]) == 0
    assert "count" not in capsys.readouterr().out
    assert main(["nothing"]) == 2
    assert "there are: speed, count" in capsys.readouterr().err
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["speed", "count"]


@pytest.mark.usefixtures("only")
def test_the_page_keeps_the_rows_that_were_not_measured_again() -> None:
    before = f"text\n{page.BEGIN}\n| `gone` | x |\n| `count` | kept |\n{page.END}\nmore\n"
    new = page.row(SPEED.paired([3.0], [2.0], beside={"a|b": [1.0]}), 0.5, "abc", "2026-01-02")
    after = page.updated(before, {"speed": new})
    assert page.named(after) == ["speed", "count"]
    assert "| `count` | kept |" in after
    assert (
        "| `speed` | how fast | 3 ms | the least there is: 2 ms | **1.50** (1.50 to 1.50) | ≤ 1.5 × | met | a\\|b 1 ms"
        in after
    )
    assert after.startswith("text\n")
    assert after.endswith(f"{page.END}\nmore\n")
    assert page.updated(after, {}) == after
    with pytest.raises(ValueError, match="no table"):
        page.updated("text", {})


def test_a_quick_run_of_a_real_figure(tmp_path: Path) -> None:
    """The whole program, with the cheapest of its measurements."""
    command = [sys.executable, "-m", "rigs.bench", "version", "--quick", "--json", str(tmp_path / "figures.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    assert "--quick: too few runs to mean anything" in done.stdout
    figures = {each["name"]: each for each in json.loads((tmp_path / "figures.json").read_text("utf-8"))["figures"]}
    assert 0 < figures["version"]["ours"]["least"] <= figures["version"]["ours"]["most"] < 150_000
    assert figures["version"]["ratio"]["count"] == registry.QUICK_ROUNDS
