"""How far a backup or a restore is, on the terminal: rows, bytes, time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from operations.backup.progress import Progress, Silent


class _Shown:
    def __init__(self, bar: Bar) -> None:
        self.bar, self.rows = bar, 0
        self.task = bar.add_task("", total=None, rows="")

    def begin(self, what: str, total: int) -> None:
        self.rows = 0
        self.bar.reset(self.task, description=what, total=total or None, rows="")

    def advance(self, n_bytes: int, n_rows: int = 0) -> None:
        self.rows += n_rows
        self.bar.update(self.task, advance=n_bytes, rows=f"{self.rows:,} rows" if self.rows else "")


@contextmanager
def shown(*, verbosity: int) -> Iterator[Progress]:
    """Shows a bar while a person looks on, and none with -v 0."""
    if verbosity < 1:
        yield Silent()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Shown(bar)
