"""The difference of two versions, by hand and against a comparison of all rows in memory."""

from __future__ import annotations

import json
import random
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.utils import timezone

from jobs.locks import one_at_a_time
from labeling.answers import rankings
from labeling.data.versions import difference as differences
from labeling.data.versions import kept_results
from labeling.data.versions.datasets import freeze, path_of
from labeling.data.versions.difference import Difference, difference
from labeling.data.versions.frozen_rows import SCHEMA
from labeling.data.versions.row_digests import digests
from labeling.errors import Conflict, PodiumError
from labeling.models import DatasetVersion, Project, Ranking
from tests.factories import join, make_project, make_prompt, rank, tiers_of
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def model_dir(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path / "models"


@pytest.fixture
def project() -> Project:
    return make_project()


def lines_of(found: Difference) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.lines.read_text("utf-8").splitlines()]


def test_it_tells_added_removed_and_changed_prompts_and_pairs(project: Project) -> None:
    labeler = join(project)
    for name in ("stays", "changes", "goes", "comes"):
        make_prompt(project, k=2, external_id=name, split="train")
    _stays, changes, goes = (rank(project, labeler) for _ in range(3))
    before = freeze(project)
    rankings.amend(changes.assignment, {"tiers": tiers_of(changes.assignment, [2, 1])})
    undone(goes)
    project.prompts.filter(external_id="goes").update(held_at="2026-01-01T00:00:00Z")
    rank(project, labeler)
    after = freeze(project)
    found = difference(before, after)
    assert found.prompts == {"added": 1, "removed": 1, "changed": 1, "same": 1}
    assert found.pairs == {"added": 1, "removed": 1, "turned": 1, "same": 1}
    assert {line["id"]: line["prompt"] for line in lines_of(found)} == {
        "changes": "changed", "goes": "removed", "comes": "added",
    }  # fmt: skip
    back = difference(after, before)
    assert back.prompts == {"added": 1, "removed": 1, "changed": 1, "same": 1}
    assert back.pairs == {"added": 1, "removed": 1, "turned": 1, "same": 1}


def undone(ranking: Ranking) -> None:
    """As `undo` leaves it, long after the 30 seconds in which a labeler may."""
    ranking.pairs.all().delete()
    Ranking.objects.filter(pk=ranking.pk).update(live=False, ended_at=timezone.now())


def test_a_version_is_no_other_than_itself(project: Project) -> None:
    make_prompt(project)
    rank(project, join(project))
    version = freeze(project)
    found = difference(version, version)
    assert (found.n_other, lines_of(found)) == (0, [])


def row(number: int, draw: random.Random) -> dict[str, Any]:
    return {
        "id": f"row {number}",
        "split": "train",
        "prompt": [{"role": "user", "content": f"{number}?" + "!" * draw.randrange(2)}],
        "completions": [{"id": name, "text": f"{name}{draw.randrange(2)}", "model": ""} for name in "ab"],
        "rankings": [
            {
                "id": f"{number}{n}{draw.randrange(2)}",
                "labeler": f"p{n}",
                "ranks": draw.choice([[1, 2], [2, 1], [1, 1]]),
                "flags": "[{}, {}]",
                "strength": draw.choice([None, 2]),
            }
            for n in range(draw.randrange(1, 3))
        ],
    }


def written(project: Project, rows: list[dict[str, Any]]) -> DatasetVersion:
    number = project.dataset_versions.count() + 1
    version = DatasetVersion(
        project=project, number=number, file=f"{number}.parquet", sha256=f"{number:064}", bytes=0, counts={},
        n_prompts=len(rows), n_rankings=0, n_pairs=0, last_ranking_id=0,
    )  # fmt: skip
    path = path_of(version)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, row_group_size=7)
    version.save()
    return version


