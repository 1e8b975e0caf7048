"""What people said as a file, streamed: pairs, whole rankings or single completions, as trainers read them.

The same rankings give the same bytes, whether they are read live from PostgreSQL or from a frozen version. The order
of pairs is prompt, ranking, rank of the chosen, rank of the rejected, and then the completions' places in the imported
row.

Pairs that people didn't make come from a source that someone else adds by its name, with columns of its own. They are
never in an export that doesn't name it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from jobs import replica
from labeling.data.exporting import pair_groups, ranked_prompts
from labeling.data.exporting.contents import pairs
from labeling.data.exporting.contents.provenance import Provenance
from labeling.data.exporting.packing import PACKINGS, packed
from labeling.data.exporting.ranked_prompts import RankedPrompt
from labeling.data.exporting.table_writers import WRITERS
from labeling.data.exporting.tables import Table
from labeling.data.exporting.wanted import FORMATS, Checked, Wanted, checked, splits_of
from labeling.models import Project

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_PACKED_TYPES = {"gzip": "application/gzip", "zstd": "application/zstd"}


def stream(project: Project, wanted: Wanted) -> Generator[bytes, None, None]:
    """Yields the file in pieces; memory stays flat however long it is. Raises PodiumError before the first piece."""
    asked = checked(project, wanted)
    pieces = packed(WRITERS[writer_of(wanted)](table(asked)), wanted.compression)
    return pieces if wanted.version is not None else replica.stream(pieces)


def stream_pairs(project: Project, **asked: Any) -> Generator[bytes, None, None]:
    """Yields what `stream` does of what is asked by Wanted's names."""
    return stream(project, Wanted(**asked))


def writer_of(wanted: Wanted) -> str:
    return "spreadsheet" if (wanted.file_format, wanted.cells) == ("csv", "spreadsheet") else wanted.file_format


def table(asked: Checked, *, first: Sequence[int] | int | None = None, longest: int | None = None) -> Table:
    """Makes the table of what is asked for.

    first: of only these prompts by their keys, or of the first so many of a frozen version. longest: characters of a
    text, after which it is cut where it isn't frozen. Raises PodiumError.
    """
    origins = Provenance(asked.project, asked.wanted.version)
    if not asked.kind.is_pairs:
        assert asked.kind.table is not None
        return asked.kind.table(_ranked(asked, first, longest), asked, origins)
    if asked.wanted.rows == "merged":
        return pairs.merged(
            _ranked(asked, first, longest),
            layout=asked.wanted.layout,
            origins=asked.shown(origins),
            half_ties=asked.wanted.ties == "half",
        )
    return _pairs(asked, asked.shown(origins), first, longest)


def _pairs(asked: Checked, origins: Provenance | None, first: Sequence[int] | int | None, longest: int | None) -> Table:
    wanted, selection = asked.wanted, asked.selection
    if not asked.is_of_people:
        others = pair_groups.OTHERS[asked.source].pairs(asked.project)
        groups = others.groups(selection.splits)
        return pairs.table(groups, layout=wanted.layout, columns=others.columns, origins=origins)
    columns = pair_groups.margin_of(asked.project, wanted.version)
    weights = wanted.ties == "half"
    if wanted.version is None and first is None and selection.is_of_splits_alone and not weights and origins is None:
        groups = pair_groups.texts_alone(asked.project, columns, selection.splits)
    else:
        groups = pair_groups.of_prompts(_ranked(asked, first, longest), columns, half_ties=weights)
    return pairs.table(groups, layout=wanted.layout, columns=columns, origins=origins, weights=weights)


def _ranked(asked: Checked, first: Sequence[int] | int | None, longest: int | None) -> Iterator[RankedPrompt]:
    if asked.wanted.version is not None:
        assert first is None or isinstance(first, int)
        return ranked_prompts.frozen(asked.wanted.version, asked.selection, prompts=first)
    assert not isinstance(first, int)
    return ranked_prompts.standing(asked.project, asked.selection, prompts=first, longest=longest)


def sources() -> list[tuple[str, StrOrPromise]]:
    """Lists the sources' names and words."""
    return [*pair_groups.OF_PEOPLE.items(), *((name, source.words) for name, source in pair_groups.OTHERS.items())]


def content_type(wanted: Wanted) -> str:
    return _PACKED_TYPES.get(wanted.compression, FORMATS[wanted.file_format])


def content_types() -> list[str]:
    """Lists what content_type can be, without its parameters."""
    return [kind.partition(";")[0] for kind in (*FORMATS.values(), *_PACKED_TYPES.values())]


def filename(project: Project, wanted: Wanted) -> str:
    """Names the file, such as helpfulness-v3-train-validation.jsonl: which project, which version (or live), which
    splits, and what of it where it isn't pairs of texts by people."""
    state = "live" if wanted.version is None else f"v{wanted.version.number}"
    parts = [project.slug, state, *splits_of(wanted.split)]
    if wanted.source not in ("", pair_groups.PEOPLE):
        parts.insert(1, wanted.source)
    plain = Wanted()
    parts += [
        value
        for value, usual in ((wanted.what, plain.what), (wanted.layout, plain.layout), (wanted.columns, plain.columns))
        if value != usual
    ]
    return f"{'-'.join(parts)}.{wanted.file_format}{PACKINGS[wanted.compression]}"
