"""One set of random judgements with its report, for all that is compared with it."""

from typing import Any

import pytest

from rewardtrain.core.data.groups import Group
from tests.core.measures.judged import Said, Voted, all_said, drawn_rewards, made, reported, scored


@pytest.fixture(scope="session")
def groups() -> list[Group]:
    return made()


@pytest.fixture(scope="session")
def rewards(groups: list[Group]) -> list[list[float]]:
    return drawn_rewards(groups)


@pytest.fixture(scope="session")
def said(groups: list[Group], rewards: list[list[float]]) -> list[Said]:
    return all_said(groups, rewards)


@pytest.fixture(scope="session")
def report(groups: list[Group], rewards: list[list[float]]) -> dict[str, Any]:
    return reported(groups, scored(rewards, temperature=1.7, raw_scale=0.6))


@pytest.fixture(scope="session")
def strict(said: list[Said]) -> list[Said]:
    return [each for each in said if each.gap]


@pytest.fixture(scope="session")
def voted(groups: list[Group], rewards: list[list[float]]) -> Voted:
    logits = scored(rewards, flags=True).logits.tolist()
    found = Voted([], [], [], [])
    start = 0
    for group in groups:
        for place in range(len(group.completions)):
            low, high = logits[start + place]
            for ranking in group.rankings:
                if "rude" in ranking.flags[place]:
                    found.rude.append(ranking.flags[place]["rude"])
                    found.ahead.append(high - low)
                    found.reward.append(high)
                    found.prompts.append(group.prompt[0].content)
        start += len(group.completions)
    return found


@pytest.fixture(scope="session")
def flags(groups: list[Group], rewards: list[list[float]]) -> dict[str, Any]:
    found: dict[str, Any] = reported(groups, scored(rewards, flags=True, class_temperature=1.3))["flags"]
    return found
