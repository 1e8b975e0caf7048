"""`pytest --light`, which is what `make check` runs: every test that needs neither a browser nor torch.

Nobody marks a test as heavy. One that asks for a fixture of HEAVY, itself or through another, is left out, and so is a
module that cannot be imported without torch. What would load torch all the same fails, in the test's own process and in
those that it starts, and says which fixture to ask for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

HEAVY = {"chromium", "needs_torch"}  # fixtures
LIBRARIES = ("torch", "transformers")
IN_CHILDREN = Path(__file__).resolve().parent / "without_torch"  # modules of these names that refuse to be imported
WORDS = 'it loads {}; `make check` runs without: have the test ask for the fixture "needs_torch"'


class _Refusal(MetaPathFinder, Loader):
    """Finds LIBRARIES before anyone else does, and refuses where they are imported."""

    collecting = True

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in LIBRARIES else None

    def exec_module(self, module: ModuleType) -> NoReturn:
        if self.collecting:
            pytest.skip(f"needs {module.__name__}", allow_module_level=True)
        pytest.fail(WORDS.format(module.__name__))


class Light:
    """The plugin, registered where --light is given."""

    def __init__(self) -> None:
        self._refusal = _Refusal()
        sys.meta_path.insert(0, self._refusal)
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(IN_CHILDREN), *([before] if before else [])])

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if report.skipped and isinstance(collector, pytest.Module):
            report.outcome, report.longrepr = "passed", None
        return report

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        heavy = [item for item in items if HEAVY & set(getattr(item, "fixturenames", ()))]
        items[:] = [item for item in items if item not in set(heavy)]
        config.hook.pytest_deselected(items=heavy)

    def pytest_collection_finish(self) -> None:
        self._refusal.collecting = False
