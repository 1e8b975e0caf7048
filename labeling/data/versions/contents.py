"""The checksum of what a version says, whichever Podium it was frozen in and in whatever order its prompts lie.

The file's own checksum tells two files apart; but ids of rankings and the names of imported labelers are those of the
database that it was frozen from. Here labelers are numbered, by the prompts that they ranked first in the order of ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection

import pyarrow.parquet as pq

from labeling.data.versions import datasets
from labeling.models import DatasetVersion

_LABELERS = ["id", "split", "rankings.list.element.labeler"]
_line = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def sha256_of(version: DatasetVersion, splits: Collection[str]) -> str:
    """Gives the sha256 over the prompts of some splits, each with its texts, models and rankings, in the order of their
    ids. Memory grows by the ids and not by the texts."""
    numbers = labeler_numbers(version, splits)
    digests: dict[str, bytes] = {}
    for row in datasets.read_groups(version):
        if row["split"] in splits:
            for ranking in row["rankings"]:
                del ranking["id"]
                ranking["labeler"] = numbers[ranking["labeler"]]
                if ranking.get("top_k") is None:  # as in a version in which all rank all
                    ranking.pop("top_k", None)
            digests[row["id"]] = hashlib.sha256(_line(row).encode()).digest()
    whole = hashlib.sha256()
    for name in sorted(digests):
        whole.update(digests[name])
    return whole.hexdigest()


def labeler_numbers(version: DatasetVersion, splits: Collection[str]) -> dict[str, int]:
    """Numbers labelers from 1, in the order in which they first ranked, prompts by their ids."""
    with pq.ParquetFile(datasets.path_of(version)) as file:
        table = file.read(columns=_LABELERS)
    rows = zip(*(table[name].to_pylist() for name in ("id", "split", "rankings")), strict=True)
    found = sorted((name, [said["labeler"] for said in rankings]) for name, split, rankings in rows if split in splits)
    numbers: dict[str, int] = {}
    for _, labelers in found:
        for labeler in labelers:
            numbers.setdefault(labeler, len(numbers) + 1)
    return numbers
