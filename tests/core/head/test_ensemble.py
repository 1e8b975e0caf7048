import numpy as np
import pytest

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import merge
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.head.ensemble import heads_around

ROW = np.array([3.0, -1.0, 0.5], dtype=np.float32)  # weights of two features, and the bias


def given(n: int) -> tuple[np.ndarray, list[Group]]:  # type: ignore[type-arg]
    """n pairs, of which the first feature tells which is better three times of four."""
    random = np.random.default_rng(0)
    groups = [
        Group(str(index), "train", (Message("user", str(index)),), ("x", "y"), (Ranking("ann", ranks),))
        for index, ranks in enumerate((1, 2) if random.random() < 0.75 else (2, 1) for _ in range(n))
    ]
    features = random.standard_normal((2 * n, 2)).astype(np.float32)
    features[::2, 0] += 1
    return features, groups


@pytest.mark.parametrize("times", [1, 4])
def test_heads_lie_around_the_networks_own_closer_with_more_prompts(times: int) -> None:
    """Of four times as many prompts the deviation is half."""
    features, groups = given(200)
    config = TrainConfig(ensemble=100)
    merged = [merge(group) for group in groups]
    heads = heads_around(ROW, features, merged, [2] * 200, n_prompts=200 * times, config=config)
    assert heads is not None
    assert heads.shape == (100, 3)
    assert np.abs(heads.mean(axis=0) - ROW).max() < 0.05
    unscaled = heads_around(ROW, features, merged, [2] * 200, n_prompts=200, config=config)
    assert unscaled is not None
    np.testing.assert_allclose((heads - ROW) * times**0.5, unscaled - ROW, atol=1e-5)
    assert (heads[:, 0].std() > 0.01 / times**0.5).all()


def test_without_comparisons_or_an_ensemble_there_is_none() -> None:
    features, groups = given(20)
    merged = [merge(group) for group in groups]
    off, on = TrainConfig(ensemble=0), TrainConfig()
    assert heads_around(ROW, features, merged, [2] * 20, n_prompts=20, config=off) is None
    assert heads_around(ROW, features[:0], [], [], n_prompts=20, config=on) is None
