"""A state of prompts means the same on the page and in the API, and its number counts those that are listed."""

from __future__ import annotations

import pytest

from labeling.answers import rankings
from labeling.answers.finding_prompts import STATES, state_of
from labeling.data.bulk import acts
from labeling.data.withdrawing import choices, withdrawals
from labeling.models import Project, Role
from labeling.quality.checks import golds
from labeling.queue import claims
from tests import factories
from tests.labeling.api.client import as_user
from tests.labeling.views.answers.test_narrowed_api import walked
from tests.labeling.views.answers.test_prompt_list import PAGE, listed
from tests.labeling.views.test_prompts import reviewer_of, words

IN_STATE = {
    "": [0, 1, 2, 3, 4, 5, 6],
    "waiting": [0],
    "ranked": [1],
    "held": [2, 3],
    "gold": [6],
    "withdrawn": [4, 5],
}


@pytest.fixture
def project(db: None) -> Project:
    """One that waits, one ranked, one held, one held and ranked nevertheless, two withdrawn, one with gold."""
    project = factories.make_project(slug="work")
    for n in (1, 4, 3, 5, 2, 0, 6):
        factories.make_prompt(project, external_id=f"row-{n}", k=2, split="test" if n % 2 else "train")
    ada = factories.join(project, username="ada")
    factories.rank_next(project, ada, 2)  # 1 and 4
    for n in (3, 5):
        task = factories.claimed(project, ada)
        assert task.prompt.external_id == f"row-{n}"
        acts.carry_out(project.pk, acts.Act.HOLD, "Not sure.", [task.prompt_id])
        rankings.submit(task, {"tiers": factories.tiers_of(task)})
    claims.cannot_rank(factories.claimed(project, ada), "Broken")
    withdrawals.withdraw(project, ["row-4", "row-5"])
    gold = project.prompts.get(external_id="row-6")
    first, last = gold.completions.values_list("pk", flat=True)
    golds.make(project, gold, golds.Known({first: 1, last: 2}), source="typed", by=None)
    return project


@pytest.mark.parametrize("state", ["", *STATES])
@pytest.mark.parametrize("order", ["", "newest", "-priority", "-last_ranked"])
@pytest.mark.parametrize("split", ["", "test"])
def test_page_api_and_number_agree(project: Project, state: str, order: str, split: str) -> None:
    query = f"?state={state}&order={order}&split={split}"
    expected = {f"row-{n}" for n in IN_STATE[state] if not split or n % 2}
    reviewer, client = reviewer_of(project), as_user(factories.join(project, Role.REVIEWER))
    shown = listed(reviewer, query)
    assert set(shown) == expected
    rows, _pages = walked(client, f"prompts/{query}")
    assert [row["id"] for row in rows] == shown
    if state:
        assert {row["state"] for row in rows} <= {state}
    n = len(expected)
    assert f"{n} prompt{'' if n == 1 else 's'}" in words(reviewer.get(f"{PAGE}{query}"))


def test_each_prompt_has_one_state(project: Project) -> None:
    found = [set(project.prompts.filter(each).values_list("external_id", flat=True)) for each in STATES.values()]
    assert sum(map(len, found)) == len(set().union(*found)) == project.prompts.count()
    for name, each in STATES.items():
        for prompt in project.prompts.filter(each):
            told = {key: getattr(prompt, key) for key in ("withdrawn_at", "gold_at", "held_at", "ranked", "overlap")}
            assert state_of(**told) == name


def test_withdrawing_a_state_means_the_same_prompts(project: Project) -> None:
    chosen = choices.Choice(state="ranked").rows(project)
    assert {prompt.external_id for prompt in chosen} == {"row-1"}
