"""docs/reliability.md says what is tested: each row of the matrix has its test, and nothing else claims to be one."""

from __future__ import annotations

from rigs.reliability import LEFT_OUT, REREAD, ROWS, matrix_tests, page, recorded


def test_every_row_has_its_test_and_every_test_its_row() -> None:
    tested = {test.row for test in matrix_tests()}
    assert set(ROWS) - tested == set(), "rows without a test"
    assert tested - set(ROWS) == set(), "tests of rows that do not exist, or are left out"


def test_the_rows_are_those_of_the_matrix() -> None:
    assert set(ROWS) | set(LEFT_OUT) == {f"F{number:02}" for number in range(1, 31)}
    assert not set(ROWS) & set(LEFT_OUT)
    assert set(REREAD) <= set(ROWS)


def test_every_test_states_its_promise() -> None:
    for test in matrix_tests():
        assert test.promise.endswith("."), f"{test.name}: the first line of its docstring is the promise"
    names = [test.name for test in matrix_tests()]
    assert len(names) == len(set(names))


def test_the_page_quotes_what_was_measured() -> None:
    text = page()
    for name, seen in recorded().items():
        assert name in text
        assert seen["outcome"] in text
