"""What is typed on the machine side's pages, as it is understood."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from labeling.models import Project
from rewardtrain.forms import SETTINGS, AutoLabelForm, PolicyForm, TryForm
from rewardtrain.models import RetrainPolicy, RewardModel
from rewardtrain.scoring.playground import MOST_CHARACTERS, MOST_COMPLETIONS

TYPED = {
    "head_enabled": "on",
    "head_every_pairs": "50",
    "every_pairs": "200",
    "first_minimum": "200",
    "cooldown_minutes": "10",
    "backbone": "minilm",
    "epochs": "1",
    "learning_rate": "5e-5",
    "lora_rank": "0",
    "graph_budget": "16384",
    "max_length": "256",
}


def query(**values: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update(values)
    return data


def policy_form(training: dict[str, object] | None = None, **typed: str) -> PolicyForm:
    policy = RetrainPolicy(project=Project(slug="helpful"), training=training or {})
    return PolicyForm(policy, query(**{**TYPED, **typed}))


# --- The policy -------------------------------------------------------------------------------------------------------


def test_settings_that_have_their_default_are_not_stored_and_others_kept() -> None:
    form = policy_form({"l2": 3.0, "epochs": 7}, max_length="512")
    assert form.is_valid(), form.errors
    changes = form.changes()
    assert changes["training"] == {"l2": 3.0, "max_length": 512}
    assert (changes["head_enabled"], changes["enabled"], changes["auto_promote"]) == (True, False, False)
    assert (changes["head_every_pairs"], changes["cooldown_minutes"]) == (50, 10)


def test_a_form_without_the_later_fields_leaves_their_settings_as_they_are() -> None:
    form = policy_form({"lora_rank": 8, "graph_budget": 4096}, lora_rank="", graph_budget="")
    assert form.is_valid(), form.errors
    assert form.changes()["training"] == {"lora_rank": 8, "graph_budget": 4096}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("head_every_pairs", "0", "greater than or equal to 1"),
        ("every_pairs", "0", "greater than or equal to 1"),
        ("first_minimum", "0", "greater than or equal to 1"),
        ("cooldown_minutes", "-1", "greater than or equal to 0"),
        ("epochs", "0", "greater than or equal to 1"),
        ("epochs", "1001", "less than or equal to 1000"),
        ("learning_rate", "0", "This is 0.0; it must be above 0."),
        ("learning_rate", "1.01", "less than or equal to 1"),
        ("lora_rank", "-1", "greater than or equal to 0"),
        ("lora_rank", "1025", "less than or equal to 1024"),
        ("graph_budget", "-1", "greater than or equal to 0"),
        ("graph_budget", "1048577", "less than or equal to 1048576"),
        ("max_length", "7", "greater than or equal to 8"),
        ("max_length", "131073", "less than or equal to 131072"),
        ("backbone", "x" * 301, "at most 300 characters"),
        ("backbone", "", "This field is required"),
    ],
)
def test_what_can_not_be_meant_is_said_beside_its_field(name: str, value: str, words: str) -> None:
    form = policy_form(**{name: value})
    assert not form.is_valid()
    assert list(form.errors) == [name]
    assert words in form.errors[name][0]


def test_the_ends_of_what_may_be_meant_are_taken() -> None:
    form = policy_form(cooldown_minutes="0", head_every_pairs="1", epochs="1000", learning_rate="1", max_length="8")
    assert form.is_valid(), form.errors


def test_a_project_that_ranks_is_not_asked_whose_logit_the_reward_is() -> None:
    form = policy_form()
    assert "reward" not in form.fields
    shown = [field.name for _, _, fields in form.groups() for field in fields]
    assert sorted(shown) == sorted(form.fields), "each once"
    assert [form.initial[name] for name in SETTINGS] == ["minilm", 256, 1, 5e-5, 0, 16384]


# --- Automatic labels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "probability"), [("90", 0.9), ("50.1", 0.501), ("99.9", 0.999)])
def test_a_percentage_becomes_a_probability(typed: str, probability: float) -> None:
    form = AutoLabelForm(query(threshold=typed))
    assert form.is_valid()
    assert form.probability() == pytest.approx(probability)


@pytest.mark.parametrize("typed", ["50", "100", "0.9", "-3", "nan", "inf", "", "much"])
def test_a_percentage_that_decides_nothing_is_refused(typed: str) -> None:
    form = AutoLabelForm(query(threshold=typed))
    assert not form.is_valid()
    assert list(form.errors) == ["threshold"]


# --- Trying a model ---------------------------------------------------------------------------------------------------

MODELS = [RewardModel(version=3, champion=True), RewardModel(version=5)]
ASKED = {"model": "3", "other": "", "prompt": "Why?", "completion-0": "a", "completion-1": "b"}


def test_lines_end_as_a_model_was_trained_on_and_white_space_stays() -> None:
    form = TryForm.of(MODELS, query(**{**ASKED, "prompt": " Why?\r\nSo.\r\n", "completion-1": "b \r\r\n"}))
    assert form.is_valid(), form.errors
    asked = form.asked(None)
    assert asked.prompt == " Why?\nSo.\n"
    assert asked.completions == ["a", "b \r\n"]
    assert [model.version for model in asked.models] == [3]
    assert asked.explained is None


def test_two_models_are_asked_in_their_order_and_one_twice_is_refused() -> None:
    form = TryForm.of(MODELS, query(**{**ASKED, "model": "5", "other": "3"}))
    assert form.is_valid()
    assert [model.version for model in form.asked(None).models] == [5, 3]
    twice = TryForm.of(MODELS, query(**{**ASKED, "other": "3"}))
    assert not twice.is_valid()
    assert twice.errors["other"] == ["That is version 3 twice; choose another to compare it with."]
    assert not TryForm.of(MODELS, query(**{**ASKED, "model": "4"})).is_valid()


@pytest.mark.parametrize(("index", "explained"), [(0, 0), (1, 1), (2, None), (None, None)])
def test_words_are_asked_of_a_completion_that_is_there(index: int | None, explained: int | None) -> None:
    form = TryForm.of(MODELS, query(**ASKED))
    assert form.is_valid()
    assert form.asked(index).explained == explained


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("prompt", "", "Write what was asked."),
        ("prompt", " \n", "Write what was asked."),
        ("completion-1", "  ", "Write a completion here, or remove this field."),
        ("completion-0", "x" * (MOST_CHARACTERS + 1), f"at most {MOST_CHARACTERS} characters"),
    ],
)
def test_a_text_that_is_none_or_too_long_is_said_beside_it(name: str, text: str, words: str) -> None:
    form = TryForm.of(MODELS, query(**{**ASKED, name: text}))
    assert not form.is_valid()
    assert list(form.errors) == [name]
    assert words in form.errors[name][0]


def test_a_form_gets_one_more_completion_until_it_is_full_and_loses_the_one_that_is_named() -> None:
    data = query(**ASKED)
    more = TryForm.reshaped(MODELS, data)
    assert [field.value() for field in more.completions()] == ["a", "b", ""]
    assert more.fields["completion-2"].widget.attrs["autofocus"]
    assert not more.full
    less = TryForm.reshaped(MODELS, data, without=0)
    assert [field.value() for field in less.completions()] == ["b"]
    assert less["prompt"].value() == "Why?"
    none = TryForm.reshaped(MODELS, query(**{"completion-0": "a"}), without=0)
    assert [field.value() for field in none.completions()] == [""]
    many = query(**{f"completion-{index}": str(index) for index in range(MOST_COMPLETIONS + 3)})
    full = TryForm.reshaped(MODELS, many)
    assert full.full
    assert [field.value() for field in full.completions()] == [str(index) for index in range(MOST_COMPLETIONS)]


def test_the_champion_is_named_as_such() -> None:
    form = TryForm(MODELS, 1)
    assert form.fields["model"].choices == [(3, "Version 3, the champion"), (5, "Version 5")]  # type: ignore[attr-defined]
    assert form.fields["other"].choices[0] == ("", "No other")  # type: ignore[attr-defined]
