"""What the tests of exports share: asking for one, and reading it."""

from __future__ import annotations

import json
from typing import Any

from labeling.data.exporting import exports
from labeling.data.exporting.wanted import Wanted
from labeling.models import Project

Rows = list[dict[str, Any]]
# What a frozen version doesn't hold, and what it alone has.
LIVE_ALONE = {"active_seconds", "chosen_position", "rejected_position", "positions", "position", "metadata", "version"}


def frozen_columns(found: Rows) -> Rows:
    """Gives the rows without what is not the same of a version."""
    return [{name: cell for name, cell in row.items() if name not in LIVE_ALONE} for row in found]


def export(project: Project, **asked: Any) -> bytes:
    return b"".join(exports.stream(project, Wanted(**asked)))


def rows(project: Project, **asked: Any) -> Rows:
    return [json.loads(line) for line in export(project, **asked).split(b"\n") if line]