def pairs(rows: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    return Counter(
        (one["id"], said["labeler"], "ab"[i], "ab"[j])
        for one in rows
        for said in one["rankings"]
        for i, j in permutations(range(2), 2)
        if said["ranks"][i] < said["ranks"][j]
    )


@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_a_comparison_in_memory_finds(project: Project, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In several files, of which each holds a part of the rows."""
    monkeypatch.setattr(differences, "PROMPTS_AT_ONCE", 10)
    draw = random.Random(seed)
    before = [row(number, draw) for number in range(60) if draw.random() < 0.8]
    after = [one if draw.random() < 0.7 else row(int(one["id"][4:]), draw) for one in before if draw.random() < 0.8]
    after += [row(number, draw) for number in range(60, 70)]
    draw.shuffle(after)
    found = difference(written(project, before), written(project, after))
    theirs, ours = ({one["id"]: one for one in rows} for rows in (before, after))
    both = theirs.keys() & ours.keys()
    assert found.prompts == {
        "added": len(ours.keys() - theirs.keys()),
        "removed": len(theirs.keys() - ours.keys()),
        "changed": sum(ours[name] != theirs[name] for name in both),
        "same": sum(ours[name] == theirs[name] for name in both),
    }
    more, fewer = pairs(after) - pairs(before), pairs(before) - pairs(after)
    turned = sum(min(n, fewer[name, who, two, one]) for (name, who, one, two), n in more.items())
    assert found.pairs == {
        "added": more.total() - turned,
        "removed": fewer.total() - turned,
        "turned": turned,
        "same": (pairs(before) & pairs(after)).total(),
    }
    lines = lines_of(found)
    assert len(lines) == found.n_other
    for line in lines:
        for place, rows in ((line["place"], after), (line["place_before"], before)):
            assert place is None or rows[place]["id"] == line["id"]
    places = [line["place"] for line in lines if line["prompt"] != "removed"]
    assert places == sorted(places)


def test_memory_stays_flat(project: Project) -> None:
    """Ten times as many prompts take no more: what is compared at a time is a part of them."""
    peaks = []
    for n in (1000, 4000):
        draw = random.Random(n)
        versions = [written(project, [row(number, draw) for number in range(n)]) for _ in range(2)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(differences, "PROMPTS_AT_ONCE", 500)
            tracemalloc.start()
            difference(*versions)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def test_it_is_made_once_and_kept_by_both_checksums(project: Project) -> None:
    draw = random.Random(1)
    one, two = (written(project, [row(number, draw) for number in range(3)]) for _ in range(2))
    assert not differences.is_kept(one, two)
    first = difference(one, two)
    assert differences.is_kept(one, two)
    assert not differences.is_kept(two, one)
    path_of(one).unlink()
    assert difference(one, two) == first


def test_one_that_breaks_half_way_leaves_nothing(project: Project) -> None:
    def make(path: Path) -> dict[str, Any]:
        path.write_text("half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(PodiumError, match="No space left"):
        kept_results.find_or_make(project.pk, "difference-x", make)
    assert kept_results.find(project.pk, "difference-x") is None
    again = kept_results.find_or_make(project.pk, "difference-x", lambda _path: {"n": 1})
    assert (again.summary, again.lines.read_text()) == ({"n": 1}, "")
    assert {path.suffix for path in again.lines.parent.iterdir()} == {".json", ".jsonl"}


def test_only_the_newest_results_are_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_results, "MOST", 3)
    for number in range(8):
        folder = kept_results.find_or_make(project.pk, f"facts-{number}", lambda _path: {}).lines.parent
    assert len(list(folder.iterdir())) <= 6
    assert kept_results.find(project.pk, "facts-7") is not None


def test_a_file_that_is_gone_is_said_without_its_path(project: Project) -> None:
    draw = random.Random(1)
    one, two = (written(project, [row(number, draw) for number in range(3)]) for _ in range(2))
    path_of(two).unlink()
    with pytest.raises(PodiumError) as caught:
        difference(one, two)
    assert caught.value.code == "file_missing"
    assert "/" not in caught.value.detail


def test_a_digest_tells_where_one_text_ends() -> None:
    """Also in a part of an array, and not by what stands before it."""
    kind = pa.list_(pa.struct([("a", pa.string()), ("b", pa.list_(pa.string()))]))
    rows = [[{"a": "x" * i, "b": ["q" * k for k in range(i % 3)]} for i in range(n % 4)] for n in range(50)]
    array = pa.array(rows, kind)
    found = list(digests([array], 50))
    assert list(digests([array.slice(10, 10)], 10)) == found[10:20]
    assert len(set(found)) == 4
    texts = pa.array([["ab", "c"], ["a", "bc"], ["abc"], []], pa.list_(pa.string()))
    assert len(set(digests([texts], 4))) == 4
    with pytest.raises(TypeError, match="int64"):
        list(digests([pa.array([1])], 1))


@pytest.mark.django_db(transaction=True)
def test_while_one_is_made_another_is_refused(project: Project) -> None:
    """By another connection, as another web process has."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with one_at_a_time(f"{kept_results.__name__} difference"):
            entered.set()
            leave.wait(30)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert entered.wait(30)
        with pytest.raises(Conflict) as caught:
            kept_results.find_or_make(project.pk, "difference-y", lambda _path: {})
        assert caught.value.code == "being_made"
        assert kept_results.find_or_make(project.pk, "facts-y", lambda _path: {"n": 1}).summary == {"n": 1}
    finally:
        leave.set()
        thread.join()
