"""Every interval that a page shows is that of its figure, with the figure's n: none has another one elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import pytest
from django.test import Client

from labeling.models import Project
from labeling.quality.agreement import project_agreement
from labeling.templatetags.podium import counted, percent, points
from rewardtrain.automatic.auto_labels import newest_model
from rewardtrain.monitoring.drift import drift
from rewardtrain.monitoring.model_agreement import agreement
from rewardtrain.registry import thresholds
from rewardtrain.registry.thresholds import outcomes
from tests.factories import make_project
from tests.reports import draw_report
from tests.rewardtrain.conftest import make_classifiers, make_model, make_training, rank_prompts
from tests.rewardtrain.monitoring.shown_figures import Shown, shown_figures
from tests.rewardtrain.test_views import url

KINDS = ("pairs", "labels", "rankings", "ties", "prompts")


@dataclass(frozen=True)
class Known:
    value: float
    low: float
    high: float
    n: int
    n_prompts: int | None

    def reads_like(self, shown: Shown) -> bool:
        decimals = len(shown.low.partition(".")[2])
        ways = (percent, lambda x: f"{x:z.{decimals}f}", lambda x: f"{x:+z.{decimals}f}", points)
        of_points = shown.value.removesuffix(" points")
        return any(
            [way(self.value), way(self.low), way(self.high)] == [of_points, shown.low, shown.high] for way in ways
        )

    def has_n_of(self, shown: Shown) -> bool:
        alone = [counted(self.n, None, kind) for kind in KINDS]
        both = [] if self.n_prompts is None else [counted(self.n, self.n_prompts, kind) for kind in KINDS]
        table = [f"{self.n:,}", f"{self.n:,} {self.n_prompts or 0:,}"]
        return shown.n in ["", *(both or alone), *table]


def known_of(seen: Any, n: int, n_prompts: int | None) -> Iterator[Known]:
    """Every figure of a report that has an interval; n is the report's where the figure has none of its own."""
    if isinstance(seen, list):
        for each in seen:
            yield from known_of(each, n, n_prompts)
    if not isinstance(seen, dict):
        return
    if "n_votes" in seen:
        n, n_prompts = seen["n_votes"], seen["n_prompts"]
    if "n" in seen:
        n, n_prompts = seen["n"], seen.get("n_prompts", n_prompts)
    for value, low, high in (
        *product(("value", "agreement"), ["low"], ["high"]),
        ("accuracy", "accuracy_low", "accuracy_high"),
        ("accuracy", "low", "high"),
        ("log_loss", "log_loss_low", "log_loss_high"),
    ):
        figures = [seen.get(key) for key in (value, low, high)]
        if all(isinstance(figure, (int, float)) for figure in figures):
            yield Known(*figures, n, n_prompts)
    for each in seen.values():
        yield from known_of(each, n, n_prompts)


def assert_known(client: Client, project: Project, known: list[Known], pages: dict[str, int], **query: str) -> None:
    """pages: name, and the number of figures that it shows at least; of version 2 or job 1 where it is one's."""
    for name, least in pages.items():
        args = {"model": [2], "threshold": [2], "best_of_job": [1]}.get(name, [])
        shown = shown_figures(client.get(url(project, name, *args), query).content.decode())
        assert len(shown) >= least, (name, shown)
        for figure in shown:
            alike = [each for each in known if each.reads_like(figure)]
            assert alike, (name, figure)
            assert any(each.has_n_of(figure) for each in alike), (name, figure, alike)


def reports_of(project: Project) -> list[Known]:
    seen = [model.evaluations.get().report for model in project.reward_models.all()]
    return [known for report in seen for known in known_of(report, report["n_pairs"], report["n_pair_prompts"])]


@pytest.fixture
def manager(project: Project) -> Client:
    client = Client()
    assert project.created_by
    client.force_login(project.created_by)
    return client


def test_pages_show_one_interval_of_each_figure(project: Project, manager: Client) -> None:
    rank_prompts(project, train=6, test=4, validation=2)
    make_training(project)
    known = reports_of(project)
    people = project_agreement(project)
    assert people.value is None, "one person ranked"
    since = drift(project)
    fresh = [known for span in since.spans for known in known_of(asdict(span.right), 0, None)] if since else []
    assert_known(manager, project, known + fresh, {"models": 8, "model": 40, "project_machine": 2})
    model = newest_model(project)
    assert model
    beside = agreement(project, model)
    shares = [known for part in (beside.held_out, beside.learnt) if part for known in known_of(asdict(part), 0, None)]
    for part in (beside.held_out, beside.learnt):
        if part:
            rows = known_of(part.calibration, part.right.n, part.n_prompts)
            shares += rows
    assert_known(manager, project, shares, {"auto_labels": 3})
    job = project.best_of_jobs.get()
    assert job.report
    gains = [
        Known(*(each[key] for key in ("value", "low", "high")), each["n_prompts"], None) for each in job.report["gains"]
    ]
    assert_known(manager, project, gains, {"best_of_job": 3})


def test_a_report_of_few_prompts_shows_no_interval_but_of_shares(project: Project, manager: Client) -> None:
    rank_prompts(project, train=2, test=1, validation=1)
    make_model(project, draw_report(n_prompts=12))
    make_model(project, draw_report(n_prompts=3, champion_skill=0.3))
    assert_known(manager, project, reports_of(project), {"models": 3, "model": 10})


def test_pages_of_a_classifier_show_one_interval_of_each_figure(db: None) -> None:
    flag = {"name": "hateful", "label": "Hateful"}
    project = make_project(slug="hate", kind="classification", flags=[flag])
    make_classifiers(project)
    client = Client()
    assert project.created_by
    client.force_login(project.created_by)
    known = reports_of(project)
    assert_known(client, project, known, {"models": 4, "model": 10, "project_machine": 2})
    flags = thresholds.flags_of(project.reward_models.get(version=2))
    rates = [
        Known(rate.value, rate.low, rate.high, rate.n, None)
        for outcome in outcomes(flags)
        for rate in (outcome.precision, outcome.recall, outcome.f1, outcome.false_positive_rate)
        if rate.value is not None and rate.low is not None and rate.high is not None
    ]
    assert_known(client, project, known + rates, {"threshold": 10})
