"""What somebody asks of an export, checked: every door takes the same names, and each unknown value is refused with the
known ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from formats.rankings import STRENGTHS
from labeling.answers.finding import beginning_of, day_of
from labeling.data.exporting import pair_groups, pseudonyms
from labeling.data.exporting.contents.kinds import KINDS, Kind
from labeling.data.exporting.contents.provenance import Provenance
from labeling.data.exporting.packing import PACKINGS
from labeling.data.exporting.ranked_prompts import Selection
from labeling.errors import Invalid
from labeling.models import DatasetVersion, Project, Ranking, Split

FORMATS = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
PACKED_THEMSELVES = ("parquet", "arrow")
# Test prompts measure the models that are trained on the rest, so they leave only when asked for by name.
DEFAULT_SPLITS = (Split.TRAIN.value, Split.VALIDATION.value)
ALL_SPLITS = "all"
COLUMNS = ("texts", "provenance")
CELLS = ("raw", "spreadsheet")
TIES = ("keep", "drop", "half")
ROWS = ("each", "merged")
MOST_NAMED = 20  # of the known labelers, in the words of a refusal


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """As a door says it: nothing is looked at before `checked`."""

    what: str = "pairs"
    layout: str = "standard"
    columns: str = "texts"
    file_format: str = "jsonl"
    compression: str = "none"
    cells: str = "raw"  # of CSV
    split: str | None = None
    version: DatasetVersion | None = None  # None: as it stands
    source: str = ""
    labelers: str = ""  # pseudonyms or usernames, with commas
    flags: str = ""  # names, with commas
    since: str = ""  # days, as 2026-01-31; the last one is in
    until: str = ""
    least_strength: int | None = None
    least_agreement: float | None = None
    ties: str = "keep"
    rows: str = "each"


@dataclass(frozen=True)
class Checked:
    """What the names mean in a project."""

    project: Project
    wanted: Wanted
    kind: Kind
    selection: Selection
    source: str
    flags: tuple[str, ...] | None

    @property
    def is_of_people(self) -> bool:
        return self.source in pair_groups.OF_PEOPLE

    def shown(self, origins: Provenance) -> Provenance | None:
        """Gives where rows come from if that was asked for."""
        return origins if self.wanted.columns == "provenance" else None


def checked(project: Project, wanted: Wanted) -> Checked:
    """Raises Invalid, which names the parameter and what it takes."""
    kind = KINDS[one_of(wanted.what, KINDS, "what")]
    one_of(wanted.file_format, FORMATS, "format")
    one_of(wanted.layout, kind.layouts, "layout")
    for value, known, attr in (
        (wanted.columns, COLUMNS if kind.has_provenance else COLUMNS[:1], "columns"),
        (wanted.compression, PACKINGS, "compression"),
        (wanted.cells, CELLS, "cells"),
        (wanted.ties, TIES if kind.is_pairs else TIES[:2], "ties"),
        (wanted.rows, ROWS if kind.is_pairs else ROWS[:1], "rows"),
    ):
        one_of(value, known, attr)
    if wanted.compression != "none" and wanted.file_format in PACKED_THEMSELVES:
        message = _("%(format)s is packed inside already; leave out the compression, or ask for jsonl or csv.")
        raise Invalid("packed_already", message % {"format": wanted.file_format}, attr="compression")
    source = source_of(wanted.source)
    _check_source(wanted, kind, source)
    flags = _flags(project, wanted.flags) if kind.has_flags else None
    return Checked(project, wanted, kind, _selection(project, wanted, source), source, flags)


def _check_source(wanted: Wanted, kind: Kind, source: str) -> None:
    """Somebody else's pairs are no rankings: nothing narrows them but the split."""
    if source in pair_groups.OF_PEOPLE:
        return
    if wanted.version is not None:
        message = _("A frozen version holds people's labels alone; leave out the version, or the source %(source)r.")
        raise Invalid("frozen_of_people", message % {"source": source}, attr="version")
    plain = Wanted(source=source)
    narrowed = ("labelers", "since", "until", "least_strength", "least_agreement", "ties", "rows")
    for name in ("what", *narrowed) if not kind.is_pairs else narrowed:
        if getattr(wanted, name) != getattr(plain, name):
            message = _("%(field)s is about what people said; leave it out, or the source %(source)r.")
            raise Invalid("of_people", message % {"field": name, "source": source}, attr=name)


