import math

import pytest
import torch

from rewardtrain.core.loss import kwise_loss, weight_matrix


def slow_loss(rewards: list[list[float]], weights: list[dict[tuple[int, int], float]]) -> float:
    """One pair at a time, as the paper writes it."""
    prompts = []
    for row, merged in zip(rewards, weights, strict=True):
        terms = [w * math.log1p(math.exp(-(row[i] - row[j]))) for (i, j), w in merged.items()]
        prompts.append(sum(terms) / sum(merged.values()))
    return sum(prompts) / len(prompts)


def test_the_loss_of_one_pair_is_minus_log_sigmoid_of_the_margin() -> None:
    """sigma(ln 3) = 3/4, so preferring the first by ln 3 costs -ln(3/4)."""
    rewards, weights = torch.tensor([[math.log(3), 0.0]]), weight_matrix([{(0, 1): 1.0}], 2)
    assert kwise_loss(rewards, weights).item() == pytest.approx(-math.log(3 / 4), abs=1e-7)


def test_labelers_who_differ_are_weighed() -> None:
    """Three say first, one says second, margin ln 3: (3 * -ln(3/4) + 1 * -ln(1/4)) / 4, which is the entropy of 3/4:
    the least that any margin can reach, so its gradient is zero."""
    rewards = torch.tensor([[math.log(3), 0.0]], requires_grad=True)
    loss = kwise_loss(rewards, weight_matrix([{(0, 1): 3.0, (1, 0): 1.0}], 2))
    loss.backward()
    assert loss.item() == pytest.approx(-(3 * math.log(3 / 4) + math.log(1 / 4)) / 4, abs=1e-7)
    assert rewards.grad is not None
    torch.testing.assert_close(rewards.grad, torch.zeros(1, 2), atol=1e-7, rtol=0)


def test_a_tie_that_counts_half_each_way_pulls_rewards_together() -> None:
    """d/dm of (-ln sigma(m) - ln sigma(-m)) / 2 is (sigma(m) - sigma(-m)) / 2 = (3/4 - 1/4) / 2 at m = ln 3."""
    rewards = torch.tensor([[math.log(3), 0.0]], requires_grad=True)
    kwise_loss(rewards, weight_matrix([{(0, 1): 0.5, (1, 0): 0.5}], 2)).backward()
    torch.testing.assert_close(rewards.grad, torch.tensor([[0.25, -0.25]]))


def test_each_prompt_counts_once_whatever_its_k() -> None:
    """Equal rewards cost ln 2 a pair, so the mean of K = 2 and K = 4 is ln 2 too, and the K = 2 prompt's one pair has
    half of the gradient: (1/2) * (1/2)."""
    rewards = torch.zeros(2, 4, requires_grad=True)
    four = {(i, j): 1.0 for i in range(4) for j in range(i + 1, 4)}
    loss = kwise_loss(rewards, weight_matrix([{(0, 1): 1.0}, four], 4))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2), abs=1e-7)
    assert rewards.grad is not None
    torch.testing.assert_close(rewards.grad[0], torch.tensor([-0.25, 0.25, 0.0, 0.0]))
    torch.testing.assert_close(rewards.grad[1], torch.tensor([-3.0, -1.0, 1.0, 3.0]) / 6 / 2 / 2)


def test_it_equals_the_slow_reference_on_random_rankings() -> None:
    torch.manual_seed(0)
    sizes = [2, 5, 9, 3]
    rewards = torch.randn(4, 9) * 3
    weights = [
        {(i, j): float(1 + (i + j) % 3) for i in range(k) for j in range(k) if (i * 7 + j) % 3 == 1 and i != j}
        for k in sizes
    ]
    weights[0] = {(1, 0): 2.0}
    loss = kwise_loss(rewards, weight_matrix(weights, 9)).item()
    assert loss == pytest.approx(slow_loss(rewards.tolist(), weights), abs=1e-6)


def test_an_extreme_margin_gives_a_finite_loss() -> None:
    loss = kwise_loss(torch.tensor([[-500.0, 500.0]]), weight_matrix([{(0, 1): 1.0}], 2))
    assert loss.item() == 1000.0
