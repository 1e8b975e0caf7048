"""A classification retrains on labels: counted, lacked, and with settings of its own."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from labeling.answers import rankings
from labeling.errors import Invalid
from labeling.models import Project, User
from labeling.projects import counters
from rewardtrain.core.config import TrainConfig
from rewardtrain.evidence.labels import counts
from rewardtrain.forms import PolicyForm
from rewardtrain.training import due, policy, runs
from tests.factories import answer, join, make_project, make_prompt

pytestmark = pytest.mark.django_db

HEAD = policy.Depth.HEAD
FLAGS = [{"name": "hateful", "label": "Hateful"}, {"name": "insult", "label": "Insult"}]


@pytest.fixture
def project() -> Project:
    return make_project(slug="texts", kind=Project.Kind.CLASSIFICATION, flags=FLAGS)


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


def label(project: Project, labeler: User, *, n: int, split: str = "train", hateful: bool | None = None) -> None:
    """So many texts of a split, every other one hateful where it isn't said."""
    for place in range(n):
        make_prompt(project, split=split, question="", texts=[f"{split} {place} {hateful}"])
    for place in range(n):
        answer(project, labeler, hateful=place % 2 == 0 if hateful is None else hateful, insult=False)


def coming(project: Project) -> policy.NextRetraining:
    return next(each for each in policy.next_retrainings(project) if each.depth == HEAD)


def test_labels_take_the_place_of_pairs(project: Project, labeler: User) -> None:
    policy.update_policy(project, head_every_pairs=14)
    label(project, labeler, n=12)
    assert (coming(project).new_pairs, coming(project).missing) == (12, 2)
    label(project, labeler, n=2, split="test")
    assert coming(project).due
    assert due.Due(project, HEAD) in due.due()
    run = runs.request_run(project, depth=HEAD)
    assert (run.training["head"], run.training["flag"]) == ("binary", "hateful")
    assert run.dataset_version.n_labels == 14
    assert coming(project).new_pairs == 0


def test_a_label_that_was_taken_back_does_not_count(project: Project, labeler: User) -> None:
    make_prompt(project, question="", texts=["one"])
    ranking = answer(project, labeler, hateful=True, insult=False)
    assert coming(project).new_pairs == 1
    rankings.withdraw(ranking.assignment)
    assert coming(project).new_pairs == 0


def test_what_is_lacking_is_said_in_texts_and_answers(project: Project, labeler: User) -> None:
    label(project, labeler, n=3, hateful=False)
    assert counts.lacking(project, TrainConfig(head="binary", flag="hateful", min_pairs=10)).startswith(
        "3 labeled texts in the train split; a run needs 10."
    )
    said = counts.lacking(project, TrainConfig(head="binary", flag="hateful", min_pairs=3))
    assert said.startswith("All 3 labels of “hateful” in the train split say the same")
    label(project, labeler, n=1, hateful=True)
    assert counts.lacking(project, TrainConfig(head="binary", flag="hateful", min_pairs=3)).startswith(
        "No labels in the test split"
    )
    with pytest.raises(Invalid, match="4 labeled texts in the train split"):
        runs.request_run(project, depth=HEAD)


def test_two_people_who_label_a_text_make_one_text_and_two_labels(project: Project) -> None:
    make_prompt(project, question="", texts=["one"], split="train")
    project.prompts.update(overlap=2)
    for hateful in (True, False):
        answer(project, join(project), hateful=hateful, insult=False)
    assert counters.labels_of(project, "hateful")["train"] == counters.Labels(labels=2, yes=1)
    assert counters.labeled_texts(project, "hateful", "train", most=10) == 1


@pytest.mark.parametrize(
    ("training", "said"),
    [({"head": "scalar"}, "head is 'scalar'"), ({"flag": "rude"}, "flag is 'rude'; the project asks: hateful, insult")],
)
def test_settings_that_a_classification_can_not_have_are_refused(
    project: Project, training: dict[str, object], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        policy.update_policy(project, training=training)


def test_the_form_asks_which_answer_is_the_reward(project: Project) -> None:
    form = PolicyForm(policy.get_policy(project))
    assert form["reward"].value() == "hateful:1"
    assert form.fields["head_every_pairs"].label == "New labels that start it"
    sent = {name: form[name].value() for name in form.fields} | {"reward": "insult:0"}
    query = QueryDict(mutable=True)
    query.update({name: str(value) for name, value in sent.items() if value is not False})
    form = PolicyForm(policy.get_policy(project), query)
    assert form.is_valid(), form.errors
    policy.update_policy(project, **form.changes())
    assert policy.get_policy(project).training == {"flag": "insult", "flag_positive": False}
    assert "reward" not in PolicyForm(policy.get_policy(make_project())).fields
