"""From a labeler's answer on the board to a run's comparisons: no two of a rest are compared, nor tied, anywhere."""

from __future__ import annotations

import json
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from django.test import Client

from labeling.data.exporting.exports import stream
from labeling.data.exporting.wanted import Wanted
from labeling.data.versions import datasets
from labeling.models import Assignment, Completion, DatasetVersion, PreferencePair, Project, Ranking
from labeling.projects import counters
from labeling.projects.projects import update_project
from labeling.quality import agreement
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import make_batch
from rewardtrain.core.data.comparisons import build_dataset
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import read_groups
from rewardtrain.core.head.edges import edges_of
from rewardtrain.core.measures.metrics import collect_pairs
from tests.factories import ids_of, join, make_project, make_prompt
from tests.labeling.data.exporting.test_more_round_trip import imported

pytestmark = pytest.mark.django_db

K, BEST = 9, 3
RANKS = {  # of two people, by the completions' places in the file
    "lena": {0: 1, 4: 2, 8: 3},
    "mona": {4: 1, 5: 1, 0: 2},
}


@pytest.fixture
def project(tmp_path: Path, settings: object) -> Project:
    settings.MODEL_STORAGE = tmp_path  # type: ignore[attr-defined]
    project = update_project(make_project(slug="work", overlap=2), top_k=BEST)
    make_prompt(project, external_id="q", k=K)
    for name, ranks in RANKS.items():
        answer_on_the_board(project, name, ranks)
    return project


def answer_on_the_board(project: Project, name: str, ranks: dict[int, int]) -> None:
    labeler = join(project, username=name)
    client = Client()
    client.force_login(labeler)
    assert client.get("/p/work/rank/").status_code == 200
    assignment = Assignment.objects.get(labeler=labeler)
    places = dict(assignment.prompt.completions.values_list("pk", "position"))
    shown = zip(ids_of(assignment), assignment.shown_order, strict=True)
    placed = {f"rank-{name}": str(ranks[places[key]]) for name, key in shown if places[key] in ranks}
    assert client.post("/p/work/rank/", {"assignment": str(assignment.pk), **placed}).status_code == 302
    assert Ranking.objects.get(labeler=labeler).unranked == K - BEST


def said() -> Counter[tuple[int, int]]:
    """Counts, by places, who is above whom to so many people; a rest is below, and nothing in itself."""
    every = list(permutations(range(K), 2))
    return Counter((i, j) for ranks in RANKS.values() for i, j in every if ranks.get(i, K) < ranks.get(j, K))


TIED = (4, 5)  # by one person; nothing else is


def test_no_two_of_a_rest_from_the_board_to_the_runs_comparisons(project: Project) -> None:
    elsewhere = make_project(slug="elsewhere")
    imported(elsewhere, b"".join(stream(project, Wanted(what="podium", split="all"))))
    for each in (project, elsewhere):
        rows = PreferencePair.objects.filter(project=each)
        assert Counter(rows.values_list("chosen__position", "rejected__position")) == said()
        numbers = counters.of(each).total
        assert (numbers.pairs, numbers.ties) == (41, 1)
        assert counters.differences(each) == []
        version = datasets.freeze(each)
        [counts] = [counts for counts in version.counts.values() if counts]
        assert counts == {"prompts": 1, "rankings": 2, "pairs": 41, "ties": 1}
        _check_run(datasets.path_of(version))
        for source in (None, version):
            _check_pairs(each, source)


def _check_pairs(project: Project, version: DatasetVersion | None) -> None:
    place = dict(Completion.objects.filter(prompt__project=project).values_list("external_id", "position"))
    for ties in ("keep", "half"):
        data = b"".join(stream(project, Wanted(columns="provenance", split="all", ties=ties, version=version)))
        rows = map(json.loads, data.splitlines())
        found = Counter((place[row["chosen_id"]], place[row["rejected_id"]]) for row in rows)
        assert found == said() + (Counter([TIED, TIED[::-1]]) if ties == "half" else Counter())


def _check_run(path: Path) -> None:
    for ties in ("drop", "half", "davidson"):
        config = TrainConfig(ties=ties)
        data = build_dataset(read_groups(path), config)
        assert (data.counts()["n_comparisons"], data.counts()["n_ties"]) == (41, 1)
        [[merged]] = [merges for merges in data.comparisons.values() if merges]
        half = dict.fromkeys((TIED, TIED[::-1]), 0.5) if ties == "half" else {}
        expected = {pair: said()[pair] + half.get(pair, 0) for pair in {*said(), *half}}
        assert merged.weights == expected
        assert merged.ties == ({TIED: 1} if ties == "davidson" else {})
        edges = edges_of([merged], [K], config)
        assert {*zip(edges.better.tolist(), edges.worse.tolist(), strict=True)} == {*expected, *merged.ties}
        batch = make_batch([[_encoded(place) for place in range(K)]], [merged])
        assert {(i, j) for _, i, j in batch.weights.nonzero().tolist()} == {*expected}
        assert batch.ties is None or batch.ties.nonzero().tolist() == [[0, *TIED]]
    measured = collect_pairs(data.groups)
    assert Counter(zip(measured.chosen.tolist(), measured.rejected.tolist(), strict=True)) == said()
    assert measured.n_ties == 1


def _encoded(token: int) -> Encoded:
    return Encoded(np.array([token], np.int32), np.zeros(1, np.int8), prompt_cut=False, completion_cut=False)


def test_people_agree_on_what_both_compared(project: Project) -> None:
    one, other = (
        {pair for pair in said() if ranks.get(pair[0], K) < ranks.get(pair[1], K)} for ranks in RANKS.values()
    )
    turned = {pair[::-1] for pair in other}
    found = agreement.project_agreement(project)
    n, agreed = len(one & other) + len(one & turned), len(one & other)
    assert (found.n_pairs, found.value) == (n, pytest.approx(agreed / n))
