"""How far a backup or a restore is, for whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def begin(self, what: str, total: int) -> None:
        """Begins a part of so many bytes."""

    def advance(self, n_bytes: int, n_rows: int = 0) -> None: ...


class Silent:
    def begin(self, what: str, total: int) -> None:
        pass

    def advance(self, n_bytes: int, n_rows: int = 0) -> None:
        pass
