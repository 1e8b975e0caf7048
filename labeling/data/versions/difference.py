"""What one frozen version has that another one hasn't: prompts and pairs added, removed and changed.

Both files are read once, a row group at a time. What is compared of a row goes into one of several temporary files by
its id, and these are compared one after another, so that memory stays flat at a million prompts. Kept by both
checksums (kept_results.py).
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from zlib import crc32

import pyarrow.parquet as pq

from labeling.data.versions import kept_results
from labeling.data.versions.datasets import ROWS_PER_GROUP, path_of
from labeling.data.versions.row_digests import digests
from labeling.models import DatasetVersion

SHOWN = 20  # of each kind
PROMPTS_AT_ONCE = 20_000  # that are compared in memory
MOST_FILES = 200  # open at once, of each version
ADDED, REMOVED, CHANGED = "added", "removed", "changed"

_TEXTS = ("prompt", "completions")
_COLUMNS = ["id", "split", *_TEXTS, "rankings"]
Line = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """prompts: added, removed, changed, same. pairs: added, removed, turned, same; a turned one is no other.

    lines: every prompt that isn't the same, as JSON Lines, in the order of the later version's file.
    """

    prompts: dict[str, int]
    pairs: dict[str, int]
    first: dict[str, list[Line]]  # SHOWN of each kind
    lines: Path

    @property
    def n_other(self) -> int:
        """Counts the prompts that aren't the same."""
        return sum(n for kind, n in self.prompts.items() if kind != "same")


@dataclass(frozen=True)
class _Row:
    """Of a row what is compared."""

    place: int
    split: str
    texts: str  # digest
    completions: list[str]  # ids
    rankings: list[list[Any]]  # id, labeler, ranks, flags, strength, and what else was said

    def pairs(self) -> Counter[tuple[str, str, str]]:
        """Counts who preferred which completion to which."""
        return Counter(
            (labeler, self.completions[i], self.completions[j])
            for _, labeler, ranks, *_ in self.rankings
            for i, j in permutations(range(len(ranks)), 2)
            if ranks[i] < ranks[j]
        )


def difference(before: DatasetVersion, after: DatasetVersion) -> Difference:
    """Raises Conflict while others are compared, PodiumError where a file can't be read."""
    found = kept_results.find_or_make(after.project_id, _name(before, after), partial(_compare, before, after))
    return Difference(**found.summary, lines=found.lines)


def is_kept(before: DatasetVersion, after: DatasetVersion) -> bool:
    """Tells whether it is at hand without reading the files."""
    return kept_results.find(after.project_id, _name(before, after)) is not None


def _name(before: DatasetVersion, after: DatasetVersion) -> str:
    return f"difference-{before.sha256}-{after.sha256}"


