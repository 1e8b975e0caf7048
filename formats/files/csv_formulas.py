"""CSV that a spreadsheet opens without running anything: a text that would be a formula has a ' before it.

The last column names the columns of which that is so, with blanks between, so that whoever reads the file can take
exactly what was put there away again. What is a formula: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

COLUMN = "formulas_prefixed"  # its name in the header
MARK = "'"
# A full-width sign is as good as a narrow one to some spreadsheets, and a tab or a line end before a sign is skipped.
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def protected(names: Iterable[str], cells: Iterable[object]) -> list[object]:
    """Gives the cells of a row with none that is a formula, and one more that names what was changed."""
    row: list[object] = []
    changed = []
    for name, cell in zip(names, cells, strict=True):
        if isinstance(cell, str) and cell.startswith(BEGINNINGS):
            changed.append(name)
            cell = MARK + cell
        row.append(cell)
    return [*row, " ".join(changed)]


def restored(names: Sequence[str], cells: Sequence[str]) -> list[str] | None:
    """Gives the cells as they were, of a row whose last column is COLUMN, without that column.

    None where its cell names no columns, so that it is somebody's own.
    """
    changed = cells[-1].split(" ") if cells[-1] else []
    if not set(changed) <= set(names[:-1]):
        return None
    return [
        cell.removeprefix(MARK) if name in changed else cell for name, cell in zip(names[:-1], cells[:-1], strict=True)
    ]


def is_protected(names: Sequence[str]) -> bool:
    """Tells by the header whether formulas were prefixed."""
    return len(names) > 1 and names[-1] == COLUMN
