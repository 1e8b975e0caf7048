"""Pages of whatever was evaluated: no figure that is no number, no interval that can't be true."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from labeling.models import Project
from labeling.quality.comparisons import agreement_of
from rewardtrain import charts
from rewardtrain.charts.drift_curve import drawing
from rewardtrain.core.measures import best_of_gain
from rewardtrain.core.measures.metrics import Json
from rewardtrain.evidence.agreement import Judged
from rewardtrain.models import BestOfJob
from rewardtrain.monitoring import drift, model_agreement
from rewardtrain.registry.champions import promote
from tests.factories import make_project
from tests.rewardtrain.conftest import make_model, make_version
from tests.rewardtrain.tiny_reports import FLAG, tiny_reports

NO_WORDS = re.compile(r"\bNone\b|\bnan\b|\binf\b|(?<![\w.])[-\N{MINUS SIGN}]0(\.0+)?(?![\d.])")
FEW = settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # a page takes too long to be tried a thousand times for the shortest one
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def assert_words(text: str, of: str) -> None:
    found = NO_WORDS.search(text)
    assert not found, f"{of}: {text[max(0, found.start() - 300) : found.end() + 100]}"


@pytest.fixture
def projects(db: None) -> list[Project]:
    """One whose people rank, one whose people answer to a flag; of one manager."""
    ranked = make_project(slug="helpful")
    flag = {"name": FLAG, "label": "Rude"}
    return [ranked, make_project(slug="rude", kind="classification", flags=[flag], manager=ranked.created_by)]


@FEW
@given(report=tiny_reports(), before=tiny_reports())
def test_pages_of_a_model_show_words(projects: list[Project], report: Json, before: Json) -> None:
    project = projects[bool(report["flags"] and before["flags"])]
    client = Client()
    assert project.created_by
    client.force_login(project.created_by)
    with transaction.atomic():
        for size, each in ((100, before), (900, report)):
            model = make_model(project, each, version=make_version(project, training_pairs=size))
        promote(model, by=None, reason="to have one", past_gate=True)
        for name, args in (("models", []), ("model", [2]), ("project_machine", []), ("run", [2]), ("threshold", [2])):
            answer = client.get(reverse(name, args=[project.slug, *args]))
            assert answer.status_code == 200, name
            assert_words(answer.content.decode(), name)
        transaction.set_rollback(True)


@FEW
@given(
    st.lists(
        st.lists(st.sampled_from([-1e4, -1e-9, 0.0, 1e-9, 0.5, 1e4]), min_size=2, max_size=5), min_size=1, max_size=7
    )
)
def test_what_best_of_n_gains_is_shown_in_words(rewards: list[list[float]]) -> None:
    gains = best_of_gain.gains(rewards, samples=30, seed=0)
    for gain in gains:
        assert (gain["low"] is None) is (gain["n_prompts"] < 5)
        assert gain["low"] is None or gain["low"] <= gain["value"] <= gain["high"]
    shown = charts.gains({"gains": gains, "doubts": None})
    assert_words(
        render_to_string("rewardtrain/automatic/_best_of_gains.html", {"gains": shown, "job": BestOfJob()}), "gains"
    )


judged = st.builds(
    Judged,
    content=st.sampled_from("abcdefg"),
    split=st.just("test"),
    margin=st.sampled_from([-700.0, -0.5, -1e-12, 0.0, 1e-12, 0.5, 700.0]),
    baseline=st.sampled_from([-3, 0, 4]),
    ranking=st.just(1),
    at=st.just(datetime(2026, 11, 28, tzinfo=UTC)),
)


@FEW
@given(st.lists(judged, min_size=1, max_size=60), st.booleans())
def test_a_model_beside_people_and_its_drift_are_shown_in_words(rows: list[Judged], learnt: bool) -> None:
    part = model_agreement._part(rows, 0.9)
    found = model_agreement.Agreement(1, False, 0.9, None if learnt else part, part if learnt else None)
    people = agreement_of([(3, 3), (1, 0)] if learnt else [])
    context = {
        "agreement": found,
        "people": people,
        "shares": charts.beside_people(found, people),
        "bands": charts.bands(part),
        "reliability": charts.calibration(part, raw=False),
        "project": Project(slug="p"),
    }
    assert_words(render_to_string("rewardtrain/monitoring/_agreement.html", context), "agreement")
    drawn = drawing(drift.Drift(1, part.right, drift.spans(rows)))
    assert_words(
        render_to_string("rewardtrain/monitoring/_drift.html", {"drawn": drawn, "project": Project(slug="p")}), "drift"
    )
