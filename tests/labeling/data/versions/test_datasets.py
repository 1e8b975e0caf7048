"""Freezing: the same rankings give the same bytes, and a version never changes."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.importing.imports import import_lines
from labeling.data.versions import datasets, frozen_rows
from labeling.data.versions.datasets import freeze, path_of, read_groups
from labeling.data.versions.frozen_rows import SCHEMA
from labeling.errors import Invalid
from labeling.models import Project, Split
from labeling.projects.projects import update_project
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data import groups as core
from rewardtrain.core.data.comparisons import build_dataset
from tests.factories import claimed, join, make_project, make_prompt, rank, rank_next, tiers_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(overlap=2)
    for split in ("train", "train", "validation", "test"):
        make_prompt(project, split=split)
    return project


def test_it_holds_each_ranked_prompt_once_with_all_its_rankings(project: Project) -> None:
    one, two = join(project), join(project)
    rank(project, one, [1, 2, 3, 4])
    rank(project, two, [2, 1, 3, 3])
    version = freeze(project)
    (group,) = read_groups(version)
    assert [completion["id"] for completion in group["completions"]] == ["a", "b", "c", "d"]
    assert [(ranking["labeler"], ranking["ranks"]) for ranking in group["rankings"]] == [
        (one.username, [1, 2, 3, 4]),
        (two.username, [2, 1, 3, 3]),
    ]
    assert (version.n_prompts, version.n_rankings, version.n_pairs) == (1, 2, 11)
    assert version.counts["train"] == {"prompts": 1, "rankings": 2, "pairs": 11, "ties": 1}


def test_it_holds_how_much_better_the_better_of_two_is() -> None:
    project = make_project(ask_strength=True)
    for _ in range(2):
        make_prompt(project, k=2)
    labeler = join(project)
    for strength in (3, None):
        assignment = claimed(project, labeler)
        rankings.submit(assignment, {"tiers": tiers_of(assignment), "strength": strength})
    said = [ranking for group in read_groups(freeze(project)) for ranking in group["rankings"]]
    assert [ranking["strength"] for ranking in said] == [3, None]


def test_flags_are_frozen_as_they_were_said_and_training_reads_them() -> None:
    """Also where everything is a tie: flags alone train a classifier. What was not said of a flag stays unsaid."""
    project = make_project(flags=[{"name": "rude", "label": "Rude"}])
    make_prompt(project, k=2, split="train")
    assignment = claimed(project, join(project))
    [tied] = tiers_of(assignment, [1, 1])
    rankings.submit(assignment, {"tiers": [tied], "flags": {tied[0]: {"rude": True}}})
    version = freeze(project)
    assert version.n_pairs == 0
    assert version.counts["train"] == {"prompts": 1, "rankings": 1, "ties": 1, "flagged": 1}
    (group,) = read_groups(version)
    assert [ranking["flags"] for ranking in group["rankings"]] == [[{"rude": True}, {}]]
    data = build_dataset(core.read_groups(path_of(version)), TrainConfig(head="binary"))
    assert (data.flag, [merged.votes for merged in data.comparisons["train"]]) == ("rude", [{0: (0, 1)}])


def test_what_is_said_beyond_an_order_is_what_training_learns_from() -> None:
    """Strength, a rewrite and ratings, from the labeler's answer to the comparisons that core makes of the version."""
    rating = {"name": "helpful", "label": "Helpful", "scale": 5}
    project = update_project(make_project(ask_strength=True), ask_rewrite="optional", attributes=[rating])
    make_prompt(project, k=2, split="train")
    assignment = claimed(project, join(project))
    [better], [worse] = tiers_of(assignment)
    answer = {
        "tiers": [[better], [worse]],
        "strength": 3,
        "rewrite": {"of": better, "text": "Better still."},
        "attributes": {better: {"helpful": 2}, worse: {"helpful": 4}},
    }
    rankings.submit(assignment, answer)
    [group] = core.read_groups(path_of(freeze(project)))
    [said] = group.rankings
    first = said.ranks.index(1)
    assert (said.strength, said.rewrite) == (3, core.Rewrite(first, "Better still."))
    assert said.attributes == {"helpful": tuple(2 if place == first else 1 for place in range(2))}
    data = build_dataset([group], TrainConfig(weight="strength", margin="strength"))
    [merged], [trained] = data.comparisons["train"], data.splits["train"]
    assert trained.completions == (*group.completions, "Better still.")
    assert merged.scales == {(first, 1 - first): 3.0, (2, first): 1.0, (2, 1 - first): 1.0}
    assert merged.margins == {(first, 1 - first): 3.0}


