"""What the model prefers leaves only when it is asked for by name, and where people have ranked it never does."""

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.urls import reverse

from jobs import lifecycle
from labeling.answers import rankings
from labeling.data.exporting import exports
from labeling.data.versions import datasets
from labeling.errors import Conflict
from labeling.models import Project
from rewardtrain.models import ModelPreference
from rewardtrain.registry import champions
from tests.factories import join, rank
from tests.labeling.api.client import as_user, bytes_of, errors_of
from tests.rewardtrain.automatic.test_auto_labels import SURE, do, open_prompts, taken
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts
from tests.rewardtrain.test_views import client_of

pytestmark = pytest.mark.django_db
EXPORT = "/api/v1/projects/helpful/export/"


@pytest.fixture
def labeled(project: Project) -> Project:
    """Two prompts that the model decided, six pairs each, and one of the test split."""
    rank_prompts(project, train=2, test=1, validation=1)
    champions.promote(make_model(project, make_report()), by=None, reason="the first")
    prompts = [*open_prompts(project, 2), *open_prompts(project, 1, split="test")]
    job = taken(project)
    do(job, {prompt.pk: SURE for prompt in prompts})
    lifecycle.end(job, lifecycle.State.SUCCEEDED)
    return project


def export(project: Project, **asked: Any) -> list[dict[str, Any]]:
    pieces = exports.stream_pairs(project, **{"file_format": "jsonl", "layout": "standard", **asked})
    return [json.loads(line) for line in b"".join(pieces).splitlines()]


def test_nothing_of_the_model_is_in_an_export_or_a_version_that_does_not_name_it(labeled: Project) -> None:
    asked = {prompt.messages[0]["content"] for prompt in labeled.prompts.filter(ranked=0)}
    assert len(export(labeled, split="all")) == labeled.pairs.count()
    assert not asked & {row["prompt"] for row in export(labeled, split="all")}
    assert datasets.freeze(labeled).n_pairs == labeled.pairs.count()


def test_the_model_s_pairs_come_with_version_and_probability(labeled: Project) -> None:
    rows = export(labeled, source="model")
    assert len(rows) == 12, "test prompts stay out unless they are asked for"
    assert set(rows[0]) == {"prompt", "chosen", "rejected", "model", "probability", "uncertainty"}
    assert {row["model"] for row in rows} == {1}
    assert all(row["probability"] >= 0.9 for row in rows)
    assert rows[0]["chosen"].startswith("Answer a")
    assert len(export(labeled, source="model", split="all")) == 18


def test_where_people_have_ranked_since_their_word_counts(labeled: Project) -> None:
    ranking = rank(labeled, join(labeled))
    assert len(export(labeled, source="model", split="all")) == 12
    assert ModelPreference.objects.count() == 18
    rankings.withdraw(ranking.assignment)
    assert len(export(labeled, source="model", split="all")) == 18


@pytest.mark.parametrize("layout", ["standard", "conversational"])
def test_every_format_has_the_same_columns(labeled: Project, layout: str) -> None:
    def pieces(file_format: str) -> bytes:
        return b"".join(exports.stream_pairs(labeled, file_format=file_format, layout=layout, source="model"))

    rows = [json.loads(line) for line in pieces("jsonl").splitlines()]
    table = pq.read_table(pa.BufferReader(pieces("parquet")))
    assert table.to_pylist() == rows
    head, *cells = csv.reader(io.StringIO(pieces("csv").decode()))
    assert head == list(rows[0])
    assert [float(line[4]) for line in cells] == [row["probability"] for row in rows]


def test_before_the_model_has_labeled_the_export_says_so(project: Project) -> None:
    with pytest.raises(Conflict, match="The model has labeled nothing here yet"):
        export(project, source="model")


def test_the_doors_take_the_source(labeled: Project, tmp_path: Any) -> None:
    client = as_user(labeled.created_by)
    answer = client.get(f"{EXPORT}?source=model&split=all")
    assert answer.status_code == 200
    assert "helpful-model-live" in answer["Content-Disposition"]
    assert len(bytes_of(answer).splitlines()) == 18
    refused = client.get(f"{EXPORT}?source=robots")
    assert (refused.status_code, errors_of(refused)) == (400, [("unknown_source", "source")])

    call_command("export_pairs", labeled.slug, str(tmp_path / "pairs.jsonl"), source="model", split="all")
    assert len((tmp_path / "pairs.jsonl").read_text().splitlines()) == 18

    page = client_of(labeled.created_by)
    assert "The model, where nobody has ranked" in page.get(reverse("export", args=[labeled.slug])).content.decode()
    values = {"format": "jsonl", "layout": "standard", "source": "model"}
    assert len(bytes_of(page.get(reverse("export_download", args=[labeled.slug]), values)).splitlines()) == 12
