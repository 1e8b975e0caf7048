"""Counts how the code is laid out: rooms, floors and arrows of each package, how long things are, and tests.

    python -m benchmarks.house

A room is a module or a package that lies directly in a package; an arrow says that one imports another; a room's floor
is one above the highest room that it imports. TYPE_CHECKING imports count: who reads the code follows them too.
"""

from __future__ import annotations

import ast
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("config", "operations", "rewardtrain", "labeling", "jobs", "formats", "artifacts")
LAID_OUT = (*PACKAGES, "rewardtrain.core")
TESTED_BY = {name: "tests/core" if name == "rewardtrain.core" else f"tests/{name}" for name in LAID_OUT}
NO_ROOMS = {"migrations"}  # a history, which nobody walks through
MODULES = {".py", ".js", ".css", ".html"}


@dataclass(frozen=True)
class Plan:
    """The rooms of one package, each with those that it imports."""

    arrows: Mapping[str, frozenset[str]]

    @property
    def n_arrows(self) -> int:
        return sum(map(len, self.arrows.values()))

    def floors(self) -> dict[str, int]:
        """The ground floor is 1. Raises ValueError where rooms import each other in a circle."""
        floors: dict[str, int] = {}

        def floor(room: str, above: tuple[str, ...]) -> int:
            if room in above:
                raise ValueError(f"in a circle: {' > '.join((*above, room))}")
            if room not in floors:
                floors[room] = 1 + max((floor(below, (*above, room)) for below in self.arrows[room]), default=0)
            return floors[room]

        for room in self.arrows:
            floor(room, ())
        return floors


@dataclass(frozen=True)
class Lengths:
    """Of files, functions or lines: how many, the median, the 90th percentile, the longest and where it is."""

    n: int
    median: int
    p90: int
    longest: int
    place: str

    @classmethod
    def of(cls, lengths: Iterable[tuple[int, str]]) -> Lengths:
        found = sorted(lengths)
        numbers = [length for length, _ in found]
        p90 = numbers[min(len(numbers) - 1, round(0.9 * len(numbers)))]
        return cls(len(found), int(statistics.median(numbers)), p90, numbers[-1], found[-1][1])

    def __str__(self) -> str:
        return f"{self.n:6}{self.median:8}{self.p90:6}{self.longest:9}   {self.place}"


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows, below the root."""
    done = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True, text=True)
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def plan(package: str) -> Plan:
    graph = grimp.build_graph(*(name for name in PACKAGES if (ROOT / name).is_dir()), cache_dir=None)
    rooms = {name.removeprefix(f"{package}.") for name in graph.find_children(package)} - NO_ROOMS
    arrows: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        room = room_of(module, package)
        if room not in rooms:
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            other = room_of(imported, package)
            if other in rooms and other != room:
                arrows[room].add(other)
    return Plan({room: frozenset(below) for room, below in sorted(arrows.items())})


def room_of(module: str, package: str) -> str:
    """Empty for what isn't in the package."""
    return module.removeprefix(f"{package}.").split(".")[0] if module.startswith(f"{package}.") else ""


def crowds() -> list[tuple[int, str]]:
    """How many modules or templates lie in each folder, the most first."""
    counts: dict[str, int] = defaultdict(int)
    for path in tracked():
        if path.suffix in MODULES and path.name != "__init__.py" and path.parent.name not in NO_ROOMS:
            counts[str(path.parent.relative_to(ROOT))] += 1
    return sorted(((n, folder) for folder, n in counts.items()), reverse=True)


def functions(paths: Iterable[Path]) -> Iterator[tuple[int, str]]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno
                yield node.end_lineno - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}"


def files(paths: Iterable[Path]) -> Iterator[tuple[int, str]]:
    for path in paths:
        yield len(path.read_text(encoding="utf-8").splitlines()), str(path.relative_to(ROOT))


def lines(paths: Iterable[Path]) -> Iterator[tuple[int, str]]:
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            yield len(line), f"{path.relative_to(ROOT)}:{number}"


def names(paths: Iterable[Path]) -> Iterator[tuple[int, str]]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield len(node.name), f"{node.name} in {path.relative_to(ROOT)}"


def tests_per_line() -> list[tuple[str, int, int]]:
    """Each package with its lines of code and of the tests in the folder of its name; last, all code and all tests.

    rewardtrain is counted without its core, and migrations not at all. Tests of several packages (tests/browser,
    tests/acceptance) and what tests share count in the last row alone.
    """
    rows = []
    for package, folder in TESTED_BY.items():
        code = [path for path in tracked(f"{package.replace('.', '/')}/*.py") if path.parent.name not in NO_ROOMS]
        if package == "rewardtrain":
            code = [path for path in code if not path.is_relative_to(ROOT / "rewardtrain" / "core")]
        rows.append((package, total(code), total(tracked(f"{folder}/*.py"))))
    return [*rows, ("all", sum(n_code for _, n_code, _ in rows), total(tracked("tests/*.py")))]


def total(paths: Iterable[Path]) -> int:
    return sum(length for length, _ in files(paths))


def main() -> None:
    print(f"{'package':18}{'rooms':>6}{'floors':>8}{'arrows':>8}")
    for package in LAID_OUT:
        if (ROOT / package.replace(".", "/")).is_dir():
            rooms = plan(package)
            try:
                n_floors = str(max(rooms.floors().values(), default=0))
            except ValueError as error:
                n_floors = str(error)
            print(f"{package:18}{len(rooms.arrows):6}{n_floors:>8}{rooms.n_arrows:8}")
    python = [path for name in PACKAGES for path in tracked(f"{name}/*.py") if path.parent.name not in NO_ROOMS]
    print(f"\n{'lines of':18}{'n':>6}{'median':>8}{'p90':>6}{'longest':>9}")
    measured = {
        "a file": files(path for path in python if path.name != "__init__.py"),
        "a function": functions(python),
        "a test file": files(tracked("tests/*.py")),
        "a script": files(tracked("static/js/*.js")),
        "a template": files(tracked("templates/*.html")),
    }
    for what, lengths in measured.items():
        print(f"{what:18}{Lengths.of(lengths)}")
    print(f"\n{'letters of':18}")
    print(f"{'a template line':18}{Lengths.of(lines(tracked('templates/*.html')))}")
    print(f"{'a name':18}{Lengths.of(names(python))}")
    print("\nmodules and templates in a folder")
    for n, folder in crowds()[:12]:
        print(f"{n:6}  {folder}")
    print(f"\n{'lines':18}{'code':>8}{'tests':>8}{'tests per code':>16}")
    for package, n_code, n_tests in tests_per_line():
        print(f"{package:18}{n_code:8}{n_tests:8}{n_tests / n_code:16.2f}")


if __name__ == "__main__":
    main()
