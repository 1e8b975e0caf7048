"""What an import did, line by line and in all, and the sentences that say so: none says of nothing that it went in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from formats.refusals import Refused
from labeling.data.importing.row_words import remedy_of, words_of
from labeling.errors import Invalid

MAX_ERRORS = 1_000  # reported; the rest is counted
MAX_KINDS = 100  # of what is wrong; what is of another kind after them is counted as one
LINES_NAMED = 20  # of each kind
LONGEST = 400  # characters of a field, and of what is said of it
KEPT_NOWHERE = {"erased"}  # what is wrong with a line whose texts may not stay, not even among the bad lines

_place = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class LineError:
    line: int
    field: str
    value: str
    detail: str
    # What `detail` was made of: whoever reads it later may speak another language.
    code: str = ""
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def remedy(self) -> str:
        """Says what to do, without the place and the value."""
        return remedy_of(Refused(self.field, self.value, self.code, **self.values)) if self.code else self.detail


@dataclass
class Group:
    """Lines with which the same is wrong."""

    field: str  # with [] for a place in a list
    example: LineError | None  # the first; None of those that are of no kind that is told apart
    count: int = 0
    lines: list[int] = dataclasses.field(default_factory=list)  # the first of them


@dataclass
class Report:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    tagged: int = 0  # of those updated, those that got tags
    rankings: int = 0
    n_errors: int = 0
    n_read: int = 0  # rows, good and bad
    errors: list[LineError] = dataclasses.field(default_factory=list)
    groups: list[Group] = dataclasses.field(default_factory=list)  # by kind, in the order in which they were met
    container: str = ""  # what the file was
    unit: str = "line"  # what its records are counted by: line or row
    layout: str = ""  # and how they are laid out
    on_error: Callable[[int], None] | None = None  # is told of each bad line
    stopped: Invalid | None = None  # why reading ended before the end; what came before it is in the counts
    _kinds: dict[tuple[str, str], Group] = dataclasses.field(default_factory=dict, repr=False)  # by place and code

    @property
    def n_good(self) -> int:
        """Counts lines whose prompts are in the project now, by this import or one before."""
        return self.created + self.updated + self.skipped

    @property
    def is_of_nothing(self) -> bool:
        return not (self.n_good or self.n_errors or self.stopped)

    def add_error(self, line: int, error: Refused) -> None:
        self.n_errors += 1
        if self.on_error and error.code not in KEPT_NOWHERE:
            self.on_error(line)
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(_said(line, error))
        self._count(line, _place.sub("[]", _short(error.field)), error.code, lambda: _said(line, error))

    def count_by_kind(self, error: LineError) -> None:
        self._count(error.line, _place.sub("[]", error.field), error.code or error.detail, lambda: error)

    def _count(self, line: int, place: str, code: str, example: Callable[[], LineError]) -> None:
        key = (place, code) if (place, code) in self._kinds or len(self._kinds) < MAX_KINDS else ("", "")
        if key not in self._kinds:
            self._kinds[key] = Group(place, example()) if any(key) else Group("", None)
            self.groups.append(self._kinds[key])
        group = self._kinds[key]
        group.count += 1
        if len(group.lines) < LINES_NAMED:
            group.lines.append(line)

    @property
    def of_the_file(self) -> str:
        """Says what the file is; empty where that isn't known."""
        values = {"layout": self.layout, "container": self.container, "n": f"{self.n_read:,}"}
        if not self.layout or not self.container:
            return _("The file is %(container)s.") % values if self.container else ""
        if self.stopped:
            return _("This is %(layout)s in %(container)s.") % values
        message = ngettext(
            "This is %(layout)s in %(container)s, %(n)s row.",
            "This is %(layout)s in %(container)s, %(n)s rows.",
            self.n_read,
        )
        return message % values

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


def groups_of(errors: Iterable[LineError]) -> list[Group]:
    """Puts bad lines together by what is wrong with them, in the order in which they were met."""
    report = Report()
    for error in errors:
        report.count_by_kind(error)
    return report.groups


def _said(line: int, error: Refused) -> LineError:
    short = shortened(error)
    return LineError(line, short.field, short.shown, words_of(short), short.code, short.values)


def shortened(error: Refused) -> Refused:
    """Gives it to be told and kept: a column's name may be of megabytes."""
    values = {
        name: value if isinstance(value, int | float) else _short(str(value)) for name, value in error.values.items()
    }
    return Refused(_short(error.field), error.value, error.code, **values)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
