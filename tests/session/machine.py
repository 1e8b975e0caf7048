"""What this machine has that not every one has: a green run says nothing of what could not be tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.session import namespaces


class Machine:
    """The plugin that leaves out the tests marked namespaces where none can be made, and says so after all others."""

    def __init__(self, config: pytest.Config) -> None:
        # Processes of pytest-xdist are told what their leader found: they have to agree on which tests there are.
        led: dict[str, Any] = getattr(config, "workerinput", {})
        self.why_not = str(led["why_no_namespaces"]) if led else namespaces.why_not()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["why_no_namespaces"] = self.why_not

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if not self.why_not:
            return
        left_out = [item for item in items if item.get_closest_marker("namespaces")]
        items[:] = [item for item in items if not item.get_closest_marker("namespaces")]
        config.hook.pytest_deselected(items=left_out)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(self.described())

    def described(self) -> str:
        """Says in a line what could be tried."""
        without = f"no network namespaces ({self.why_not}), so the tests marked namespaces were left out"
        return f"Of this machine: {_device()}; {without if self.why_not else 'network namespaces'}."


def _device() -> str:
    return "a GPU" if Path("/dev/nvidiactl").exists() else "no GPU, so the tests marked gpu were left out"
