"""What the coach asks and what the student types: the sample's story, and one that fits any folder."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from demo.failure import DemoFailedError

SAMPLE = Path(__file__).resolve().parent / "sample"
_LARGEST_BYTES = 200_000
_CODE = {
    *(".py", ".js", ".ts", ".tsx", ".jsx", ".go", ".rs", ".c", ".h", ".cc", ".cpp", ".hpp", ".java", ".kt", ".rb"),
    *(".sh", ".lua", ".php", ".cs", ".swift", ".scala", ".ml", ".hs", ".ex", ".el", ".sql"),
}


@dataclass(frozen=True)
class Edit:
    """One change the student types: ``old`` stands exactly once in the file by then."""

    old: str
    new: str


@dataclass(frozen=True)
class Story:
    """One exercise at one place. Lines are 1-based, as people and the command line count them."""

    plan: str
    topic: str
    step: str
    exercise: str
    expected: str
    tests: tuple[str, ...]
    path: str
    first_line: int
    last_line: int
    typed_above: str
    first_try: tuple[Edit, ...]
    first_response: str
    mistake_line: int
    mistake: str
    next_step: str
    second_try: tuple[Edit, ...]
    second_response: str
    check: tuple[str, ...] = ()
    """A command that the student runs in their folder before and after; empty: none."""


def sample_story() -> Story:
    """The bug of ``demo/sample``: a diamond is taken for a circle."""
    lines = (SAMPLE / "depgraph" / "graph.py").read_text(encoding="utf-8").split("\n")
    here = _line_of(lines, "def find_cycle(graph: Graph) -> list[str] | None:")
    return Story(
        plan="# Goals\n- read a graph algorithm and repair it\n\n# Plan\n"
        "- `cycles` find circles, and only circles\n- `order` build order\n- `rebuild` what a change touches\n",
        topic="cycles",
        step="cycles",
        exercise="A diamond (two ways to the same part) is reported as a circle. Find out why, and repair find_cycle.",
        expected="test_a_diamond_is_no_circle passes, and circles are still found.",
        tests=("python -m unittest",),
        path="depgraph/graph.py",
        first_line=here,
        last_line=here + 1,
        typed_above="# A diamond:  top -> left  -> base\n#             top -> right -> base\n"
        "# base is reached twice, yet nothing leads back to top.",
        first_try=(
            Edit("        if part in seen:\n            return [*path, part]\n        seen.add(part)\n", _BY_PATH),
            Edit("    seen: set[str] = set()\n\n    def walk", "\n    def walk"),
            Edit("        seen.clear()\n", ""),
        ),
        first_response="Only a part that is on the way from the start closes a circle.",
        mistake_line=_line_of(lines, "        for need in graph.needs(part):"),
        mistake="every diamond doubles the walk from here: 30 in a row take 2^30 steps.",
        next_step="Remember the parts that are finished, and do not walk them again.",
        second_try=(
            Edit("\n    def walk(part: str", "    finished: set[str] = set()\n\n    def walk(part: str"),
            Edit("        for need in graph.needs(part):\n", _UNLESS_FINISHED),
            Edit("                return found\n        return None\n\n    for", _FINISH),
        ),
        second_response="Finished parts are remembered: each is walked once.",
        check=("-m", "unittest"),
    )


_BY_PATH = "        if part in path:\n            return [*path[path.index(part) :], part]\n"
_UNLESS_FINISHED = "        if part in finished:\n            return None\n        for need in graph.needs(part):\n"
_FINISH = "                return found\n        finished.add(part)\n        return None\n\n    for"


def any_story(root: Path) -> Story:
    """An exercise in the middle of the largest file of code (else of text) of a folder."""
    path = _largest_text(root)
    lines = (root / path).read_text(encoding="utf-8").split("\n")
    first, mistake = _two_unique_lines(lines, path)
    here = lines[first - 1]
    indent = here[: len(here) - len(here.lstrip())]
    return Story(
        plan=f"- `read` read {path}\n- `change` change it\n",
        topic=Path(path).name,
        step="read",
        exercise=f"Explain to a newcomer what happens at line {first} of {path}, in a remark above it.",
        expected="A remark that says why, not what.",
        tests=(),
        path=path,
        first_line=first,
        last_line=first,
        typed_above="(a line the student typed at the top)\n(and one more)",
        first_try=(Edit(here, f"{indent}(the student's remark: what this line is for)\n{here}"),),
        first_response="Said what the line is for.",
        mistake_line=mistake,
        mistake="this line belongs to the same thought; the remark should cover it.",
        next_step="Say in one sentence why both lines stand together.",
        second_try=(Edit("(the student's remark: what this line is for)", "(why this and the next one are needed)"),),
        second_response="The remark covers both lines now.",
    )


def _two_unique_lines(lines: list[str], path: str) -> tuple[int, int]:
    """Two line numbers (from 1) near the middle whose text stands nowhere else in the file, not even within a line."""
    middle, found = len(lines) // 2, []
    for number in sorted(range(1, len(lines) + 1), key=lambda number: abs(number - middle)):
        line = lines[number - 1]
        if len(line.strip()) >= 8 and sum(line in other for other in lines) == 1:
            found.append(number)
        if len(found) == 2:
            return min(found), max(found)
    raise DemoFailedError(f"{path} is the largest text here, and has no two lines that stand only once in it")


def _line_of(lines: list[str], wanted: str) -> int:
    return lines.index(wanted) + 1


def _largest_text(root: Path) -> str:
    """The largest file of code that is UTF-8 text under 200 kB, else of any text. Raises :class:`DemoFailedError`."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, timeout=60).stdout
    names = [name for name in listed.decode("utf-8", errors="surrogateescape").split("\0") if name]
    sized = sorted(((root / name).stat().st_size, name) for name in names if _plain(root / name))
    for code in (True, False):
        for _, name in reversed(sized):
            if (not code or Path(name).suffix in _CODE) and _is_text(root / name):
                return name
    raise DemoFailedError(f"there is no text in {root} to work at")


def _plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink() and file.stat().st_size <= _LARGEST_BYTES


def _is_text(file: Path) -> bool:
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return "\0" not in text and "\r" not in text and text.count("\n") >= 10
