"""A reward model that others trained, measured on a project's own labels: by page, API and command, to its version."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from labeling.errors import Conflict, Invalid
from labeling.models import Project
from rewardtrain.charts.learning import measured
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.training import policy, runs, worker
from tests.factories import join, make_project
from tests.labeling.api.client import as_user, errors_of
from tests.rewardtrain.conftest import backbones_listed, make_model, make_version, rank_prompts

NONE = policy.Depth.NONE


@pytest.fixture(scope="session")
def trained(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model as its makers left it: weights, config and tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("theirs") / "their-reward"
    torch.manual_seed(3)
    BertForSequenceClassification.from_pretrained(tiny_backbone, num_labels=1).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(folder)
    return folder


@pytest.fixture
def theirs(trained: Path) -> Iterator[str]:
    with backbones_listed(trained):
        yield str(trained)


@pytest.fixture
def ranked(project: Project) -> Project:
    rank_prompts(project)
    return project


def request(project: Project, name: str) -> TrainingRun:
    wanted = {"backbone": name, "max_length": 32, "bootstrap_samples": 100, "threads": 1}
    return runs.request_run(project, depth=NONE, training=wanted)


def test_it_becomes_a_version_that_a_person_may_promote_and_others_are_compared_with(
    ranked: Project, theirs: str, tiny_training: dict[str, object], client: Client
) -> None:
    policy.update_policy(ranked, auto_promote=True, training={"lora_rank": 4, "epochs": 3})
    run = request(ranked, theirs)
    worker.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == ("succeeded", "")
    assert run.training["lora_rank"] == 0
    model = RewardModel.objects.get(run=run)
    evaluation = model.evaluations.get()
    assert evaluation.n_pairs > 0
    assert not model.champion
    client.force_login(join(ranked, role="manager"))
    shown = client.get(reverse("models", args=[ranked.slug])).content.decode()
    assert "their-reward, not trained here" in shown
    shown = client.get(reverse("model", args=[ranked.slug, model.version])).content.decode()
    assert "This is their-reward as its makers trained it." in shown
    shown = client.get(reverse("run", args=[ranked.slug, run.number])).content.decode()
    assert "nothing was trained" in shown
    assert measured(ranked) == []  # it learnt from none of the project's pairs
    champions.promote(model, by=None, reason="Good enough to begin with.", past_gate=True)
    trained = runs.request_run(ranked, training={**tiny_training, "lora_rank": 0, "epochs": 1})
    worker.work(trained.pk)
    report = RewardModel.objects.get(run=trained).evaluations.get().report
    assert report["champion"]["accuracy"] == evaluation.accuracy


def test_a_few_pairs_will_do_and_none_won_t(project: Project, theirs: str) -> None:
    with pytest.raises(Invalid, match="0 pairs in the train split; a run needs 1"):
        request(project, theirs)
    rank_prompts(project, train=1, test=1, validation=0)
    assert request(project, theirs).state == "queued"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("minilm", "'minilm', which has no reward head; name the reward model to measure: .*their-reward"),
        ("model 1", "'model 1', a version of this project, whose page has its figures"),
        ("owner/unlisted", "choose one of"),
    ],
)
def test_what_has_nothing_to_measure_is_refused(ranked: Project, theirs: str, name: str, words: str) -> None:
    make_model(ranked, version=make_version(ranked, training_pairs=100))
    with pytest.raises(Invalid, match=words):
        request(ranked, name)


def test_a_backbone_without_a_head_ends_with_what_is_missing(ranked: Project, tiny_backbone: Path) -> None:
    with backbones_listed(tiny_backbone):
        run = request(ranked, str(tiny_backbone))
        worker.work(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert re.search(r"has no weights for .*classifier.bias; it is not a trained sequence classifier", run.error)


def test_one_measurement_at_a_time_beside_a_training(ranked: Project, theirs: str) -> None:
    runs.request_run(ranked, training={})
    request(ranked, theirs)
    with pytest.raises(Conflict, match="queued"):
        request(ranked, theirs)


def test_no_policy_starts_one(ranked: Project) -> None:
    assert [each.depth for each in policy.next_retrainings(ranked)] == ["head", "full"]


# --- Its doors --------------------------------------------------------------------------------------------------------


def test_the_page_asks_for_it_and_shows_what_was_wrong(ranked: Project, theirs: str, client: Client) -> None:
    client.force_login(join(ranked, role="manager"))
    page = client.get(reverse("runs", args=[ranked.slug])).content.decode()
    assert "Measure an existing reward model on your labels first" in page
    assert "their-reward</option>" in page
    wrong = client.post(reverse("runs", args=[ranked.slug]), {"depth": "none", "backbone": "minilm", "head": "scalar"})
    assert wrong.status_code == 200
    assert "minilm is not one of the available choices" in wrong.content.decode()
    assert not ranked.runs.exists()
    sent = {"depth": "none", "backbone": theirs, "head": "scalar", "max_length": 32}
    response = client.post(reverse("runs", args=[ranked.slug]), sent)
    run = ranked.runs.get()
    assert response.headers["Location"] == reverse("run", args=[ranked.slug, run.number])
    assert (run.depth, run.training["backbone"], run.training["max_length"]) == ("none", theirs, 32)
    shown = client.get(reverse("runs", args=[ranked.slug]) + "?depth=none").content.decode()
    assert "Measurement</span>" in shown


def test_one_logit_is_measured_where_the_policy_trains_classes(ranked: Project, theirs: str, client: Client) -> None:
    policy.update_policy(ranked, training={"head": "binary", "flag": "polite"})
    client.force_login(join(ranked, role="manager"))
    sent = {"depth": "none", "backbone": theirs, "head": "scalar", "max_length": 32}
    client.post(reverse("runs", args=[ranked.slug]), sent)
    run = ranked.runs.get()
    assert (run.training["head"], run.training["flag"]) == ("scalar", None)


def test_the_page_says_who_allows_models_where_there_is_none(ranked: Project, client: Client) -> None:
    client.force_login(join(ranked, role="manager"))
    page = client.get(reverse("runs", args=[ranked.slug])).content.decode()
    assert "An administrator allows models in PODIUM_BACKBONES" in page
    assert "Measure it" not in page


def test_a_labeler_may_not(ranked: Project, theirs: str, client: Client) -> None:
    client.force_login(join(ranked))
    assert client.post(reverse("runs", args=[ranked.slug]), {"depth": "none", "backbone": theirs}).status_code == 403


def test_a_classification_measures_classes_alone(theirs: str, client: Client, transactional_db: None) -> None:
    project = make_project(slug="hate", kind="classification", flags=[{"name": "hateful", "label": "Hateful?"}])
    client.force_login(join(project, role="manager"))
    page = client.get(reverse("runs", args=[project.slug])).content.decode()
    assert "two, the reward second" not in page


def test_the_api_and_the_command_ask_for_it(ranked: Project, theirs: str) -> None:
    manager = as_user(join(ranked, role="manager"))
    address = f"/api/v1/projects/{ranked.slug}/runs/"
    refused = manager.post(address, {"depth": "none"}, format="json")
    assert (refused.status_code, errors_of(refused)[0][0]) == (400, "no_backbone")
    asked = manager.post(address, {"depth": "none", "training": {"backbone": theirs}}, format="json")
    assert (asked.status_code, asked.json()["depth"]) == (202, "none")
    runs.cancel(ranked.runs.get())
    with pytest.raises(CommandError, match="name the reward model to measure"):
        call_command("train", ranked.slug, depth="none")
    call_command("train", ranked.slug, depth="none", backbone=theirs)
    assert ranked.runs.filter(depth="none", state="queued").count() == 1
