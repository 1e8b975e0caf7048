"""What a frozen version says of its labelers, its overlap and their agreement: one walk through its file, kept then."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from labeling.data.versions import kept_results
from labeling.data.versions.datasets import ROWS_PER_GROUP, path_of
from labeling.data.versions.frozen_rows import pairs_and_ties
from labeling.models import DatasetVersion
from labeling.quality.comparisons import Agreement, agreement_of_counts

_COLUMNS = ["split", *(f"rankings.list.element.{name}" for name in ("labeler", "ranks", "strength", "top_k"))]


@dataclass(frozen=True)
class Labeler:
    """What one person ranked."""

    name: str
    rankings: int
    splits: dict[str, int]  # rankings
    pairs: int
    ties: int


@dataclass(frozen=True)
class Facts:
    labelers: list[Labeler]  # who ranked most first
    overlap: dict[int, int]  # rankings of a prompt -> prompts
    lengths: dict[int, int]  # completions of a prompt, K -> prompts
    strengths: int  # rankings that say how much better
    agreement: Agreement

    @property
    def rankings(self) -> int:
        return sum(labeler.rankings for labeler in self.labelers)


def facts_of(version: DatasetVersion) -> Facts:
    """Raises Conflict while other files are read, PodiumError where its own can't be."""
    same = DatasetVersion.objects.filter(pk=version.pk, sha256=version.sha256)
    found = kept_results.find_or_make(
        version.project_id, f"facts-{version.sha256}", partial(_measured, version), stands=same.exists
    )
    said = found.summary
    return Facts(
        [Labeler(**labeler) for labeler in said["labelers"]],
        {int(n): prompts for n, prompts in said["overlap"].items()},
        {int(k): prompts for k, prompts in said["lengths"].items()},
        said["strengths"],
        agreement_of_counts({(n, agreed): prompts for n, agreed, prompts in said["comparisons"]}),
    )


def kept_facts_of(version: DatasetVersion) -> bool:
    """Tells whether they are at hand without a walk through the file."""
    return kept_results.find(version.project_id, f"facts-{version.sha256}") is not None


def _measured(version: DatasetVersion, _lines: Path) -> dict[str, Any]:
    people: dict[str, Counter[str]] = defaultdict(Counter)
    overlap: Counter[int] = Counter()
    lengths: Counter[int] = Counter()
    comparisons: Counter[tuple[int, int]] = Counter()
    strengths = 0
    for split, rankings in _rows(version):
        ranks = [tuple(ranking["ranks"]) for ranking in rankings]
        overlap[len(rankings)] += 1
        lengths[len(ranks[0])] += 1
        strengths += sum(ranking.get("strength") is not None for ranking in rankings)
        for ranking, said in zip(rankings, ranks, strict=True):
            pairs, ties = pairs_and_ties(said, ranking.get("top_k"))
            people[ranking["labeler"]].update({"rankings": 1, split: 1, "pairs": pairs, "ties": ties})
        if len(ranks) > 1 and (judged := _comparisons(tuple(sorted(ranks))))[0]:
            comparisons[judged] += 1
    return {
        "labelers": [
            _labeler(name, n) for name, n in sorted(people.items(), key=lambda one: (-one[1]["rankings"], one[0]))
        ],
        "overlap": dict(sorted(overlap.items())),
        "lengths": dict(sorted(lengths.items())),
        "strengths": strengths,
        "comparisons": [[n, agreed, prompts] for (n, agreed), prompts in sorted(comparisons.items())],
    }


def _labeler(name: str, counts: Counter[str]) -> dict[str, Any]:
    splits = {split: n for split, n in counts.items() if split not in ("rankings", "pairs", "ties")}
    return {"name": name, "splits": splits, **{word: counts[word] for word in ("rankings", "pairs", "ties")}}


def _rows(version: DatasetVersion) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    with pq.ParquetFile(path_of(version)) as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_GROUP, columns=_COLUMNS):
            yield from zip(batch.column("split").to_pylist(), batch.column("rankings").to_pylist(), strict=True)


@lru_cache(maxsize=4096)
def _comparisons(rankings: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    """Counts how often two people judged the same two completions, and how often alike."""
    n = agreed = 0
    for one, two in combinations(range(len(rankings[0])), 2):
        first = sum(ranks[one] < ranks[two] for ranks in rankings)
        second = sum(ranks[one] > ranks[two] for ranks in rankings)
        n += (first + second) * (first + second - 1) // 2
        agreed += (first * (first - 1) + second * (second - 1)) // 2
    return n, agreed