def test_a_version_is_the_very_file_that_its_rows_make_one_by_one() -> None:
    """Its flags in the order of their names, whatever their length; texts and names as they are."""
    project = make_project(overlap=2)
    flags = [{'ü"b': True, "a": False, "\U0001f600": True}, {}, {name * 50: True for name in "zyxa"}]
    completions = [{"id": f'"{n}\\', "text": f"{n} \x01\u2028\U0010ffff,\n", "model": "é" * n} for n in range(3)]
    turns = [{"role": "system", "content": ""}, {"role": "user", "content": '\\u0000 "?'}]
    said = [{"labeler": "añ n", "ranks": [1, 2, 2], "flags": flags}, {"labeler": "bob", "ranks": [3, 1, 2]}]
    asked = {"id": 'q"1', "prompt": turns, "completions": completions, "rankings": said}
    two = {"id": "q2", "prompt": "Two?", "completions": completions[:2]}
    compared = {**two, "rankings": [{"labeler": "bob", "ranks": [2, 1], "strength": 3}]}
    assert import_lines(project, [json.dumps(row).encode() for row in (asked, compared)]).errors == []
    version = freeze(project)
    table = pq.read_table(path_of(version), schema=SCHEMA)
    rows = table.to_pylist()
    assert [rankings["flags"] for rankings in rows[0]["rankings"]] == [
        json.dumps(each, ensure_ascii=False, sort_keys=True) for each in (flags, [{}, {}, {}])
    ]
    assert [(row["id"], row["prompt"][-1]["content"]) for row in rows] == [('q"1', '\\u0000 "?'), ("q2", "Two?")]
    assert [c["text"] for c in rows[0]["completions"]] == [c["text"] for c in completions]
    assert [(r["ranks"], r["strength"]) for row in rows for r in row["rankings"]] == [
        ([1, 2, 2], None),
        ([3, 1, 2], None),
        ([2, 1], 3),
    ]
    plainly = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), plainly, compression="zstd")
    assert plainly.getvalue() == path_of(version).read_bytes()
    total = sum((Counter(count) for count in version.counts.values()), Counter())
    assert total == {"prompts": 2, "rankings": 3, "pairs": 6, "ties": 1, "flagged": 2}


def test_freezing_takes_as_many_statements_however_much_there_is(project: Project) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            freeze(project)
        return len(queries)

    labeler = join(project)
    rank(project, labeler)
    cost()
    rank(project, labeler)
    few = cost()
    for _ in range(2 * frozen_rows.PROMPTS_AT_ONCE):
        make_prompt(project)
    rank_next(project, labeler, 2 * frozen_rows.PROMPTS_AT_ONCE)
    assert cost() == few <= 12


def test_the_checksum_is_the_file_s(project: Project) -> None:
    rank(project, join(project))
    version = freeze(project)
    content = path_of(version).read_bytes()
    assert hashlib.sha256(content).hexdigest() == version.sha256
    assert len(content) == version.bytes


def test_freezing_again_with_nothing_new_gives_the_same_version(project: Project) -> None:
    labeler = join(project)
    rank(project, labeler)
    first = freeze(project)
    assert freeze(project) == first
    rank(project, labeler)
    assert freeze(project).number == 2


def test_it_keeps_the_splits_apart(project: Project) -> None:
    labeler = join(project)
    for _ in range(4):
        rank(project, labeler)
    groups = list(read_groups(freeze(project)))
    assert [group["split"] for group in groups] == ["train", "train", "validation", "test"]


def test_it_refuses_to_freeze_nothing(project: Project) -> None:
    with pytest.raises(Invalid, match="no completion has been preferred"):
        freeze(project)
    rank(project, join(project), [1, 1, 1, 1])
    with pytest.raises(Invalid, match="no completion has been preferred"):
        freeze(project)
    assert not list(path_of_folder(project))


def path_of_folder(project: Project) -> list[str]:
    from django.core.files.storage import storages

    folder = f"projects/{project.pk}/datasets"
    return storages["models"].listdir(folder)[1] if storages["models"].exists(folder) else []


def test_it_holds_more_prompts_than_fit_one_row_group(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """And more than the 100 rows that a server-side cursor fetches at a time."""
    monkeypatch.setattr("labeling.data.versions.datasets.ROWS_PER_GROUP", 40)
    completions = [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}]
    recorded = [{"labeler": "ann", "ranks": [1, 2]}]
    rows = [{"id": str(n), "prompt": f"{n}?", "completions": completions, "rankings": recorded} for n in range(150)]
    import_lines(project, [json.dumps(row).encode() for row in rows])
    version = freeze(project)
    assert version.n_prompts == len(list(read_groups(version))) == 150


def test_a_version_after_a_few_changes_is_the_one_that_all_the_rankings_give(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New, amended and withdrawn rankings, before, between and after the rows that stay."""
    one, two = join(project), join(project)
    first, _, third, _ = (rank(project, one) for _ in range(4))
    freeze(project)
    rankings.withdraw(first.assignment)
    rankings.amend(third.assignment, {"tiers": tiers_of(third.assignment, (4, 3, 2, 1))})
    rank(project, two, (1, 1, 2, 3))
    make_prompt(project, split="test")
    rank(project, two)
    version = freeze(project)
    assert version.number == 2
    counted = {split: Counter() for split in Split.values}
    for group in read_groups(version):
        counted[group["split"]].update(prompts=1, rankings=len(group["rankings"]))
    kept = {
        split: {name: n for name, n in count.items() if name in ("prompts", "rankings")}
        for split, count in version.counts.items()
    }
    assert kept == counted
    monkeypatch.setattr(datasets, "MOST_CHANGES", -1)  # so that everything is read
    assert freeze(project) == version


def test_a_labeler_who_was_renamed_has_one_name_in_a_version(project: Project) -> None:
    labeler = join(project)
    rank(project, labeler)
    freeze(project)
    labeler.username = "ada"
    labeler.save()
    rank(project, labeler)
    assert {said["labeler"] for group in read_groups(freeze(project)) for said in group["rankings"]} == {"ada"}
