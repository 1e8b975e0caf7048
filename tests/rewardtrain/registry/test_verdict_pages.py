"""What a model is worth is said before its figures, and a champion past its gate is never green."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from labeling.models import Project, User
from rewardtrain.models import Promotion
from rewardtrain.registry import champions
from rewardtrain.templatetags.verdicts import promotion_in_words
from tests.factories import make_user
from tests.rewardtrain.conftest import make_model, make_report
from tests.rewardtrain.test_views import manager, page, project, url

__all__ = ["manager", "project"]  # fixtures
pytestmark = pytest.mark.django_db

VERDICT = re.compile(r'<span class="badge badge--words" data-state="(\w+)">(.*?)</span>')
TIME = re.compile(r"<time [^>]*>(.*?)</time>")
CHAMPION_BADGE = re.compile(r'<span class="badge" data-state="(\w+)">champion</span>')


def test_wherever_a_model_is_spoken_of_its_verdict_comes_before_its_figures(project: Project, manager: Client) -> None:
    report = make_report(accuracy=0.85, interval=(0.8, 0.9))
    champions.promote(make_model(project, report), by=None, reason="good")
    for name, args in (("models", []), ("model", [1]), ("project_machine", [])):
        text = page(manager, project, name, *args)
        badge = VERDICT.search(text)
        assert badge is not None, name
        assert badge[2].startswith("Better than longer-wins")
        assert badge.start() < text.index("85 %</strong>"), name
    for name, args in (("run", [1]), ("runs", []), ("auto_labels", []), ("best_of", [])):
        assert "Better than longer-wins" in page(manager, project, name, *args), name


def test_a_model_that_failed_its_gate_is_promoted_only_when_asked_once_more(project: Project, manager: Client) -> None:
    model = make_model(project, make_report(log_loss=0.75))
    asked = manager.post(url(project, "model_promote", 1), {"reason": "it is <all> we have"})
    assert asked.status_code == 422
    text = asked.content.decode()
    assert VERDICT.findall(text) == [("waiting", "No better than a coin")]
    assert "is not below ln 2 = 0.6931" in text
    assert 'value="it is &lt;all&gt; we have"' in text
    assert champions.champion(project) is None
    again = {"reason": "it is <all> we have", "past_gate": "yes"}
    done = manager.post(url(project, "model_promote", 1), again, follow=True)
    assert "Version 1 is the champion now." in done.content.decode()
    assert champions.champion(project) == model
    twice = manager.post(url(project, "model_promote", 1), again, follow=True)
    assert "Version 1 is the champion already." in twice.content.decode()


def test_a_champion_past_its_gate_is_amber_everywhere_and_needs_the_manager(project: Project, manager: Client) -> None:
    model = make_model(project, make_report(log_loss=0.75))
    champions.promote(model, by=make_user("mara"), reason="<b>all</b> we have", past_gate=True)
    for name, args in (("models", []), ("model", [1]), ("runs", []), ("project_machine", [])):
        text = page(manager, project, name, *args)
        assert set(CHAMPION_BADGE.findall(text)) == {"waiting"}, name
        assert "No better than a coin" in text, name
        if name != "runs":
            assert "The champion, version 1, was promoted past its gate." in text, name
            assert "mara promoted it just now: “&lt;b&gt;all&lt;/b&gt; we have”" in TIME.sub(r"\1", text), name
    assert "The model needs you" in page(manager, project, "project_machine")
    champions.promote(make_model(project), by=None, reason="better")
    assert "past its gate" not in page(manager, project, "project_machine")
    champions.rollback(project, by=None, reason="worse")
    text = TIME.sub(r"\1", page(manager, project, "project_machine"))
    assert "A command rolled back to it just now: “worse”" in text


def test_each_runs_verdict_costs_no_statement_of_its_own(project: Project, manager: Client) -> None:
    def statements(name: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            page(manager, project, name)
        return len(seen)

    names = ("runs", "models", "project_machine")
    champions.promote(make_model(project), by=None, reason="good")
    make_model(project)
    few = {name: statements(name) for name in names}
    for _ in range(6):
        make_model(project)
    assert {name: statements(name) for name in names} == few


@pytest.mark.parametrize(
    ("action", "name", "reason", "words"),
    [
        ("gate", None, "The gate's words, in English.", "Became champion just now. Passed the gate."),
        ("hand", "ada", "It is <all> we have", "Became champion just now. By hand, by ada: It is <all> we have"),
        ("rollback", None, "It was better", "Became champion just now. Rolled back: It was better"),
    ],
)
def test_a_promotion_is_told_with_who_and_a_persons_reason(
    action: str, name: str | None, reason: str, words: str
) -> None:
    by = User(username=name) if name else None
    promotion = Promotion(action=action, by=by, reason=reason, created_at=timezone.now())
    assert unescape(strip_tags(promotion_in_words(promotion))) == words
