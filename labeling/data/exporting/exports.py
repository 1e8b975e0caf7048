"""The pairs as a file: {prompt, chosen, rejected} in JSON Lines, CSV or Parquet.

The same rankings give the same bytes, whether they are read live from PostgreSQL or from a frozen version. The order is
prompt, ranking, rank of the chosen, rank of the rejected, and then the completions' places in the imported row.

Pairs that people didn't make come from a source that someone else adds by its name, with columns of its own. They are
never in an export that doesn't name it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from labeling.data.exporting.pair_groups import MARGIN, PEOPLE, SOURCES, frozen_groups
from labeling.data.exporting.pair_writers import LAYOUTS, WRITERS
from labeling.data.versions import datasets
from labeling.errors import Invalid
from labeling.models import DatasetVersion, Project, Split

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

FORMATS = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
}
# Test prompts measure the models that are trained on the rest, so they leave only when asked for by name.
DEFAULT_SPLITS = (Split.TRAIN.value, Split.VALIDATION.value)
ALL_SPLITS = "all"


def stream_pairs(
    project: Project,
    *,
    file_format: str,
    layout: str,
    split: str | None = None,
    version: DatasetVersion | None = None,
    source: str = "",
) -> Generator[bytes, None, None]:
    """Yields the file in pieces; memory stays flat however long it is. Raises PodiumError before the first piece."""
    writer = WRITERS[_one_of(file_format, FORMATS, "format")]
    layout = _one_of(layout, LAYOUTS, "layout")
    splits = splits_of(split)
    of_whom = source_of(source)
    if version is None:
        pairs = SOURCES[of_whom].pairs(project)
        return writer(pairs.groups(splits), layout, pairs.columns)
    if of_whom != PEOPLE:
        message = _("A frozen version holds people's labels alone; leave out the version, or the source %(source)r.")
        raise Invalid("frozen_of_people", message % {"source": source}, attr="version")
    columns = MARGIN if datasets.has_strengths(version) else {}
    return writer(frozen_groups(version, splits, columns), layout, columns)


def source_of(name: str) -> str:
    """Tells whose pairs are wanted: people's where none are named. Raises Invalid."""
    return _one_of(name or PEOPLE, SOURCES, "source")


def sources() -> list[tuple[str, StrOrPromise]]:
    """Lists the sources' names and words."""
    return [(name, source.words) for name, source in SOURCES.items()]


def content_type(file_format: str) -> str:
    return FORMATS[_one_of(file_format, FORMATS, "format")]


def filename(
    project: Project,
    *,
    file_format: str,
    layout: str = "standard",
    split: str | None = None,
    version: DatasetVersion | None = None,
    source: str = "",
) -> str:
    """Names the file, such as helpfulness-v3-train-validation.jsonl: which project, which version (or live), which
    splits."""
    state = "live" if version is None else f"v{version.number}"
    parts = [project.slug, state, *splits_of(split)]
    if source_of(source) != PEOPLE:
        parts.insert(1, source)
    if _one_of(layout, LAYOUTS, "layout") != "standard":
        parts.append(layout)
    return f"{'-'.join(parts)}.{_one_of(file_format, FORMATS, 'format')}"


def splits_of(split: str | None) -> tuple[str, ...]:
    """Reads "train", several as "train,test", "all", or nothing for train and validation. Raises Invalid."""
    if not split:
        return DEFAULT_SPLITS
    if split == ALL_SPLITS:
        return tuple(Split.values)
    splits = {_one_of(name.strip(), (*Split.values, ALL_SPLITS), "split") for name in split.split(",")}
    return tuple(Split.values) if ALL_SPLITS in splits else tuple(name for name in Split.values if name in splits)


def _one_of(value: str, allowed: Iterable[str], attr: str) -> str:
    if value not in allowed:
        values = {"field": attr, "known": ", ".join(allowed), "value": value}
        raise Invalid(f"unknown_{attr}", _("%(field)s is one of %(known)s; got %(value)r.") % values, attr=attr)
    return value
