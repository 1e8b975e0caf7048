"""Trying a model: the page through Django's client, with the real scoring service behind it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from labeling.models import Project
from rewardtrain.scoring import service_client
from tests.rewardtrain.conftest import make_training, rank_prompts
from tests.rewardtrain.service import finish_models

TEXTS = {"prompt": "good ba?", "completion-0": "good good de", "completion-1": "bad bad de"}
ASKED = {"do": "score", "model": "1", "other": "", **TEXTS}


@pytest.fixture
def modelled(project: Project) -> Project:
    """Version 1 is the champion, version 2 waits; there are rows, but no files, and no service."""
    rank_prompts(project, train=1, test=1, validation=1)
    make_training(project)
    return project


@pytest.fixture
def trained(modelled: Project, tmp_path: Path, look_up: Callable[[], None]) -> Project:
    """The service answers: version 1 has a scalar head with an ensemble; version 2 is binary."""
    finish_models(modelled, tmp_path)
    look_up()
    return modelled


@pytest.fixture
def manager(project: Project) -> Client:
    client = Client()
    client.force_login(project.created_by)
    return client


def send(client: Client, project: Project, **changes: str) -> str:
    answer = client.post(reverse("playground", args=[project.slug]), {**ASKED, **changes})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_champions_scores_are_shown_as_the_service_tells_them(trained: Project, manager: Client) -> None:
    text = send(manager, trained)
    told = service_client.score(trained, TEXTS["prompt"], [TEXTS["completion-0"], TEXTS["completion-1"]])
    for reward in told["rewards"]:
        assert f'<td class="number">{reward:.4f}</td>' in text
    for share in told["probabilities"]:
        assert f'<span class="trial__number">{round(100 * share)} %</span>' in text
    for spread in told["uncertainty"]:
        assert f"± {1.96 * spread:.2f}" in text
    best = "AB"[told["best"]]
    assert re.findall(r'<tr data-best> <th scope="row"> <span class="trial__letter">(.)</span>', text) == [best]
    assert text.count("trial__whisker") == 2
    assert "Positive class" not in text
    assert "of the test pairs" in text
    assert "longer wins" in text
    assert "cut to the model" not in text
    assert "cut to the model" in send(manager, trained, **{"completion-0": "good " * 300})


def test_a_binary_heads_logits_and_the_chance_of_its_positive_class_are_shown(
    trained: Project, manager: Client
) -> None:
    text = send(manager, trained, model="2")
    told = service_client.score(trained, TEXTS["prompt"], [TEXTS["completion-0"], TEXTS["completion-1"]], version=2)
    for logits, chance in zip(told["logits"], told["class_probabilities"], strict=True):
        assert f"{logits[0]:.4f}; {logits[1]:.4f} </td>" in text
        assert f'<td class="number">{chance:.4f}</td>' in text
    assert "trial__whisker" not in text  # it has no ensemble


def test_two_versions_stand_side_by_side_with_what_they_disagree_on(trained: Project, manager: Client) -> None:
    texts = {f"completion-{index}": f"{word} ba de" for index, word in enumerate(("good", "bad", "ke", "lo", "mi"))}
    text = send(manager, trained, other="2", **texts)
    first, second = (
        service_client.score(trained, TEXTS["prompt"], [*texts.values()], version=version) for version in (1, 2)
    )
    one, two = "ABCDE"[first["best"]], "ABCDE"[second["best"]]
    if one == two:
        assert f"Versions 1 and 2 both prefer <strong>{one}</strong>" in text
    else:
        assert f"Version 1 prefers <strong>{one}</strong>, version 2 prefers <strong>{two}</strong>" in text
    assert "of 10 pairs" in text
    assert len(re.findall('<section class="stack stack--tight" aria-labelledby="version-', text)) == 2


def test_a_completion_is_taken_apart_into_the_words_that_were_written(trained: Project, manager: Client) -> None:
    text = send(manager, trained, do="words-1", **{"completion-1": "bad bade?\r\nde"})
    told = service_client.tokens(trained, TEXTS["prompt"], "bad bade?\nde")
    assert (
        f"Reward <strong>{told['reward']:.2f}</strong>, with the words blanked <strong>{told['baseline']:.2f}" in text
    )
    assert "B by version 1" in text
    seen = re.sub("<[^>]+>", "", text.split("Completion</h4>")[1].split("</p>")[0]).split()
    assert seen == ["bad", "bade?", "de"]
    assert "The strongest words" in text
    assert "by version 1" not in send(manager, trained, do="words-9")  # there is no such completion


def test_fields_are_added_and_removed_by_buttons_and_what_is_typed_stays(modelled: Project, manager: Client) -> None:
    text = send(manager, modelled, do="add")
    assert text.count("<textarea") == 4
    assert "good good de</textarea>" in text
    assert "field__error" not in text
    text = send(manager, modelled, do="remove-0")
    assert "good good de" not in text
    assert re.search(r'name="completion-0"[^>]*> bad bad de</textarea>', text)
    eight = {f"completion-{index}": "ba" for index in range(8)}
    text = send(manager, modelled, do="add", **eight, **{"completion-8": "one too many"})
    assert text.count("<textarea") == 9
    assert "as many as can be tried at once" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": " "}, "Write what was asked."),
        ({"completion-1": "\n"}, "Write a completion here, or remove this field."),
        ({"completion-0": "x" * 20_001}, "at most 20000 characters (it has 20001)"),
        ({"model": "7"}, "7 is not one of the available choices"),
        ({"other": "1"}, "That is version 1 twice"),
    ],
)
def test_what_cannot_be_scored_is_explained_at_its_field(
    modelled: Project, manager: Client, changes: dict[str, str], words: str
) -> None:
    text = send(manager, modelled, **changes)
    assert words in text
    assert "Nothing was scored yet." in text
    assert 'id="answer"' not in text


def test_without_a_model_the_page_says_what_to_do_first(manager: Client, project: Project) -> None:
    answer = manager.get(reverse("playground", args=[project.slug])).content.decode()
    assert "There is no model to try yet." in answer
    assert reverse("runs", args=[project.slug]) in answer
    assert "There is no model to try yet." in send(manager, project)


def test_a_service_that_is_down_leaves_what_was_typed(modelled: Project, manager: Client) -> None:
    with override_settings(REWARDS_URL="http://127.0.0.1:9"):
        text = send(manager, modelled)
    assert "manage.py serve_rewards" in text
    assert "What you typed is still in the form" in text
    assert "good good de</textarea>" in text


def test_a_model_is_chosen_by_the_address_and_the_champion_without_one(modelled: Project, manager: Client) -> None:
    address = reverse("playground", args=[modelled.slug])
    for asked, chosen in {"": 1, "?model=2": 2, "?model=9": 1, "?model=x": 1}.items():
        text = manager.get(address + asked).content.decode().split('id="id_other"')[0]
        assert re.findall(r'<option value="(\d)" selected', text) == [str(chosen)]
    page = manager.get(reverse("model", args=[modelled.slug, 2])).content.decode()
    assert f'href="{address}?model=2"' in page


def test_only_the_changed_part_of_the_page_is_sent_where_htmx_asks(modelled: Project, manager: Client) -> None:
    sent = {**ASKED, "do": "add"}
    answer = manager.post(reverse("playground", args=[modelled.slug]), sent, headers={"HX-Request": "true"})
    text = answer.content.decode().strip()
    assert text.startswith("<form")
    assert "<html" not in text


def test_the_form_needs_its_csrf_token(modelled: Project) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(modelled.created_by)
    assert client.post(reverse("playground", args=[modelled.slug]), ASKED).status_code == 403
