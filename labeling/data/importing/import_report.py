"""What an import did, line by line and in all, and the sentences that say so: none says of nothing that it went in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from formats.refusals import Refused
from labeling.data.importing.row_words import words_of
from labeling.errors import Invalid

MAX_ERRORS = 1_000  # reported; the rest is counted


@dataclass(frozen=True)
class LineError:
    line: int
    field: str
    value: str
    detail: str


@dataclass
class Report:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    rankings: int = 0
    n_errors: int = 0
    errors: list[LineError] = field(default_factory=list)
    container: str = ""  # what the file was
    unit: str = "line"  # what its records are counted by: line or row
    n_read: int = 0  # records, good and bad
    on_error: Callable[[int], None] | None = None  # is told of each bad line
    stopped: Invalid | None = None  # why reading ended before the end; what came before it is in the counts

    @property
    def n_good(self) -> int:
        """Counts lines whose prompts are in the project now, by this import or one before."""
        return self.created + self.updated + self.skipped

    @property
    def is_of_nothing(self) -> bool:
        return not (self.n_good or self.n_errors or self.stopped)

    def add_error(self, line: int, error: Refused) -> None:
        self.n_errors += 1
        if self.on_error:
            self.on_error(line)
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(LineError(line, error.field, error.shown, words_of(error)))

    @property
    def of_the_rest(self) -> str:
        """Says what became of the lines that are not bad."""
        if not self.n_good:
            return _("Nothing went in.")
        if self.created or self.updated:
            return _("The rest went in.")
        return _("The rest was here already.")

    @property
    def why_stopped(self) -> str:
        """Says why reading stopped, and what came of the lines before; empty where all was read."""
        return f"{self.stopped.detail} {self._before}" if self.stopped else ""

    @property
    def _before(self) -> str:
        if not self.n_good:
            return _("Nothing went in.")
        message = _(
            "Of the lines before, %(new)d went in and %(known)d were here already; sending them again is harmless."
        )
        return message % {"new": self.created + self.updated, "known": self.skipped}