def _compare(before: DatasetVersion, after: DatasetVersion, lines: Path) -> dict[str, Any]:
    n = min(MOST_FILES, -(-max(before.n_prompts, after.n_prompts) // PROMPTS_AT_ONCE)) or 1
    prompts = Counter(dict.fromkeys((ADDED, REMOVED, CHANGED, "same"), 0))
    pairs = Counter(dict.fromkeys((ADDED, REMOVED, "turned", "same"), 0))
    first: dict[str, list[Line]] = {ADDED: [], REMOVED: [], CHANGED: []}
    with TemporaryDirectory(dir=lines.parent, prefix="difference.") as name:
        folder = Path(name)
        for side, version in (("before", before), ("after", after)):
            _spread(version, folder, side, n)
        for number in range(n):
            _compare_some(folder, number, prompts, pairs)
        with ExitStack() as stack, lines.open("w", encoding="utf-8") as file:
            parts = [stack.enter_context((folder / f"found-{number}").open(encoding="utf-8")) for number in range(n)]
            for _, line in heapq.merge(*map(_ordered, parts)):
                file.write(line)
                said = json.loads(line)
                if len(first[said["prompt"]]) < SHOWN:
                    first[said["prompt"]].append(said)
    return {"prompts": dict(prompts), "pairs": dict(pairs), "first": first}


def _spread(version: DatasetVersion, folder: Path, side: str, n: int) -> None:
    """Writes each row of a version into one of n files, by its id."""
    with ExitStack() as stack, pq.ParquetFile(path_of(version)) as parquet:
        files = [stack.enter_context((folder / f"{side}-{number}").open("w", encoding="utf-8")) for number in range(n)]
        place = 0
        for batch in parquet.iter_batches(batch_size=ROWS_PER_GROUP, columns=_COLUMNS):
            texts = digests([batch.column(name) for name in _TEXTS], len(batch))
            columns = [batch.column("id").to_pylist(), batch.column("split").to_pylist(), _completion_ids(batch)]
            rankings = batch.column("rankings").to_pylist()
            for external_id, split, completions, said, digest in zip(*columns, rankings, texts, strict=True):
                row = [external_id, place, split, digest.hex(), completions, list(map(_in_short, said))]
                files[crc32(external_id.encode()) % n].write(json.dumps(row) + "\n")
                place += 1


def _completion_ids(batch: Any) -> list[list[str]]:
    completions = batch.column("completions")
    ids = completions.values.field("id").to_pylist()
    offsets = completions.offsets.to_pylist()
    return [ids[begin:end] for begin, end in pairwise(offsets)]


def _in_short(ranking: dict[str, Any]) -> list[Any]:
    said = [*(ranking[name] for name in ("id", "labeler", "ranks", "flags")), ranking.get("strength")]
    more = [ranking.get(name) for name in ("acceptable", "reasons", "attributes", "rewrite")]
    # A version in which nobody says any of these has no columns of them: it differs by nothing from one that has them.
    more = [] if more in ([None] * 4, [None, [], "[]", None]) else more
    top_k = ranking.get("top_k")
    return said + more + ([] if top_k is None else [top_k])


def _read(file: IO[str]) -> Iterator[tuple[str, _Row]]:
    for line in file:
        external_id, *rest = json.loads(line)
        yield external_id, _Row(*rest)


def _compare_some(folder: Path, number: int, prompts: Counter[str], pairs: Counter[str]) -> None:
    """Compares what stands in one of the files, and writes what differs in the order of the versions."""
    with (folder / f"before-{number}").open(encoding="utf-8") as file:
        before = dict(_read(file))
    found: list[tuple[int, Line]] = []
    with (folder / f"after-{number}").open(encoding="utf-8") as file:
        for external_id, row in _read(file):
            found += _differing(external_id, before.pop(external_id, None), row, prompts, pairs)
    for external_id, row in before.items():
        found += _differing(external_id, row, None, prompts, pairs)
    found.sort(key=lambda one: (one[0], one[1]["id"]))
    with (folder / f"found-{number}").open("w", encoding="utf-8") as file:
        for place, line in found:
            file.write(f"{place}\t{json.dumps(line, ensure_ascii=False)}\n")


def _differing(
    external_id: str, before: _Row | None, after: _Row | None, prompts: Counter[str], pairs: Counter[str]
) -> list[tuple[int, Line]]:
    """Counts a prompt and its pairs; gives what there is to say of one that isn't the same, with its place."""
    ours, theirs = after.pairs() if after else Counter(), before.pairs() if before else Counter()
    added, removed = ours - theirs, theirs - ours
    turned = sum(min(n, removed[labeler, other, one]) for (labeler, one, other), n in added.items())
    n = {ADDED: added.total() - turned, REMOVED: removed.total() - turned, "turned": turned}
    pairs.update({**n, "same": (ours & theirs).total()})
    if before and after and _content(before) == _content(after):
        prompts["same"] += 1
        return []
    kind = CHANGED if before and after else ADDED if after else REMOVED
    prompts[kind] += 1
    places = {"place": after.place if after else None, "place_before": before.place if before else None}
    row = after or before
    assert row is not None
    line: Line = {"id": external_id, "prompt": kind, "split": row.split, **places}
    if before and after:
        line["texts_changed"] = (before.texts, before.completions) != (after.texts, after.completions)
    return [(row.place, {**line, **{f"pairs_{word}": count for word, count in n.items()}})]


def _content(row: _Row) -> tuple[Any, ...]:
    return row.split, row.texts, row.completions, row.rankings


def _ordered(file: IO[str]) -> Iterator[tuple[int, str]]:
    for line in file:
        place, _, rest = line.partition("\t")
        yield int(place), rest
