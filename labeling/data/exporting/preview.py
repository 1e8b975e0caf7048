"""How many rows an export has and which are its first, before it is downloaded: at the same cost in any project.

Exact where counters say it, or where a project has no more prompts than are looked at; else what the first ones let
expect of all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from formats.files import csv_formulas
from labeling.data.exporting import exports
from labeling.data.exporting.wanted import Checked, Wanted, checked
from labeling.errors import Conflict
from labeling.models import Project, Prompt
from labeling.projects import counters

PROMPTS = 200  # looked at
MOST_SEEN = 20_000  # rows of them: a prompt may have ten thousand rankings
ROWS = 5
LONGEST = 300  # characters of a cell
PATIENCE = 3_000  # ms that the database may take for any one step

_COUNTED = {"pairs": "pairs", "dpo": "pairs", "rankings": "rankings", "podium": "prompts"}
_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Preview:
    """columns and rows: as the file has them, long cells cut. n: of all rows; None where nothing lets expect it."""

    columns: list[str]
    rows: list[list[str]]
    n: int | None
    is_exact: bool
    looked_at: int  # prompts, where n isn't exact
    is_cut: bool  # whether a cell is


def preview(project: Project, wanted: Wanted) -> Preview:
    """Raises PodiumError for what can't be exported, and Conflict('too_slow') where the database takes too long."""
    asked = checked(project, wanted)
    try:
        with _patience():
            return _preview(asked)
    except OperationalError as error:
        message = _("The first rows can't be shown quickly enough here; the download has them.")
        raise Conflict("too_slow", message) from error


def _preview(asked: Checked) -> Preview:
    first, has_all = _first(asked)
    if isinstance(first, list) and not first:
        first = [0]  # of no prompt: what has none still has its columns
    table = exports.table(asked, first=first, longest=LONGEST + 1)
    names = list(table.columns)
    is_safe = exports.writer_of(asked.wanted) == "spreadsheet"
    shown: list[list[str]] = []
    seen, looked_at = 0, PROMPTS
    for number, block in enumerate(table.blocks):
        if (first is None and number == PROMPTS) or seen >= MOST_SEEN:
            has_all, looked_at = False, number
            break
        seen += len(block.rows)
        for row in block.rows[: ROWS - len(shown)]:
            cells = [pool[place] for pool, place in zip(block.pools, row.cells, strict=True)] + list(row.own)
            shown.append([_written(cell) for cell in (csv_formulas.protected(names, cells) if is_safe else cells)])
    counted = _counted(asked)
    n = counted if counted is not None else seen if has_all else _expected(asked, seen, looked_at)
    columns = [*names, csv_formulas.COLUMN] if is_safe else names
    is_cut = any(len(cell) > LONGEST for row in shown for cell in row)
    return Preview(columns, shown, n, counted is not None or has_all, looked_at, is_cut)


def _first(asked: Checked) -> tuple[list[int] | int | None, bool]:
    """Gives the prompts to look at, None where their source only tells one after another, and whether that is all."""
    if not asked.is_of_people:
        return None, True
    if asked.wanted.version is not None:
        return PROMPTS, asked.wanted.version.n_prompts <= PROMPTS
    ranked = Prompt.objects.filter(project=asked.project, split__in=asked.selection.splits, ranked__gt=0)
    keys = list(ranked.order_by("pk").values_list("pk", flat=True)[: PROMPTS + 1])
    return keys[:PROMPTS], len(keys) <= PROMPTS


def _counted(asked: Checked) -> int | None:
    """Gives what is counted already; None where something narrows it."""
    name = _COUNTED.get(asked.wanted.what)
    plain = asked.selection.is_of_splits_alone and asked.is_of_people
    if name is None or not plain or asked.wanted.rows != "each" or asked.wanted.ties == "half":
        return None
    return _number(asked, name)


def _number(asked: Checked, name: str) -> int:
    """Counts pairs, rankings or ranked prompts of the splits."""
    version = asked.wanted.version
    if version is not None:
        return sum(version.counts.get(split, {}).get(name, 0) for split in asked.selection.splits)
    counts = counters.of(asked.project)
    of_splits = [counts.of(split) for split in asked.selection.splits]
    if name == "prompts":
        return sum(numbers.settled + numbers.begun for numbers in of_splits)
    return sum(getattr(numbers, name) for numbers in of_splits)


def _expected(asked: Checked, seen: int, looked_at: int) -> int | None:
    """Tells what so many rows of so many first prompts let expect of all."""
    if not asked.is_of_people:
        return None
    version = asked.wanted.version  # of which the first are of any split
    prompts = version.n_prompts if version is not None else _number(asked, "prompts")
    return round(seen * prompts / looked_at)


def _written(cell: Any) -> str:
    text = "" if cell is None else cell if isinstance(cell, str) else _json(cell)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@contextmanager
def _patience() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = %s", [PATIENCE])
        yield
        cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
