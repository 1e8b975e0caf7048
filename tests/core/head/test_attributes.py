"""Further heads: one for each attribute that people rated."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rewardtrain.core.artifact.attribute_heads import FILE, AttributeHeads, read_attributes, save_attributes
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import merge
from rewardtrain.core.data.groups import Group, Message, Ranking, attributes_of, by_attribute, ranks_by_rating
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.head.attributes import Rated, fit_attributes, further_heads, measure, rated

D, K = 8, 4
CONFIG = TrainConfig(depth="head")


def rated_by(ratings: Sequence[dict[str, int]], name: str = "p") -> Group:
    texts = tuple("abcdefgh"[: len(ratings)])
    said = Ranking("ann", tuple(range(1, len(ratings) + 1)), attributes=ranks_by_rating(ratings))
    return Group(name, "train", (Message("user", name),), texts, (said,))


def part(n: int, seed: int, noise: float = 0.3) -> Rated:
    """n prompts of K: helpful is feature 0, brief is the opposite of feature 1, each on a scale of 5, with noise. The
    ranking, and so the reward, follows helpful."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((n * K, D)).astype(np.float32) * 3 + 1
    groups = []
    for index in range(n):
        own = features[index * K : (index + 1) * K]
        scales = {"helpful": own[:, 0], "brief": -own[:, 1]}
        seen = {name: values + noise * random.standard_normal(K) for name, values in scales.items()}
        ratings = [{name: int(np.clip(values[i] / 2 + 3, 1, 5)) for name, values in seen.items()} for i in range(K)]
        groups.append(rated_by(ratings, name=f"p{index}"))
    return Rated(groups, features, features[:, 0].astype(np.float64))


def test_ratings_are_ranks_with_the_highest_first() -> None:
    ratings = [{"helpful": 3}, {"helpful": 5, "brief": 1}, {"helpful": 3, "brief": 2}, {}]
    assert ranks_by_rating(ratings) == {"helpful": (2, 1, 2, 0), "brief": (0, 2, 1, 0)}


def test_how_far_one_of_two_is_ahead_is_an_order_too() -> None:
    assert ranks_by_rating([{"helpful": -2}, {"helpful": 2}]) == {"helpful": (2, 1)}
    assert ranks_by_rating([{"helpful": 0}, {"helpful": 0}]) == {"helpful": (1, 1)}


def test_a_group_by_an_attribute_compares_what_was_rated_and_nothing_else() -> None:
    group = rated_by([{"helpful": 3}, {"helpful": 5}, {"helpful": 3}, {}])
    assert merge(by_attribute(group, "helpful")).weights == {(1, 0): 1.0, (1, 2): 1.0}
    assert by_attribute(group, "brief").rankings == ()
    assert by_attribute(group, "helpful").prompt_key == group.prompt_key
    assert attributes_of([group, rated_by([{"brief": 1}, {}])]) == ("brief", "helpful")


def test_each_head_learns_its_own_attribute() -> None:
    heads = fit_attributes(part(300, 0), part(60, 1), CONFIG)
    assert heads is not None
    assert heads.names == ("brief", "helpful")
    brief, helpful = (weights[:-1] for weights in heads.weights)
    assert (np.argmax(np.abs(brief)), np.argmax(np.abs(helpful))) == (1, 0)
    assert brief[1] < 0 < helpful[0]


def test_values_have_a_mean_of_0_and_a_deviation_of_1() -> None:
    train = part(300, 0)
    heads = fit_attributes(train, part(60, 1), CONFIG)
    assert heads is not None
    values = heads.values(train.features)
    assert values.mean(axis=0) == pytest.approx([0, 0], abs=1e-4)
    assert values.std(axis=0) == pytest.approx([1, 1], abs=1e-4)


def test_figures_say_what_the_reward_and_length_would_have_had() -> None:
    """The reward follows helpful: of brief it knows nothing, and the head does. All texts are as long."""
    further = further_heads(part(300, 0), part(60, 1), part(100, 2), CONFIG)
    assert further is not None
    brief, helpful = further.parts
    assert (brief["name"], helpful["name"]) == ("brief", "helpful")
    assert brief["accuracy_low"] > 0.85
    assert brief["reward"] == pytest.approx(0.5, abs=0.08)
    assert helpful["reward"] > 0.85
    assert brief["longer"] == helpful["longer"] == 0.5
    assert 90 <= brief["n_prompts"] <= 100, "some prompts have four equal ratings"
    assert brief["accuracy_low"] < brief["accuracy"] < brief["accuracy_high"]


def test_an_attribute_with_few_comparisons_gets_no_head() -> None:
    few = Rated([rated_by([{"helpful": 1}, {"helpful": 2}])], np.ones((2, D), dtype=np.float32), np.zeros(2))
    assert fit_attributes(few, few, CONFIG) is None
    nothing = Rated([], np.zeros((0, D), dtype=np.float32), np.zeros(0))
    assert further_heads(nothing, nothing, nothing, CONFIG) is None


def test_what_nobody_compared_where_it_is_measured_has_no_figures() -> None:
    heads = fit_attributes(part(300, 0), part(60, 1), CONFIG)
    assert heads is not None
    nothing = Rated([], np.zeros((0, D), dtype=np.float32), np.zeros(0))
    assert measure(heads, nothing) == []


def test_of_very_many_rated_prompts_evenly_spaced_ones_are_read() -> None:
    groups = [rated_by([{"helpful": 1}, {"helpful": 2}], name=str(n)) for n in range(10)]
    plain = Group("x", "train", (Message("user", "x"),), ("a", "b"), (Ranking("ann", (1, 2)),))
    assert rated([plain, *groups]) == list(range(1, 11))
    assert rated([plain, *groups], most=10) == [1, 3, 5, 7, 9]


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    heads = AttributeHeads(("brief", "helpful"), np.arange(6, dtype=np.float32).reshape(2, 3))
    assert read_attributes(tmp_path) is None
    save_attributes(heads, tmp_path)
    again = read_attributes(tmp_path)
    assert again is not None
    assert again.names == heads.names
    assert again.weights.tolist() == heads.weights.tolist()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no tensors")
    with pytest.raises(ConfigError, match=r"attributes\.safetensors.*can't be read.*restore it or train again"):
        read_attributes(tmp_path)
    save_file({"attributes": np.ones((2, 3), dtype=np.float32)}, tmp_path / FILE, metadata={"names": '["one"]'})
    with pytest.raises(ConfigError, match="2 heads of 1 names"):
        read_attributes(tmp_path)
