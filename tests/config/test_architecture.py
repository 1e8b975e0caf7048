"""docs/architecture.md is true: what it names is there, and every room has its line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from benchmarks import house

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "architecture.md", ROOT / "docs" / "extending.md", ROOT / "README.md"]
PLACE = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)(?::(\w+))?`")
NO_ROOMS = {"api", "management", "models", "templatetags", "views"}  # doors and tables, which every package has


def names_in(module: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_name_that_a_page_gives_is_there(page: Path) -> None:
    places = PLACE.findall(page.read_text(encoding="utf-8"))
    for path, name in places:
        assert (ROOT / re.sub(r"NOUN.*", "", path)).exists(), path
        assert not name or name in names_in(ROOT / path), f"{path} has no {name}"


def test_every_room_has_its_line() -> None:
    words = PAGES[0].read_text(encoding="utf-8")
    for package in ("config", "labeling", "operations", "rewardtrain"):
        folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")} - house.NO_ROOMS - NO_ROOMS
        missing = [room for room in sorted(folders) if f"| `{package}/{room}` |" not in words]
        assert not missing, package


def test_no_circle_and_no_more_rooms_and_floors_than_a_stranger_can_hold() -> None:
    packages = (("config", 13, 6), ("labeling", 20, 9), ("rewardtrain", 20, 9), ("jobs", 12, 4), ("operations", 12, 4))
    for package, most_rooms, most_floors in packages:
        plan = house.plan(package)
        assert len(plan.arrows) <= most_rooms, package
        assert max(plan.floors().values()) <= most_floors, package


def test_no_folder_holds_more_than_a_stranger_looks_through() -> None:
    assert [(n, folder) for n, folder in house.crowds() if n > 15] == []


def test_tests_per_line_count_each_line_of_code_once_and_no_migration() -> None:
    *packages, (everything, n_code, n_tests) = house.tests_per_line()
    python = [path for name in house.PACKAGES for path in house.tracked(f"{name}/*.py")]
    assert everything == "all"
    assert n_code == house.total(path for path in python if "migrations" not in path.parts)
    assert n_code == sum(n for _, n, _ in packages)
    assert n_tests == house.total(house.tracked("tests/*.py")) > sum(n for *_, n in packages)