def _selection(project: Project, wanted: Wanted, source: str) -> Selection:
    since, until = _day(wanted.since, "since"), _day(wanted.until, "until", after=1)
    if wanted.version is not None and (since or until):
        message = _("A frozen version doesn't say when its rankings were made; leave out the dates, or the version.")
        raise Invalid("frozen_without_dates", message, attr="since" if since else "until")
    least = wanted.least_agreement
    if least is not None and not 0 <= least <= 1:
        message = _("The least agreement is from 0 to 1; got %(value)s.")
        raise Invalid("out_of_range", message % {"value": least}, attr="least_agreement")
    if wanted.least_strength is not None:
        one_of(str(wanted.least_strength), map(str, STRENGTHS), "least_strength")
    return Selection(
        splits=splits_of(wanted.split),
        labelers=_labelers(project, wanted.labelers),
        since=since,
        until=until,
        source=source if source in Ranking.Source.values else None,
        least_strength=wanted.least_strength,
        least_agreement=least,
        without_ties=wanted.ties == "drop",
    )


def splits_of(split: str | None) -> tuple[str, ...]:
    """Reads "train", several as "train,test", "all", or nothing for train and validation. Raises Invalid."""
    if not split:
        return DEFAULT_SPLITS
    if split == ALL_SPLITS:
        return tuple(Split.values)
    splits = {one_of(name.strip(), (*Split.values, ALL_SPLITS), "split") for name in split.split(",")}
    return tuple(Split.values) if ALL_SPLITS in splits else tuple(name for name in Split.values if name in splits)


def source_of(name: str) -> str:
    """Tells whose labels are wanted: people's where none are named. Raises Invalid."""
    return one_of(name or pair_groups.PEOPLE, (*pair_groups.OF_PEOPLE, *pair_groups.OTHERS), "source")


def one_of(value: str, allowed: Iterable[str], attr: str) -> str:
    """Gives the value. Raises Invalid, naming those that there are."""
    known = list(allowed)
    if value not in known:
        said = {"field": attr, "known": ", ".join(known) or _("none"), "value": value}
        raise Invalid(f"unknown_{attr}", _("%(field)s is one of %(known)s; got %(value)r.") % said, attr=attr)
    return value


def _labelers(project: Project, names: str) -> tuple[str, ...] | None:
    """Gives the usernames of people who have ranked, named by their pseudonyms or their usernames."""
    wanted = _names(names)
    if not wanted:
        return None
    usernames: dict[str, str] = {}
    known = []
    for username, pseudonym in pseudonyms.in_project(project):
        usernames |= {username: username, pseudonym: username}
        known.append(pseudonym)
    return tuple(usernames[_known(name, usernames, known, "labelers")] for name in wanted)


def _flags(project: Project, names: str) -> tuple[str, ...] | None:
    wanted, known = _names(names), [flag["name"] for flag in project.flags]
    return tuple(_known(name, known, known, "flags") for name in wanted) or None


def _known(name: str, all_known: Collection[str], shown: list[str], attr: str) -> str:
    return name if name in all_known else one_of(name, shown[:MOST_NAMED], attr)


def _names(written: str) -> list[str]:
    return [name.strip() for name in written.split(",") if name.strip()]


def _day(written: str, attr: str, *, after: int = 0) -> datetime | None:
    """Gives when a day begins, or so many days after it."""
    return beginning_of(day_of(written, attr, after=after)) if written else None
