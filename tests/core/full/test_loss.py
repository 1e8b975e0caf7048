import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import Batch, make_batch, pair_matrix, vote_matrix
from rewardtrain.core.data.comparisons import Comparisons, merge
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.full.loss import (
    Objective,
    centering,
    davidson_losses,
    flag_losses,
    kwise_losses,
    smoothed,
    turned_too,
)

Said = list[tuple[tuple[int, ...], int | None]]  # one labeler's ranks and strength


def empty(place: int) -> Encoded:
    types = np.zeros(1, dtype=np.int8)
    return Encoded(ids=np.array([place], dtype=np.int32), types=types, prompt_cut=False, completion_cut=False)


def batch_of(prompts: list[Said], votes: list[dict[int, tuple[int, int]]] | None = None, **rules: Any) -> Batch:
    merged = []
    for place, said in enumerate(prompts):
        texts = tuple("abcdefghi"[: len(said[0][0])])
        rankings = tuple(Ranking(f"l{n}", ranks, strength) for n, (ranks, strength) in enumerate(said))
        found = merge(Group("g", "train", (Message("user", "hi"),), texts, rankings), **rules)
        merged.append(Comparisons(**{**vars(found), "votes": votes[place]}) if votes else found)
    return make_batch([[empty(place) for place in range(len(said[0][0]))] for said in prompts], merged)


def softplus(value: float) -> float:
    return math.log1p(math.exp(-abs(value))) + max(value, 0.0)


def test_the_loss_of_one_pair_is_minus_log_sigmoid_of_the_margin() -> None:
    """sigma(ln 3) = 3/4, so preferring the first by ln 3 costs -ln(3/4)."""
    rewards, weights = torch.tensor([[math.log(3), 0.0]]), pair_matrix([{(0, 1): 1.0}], 2)
    assert kwise_losses(rewards, weights).item() == pytest.approx(-math.log(3 / 4), abs=1e-7)


def test_labelers_who_differ_are_weighed() -> None:
    """Three say first, one says second, margin ln 3: (3 * -ln(3/4) + 1 * -ln(1/4)) / 4, which is the entropy of 3/4:
    the least that any margin can reach, so its gradient is zero."""
    rewards = torch.tensor([[math.log(3), 0.0]], requires_grad=True)
    loss = kwise_losses(rewards, pair_matrix([{(0, 1): 3.0, (1, 0): 1.0}], 2)).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(-(3 * math.log(3 / 4) + math.log(1 / 4)) / 4, abs=1e-7)
    assert rewards.grad is not None
    torch.testing.assert_close(rewards.grad, torch.zeros(1, 2), atol=1e-7, rtol=0)


def test_a_tie_that_counts_half_each_way_pulls_rewards_together() -> None:
    """d/dm of (-ln sigma(m) - ln sigma(-m)) / 2 is (sigma(m) - sigma(-m)) / 2 = (3/4 - 1/4) / 2 at m = ln 3."""
    rewards = torch.tensor([[math.log(3), 0.0]], requires_grad=True)
    kwise_losses(rewards, pair_matrix([{(0, 1): 0.5, (1, 0): 0.5}], 2)).mean().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(rewards.grad, torch.tensor([[0.25, -0.25]]))


def test_each_prompt_counts_once_whatever_its_k() -> None:
    """Equal rewards cost ln 2 a pair, so the mean of K = 2 and K = 4 is ln 2 too, and the K = 2 prompt's one pair has
    half of the gradient: (1/2) * (1/2)."""
    rewards = torch.zeros(2, 4, requires_grad=True)
    four = {(i, j): 1.0 for i in range(4) for j in range(i + 1, 4)}
    loss = kwise_losses(rewards, pair_matrix([{(0, 1): 1.0}, four], 4)).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(math.log(2), abs=1e-7)
    assert rewards.grad is not None
    torch.testing.assert_close(rewards.grad[0], torch.tensor([-0.25, 0.25, 0.0, 0.0]))
    torch.testing.assert_close(rewards.grad[1], torch.tensor([-3.0, -1.0, 1.0, 3.0]) / 6 / 2 / 2)


def test_an_extreme_margin_gives_a_finite_loss() -> None:
    loss = kwise_losses(torch.tensor([[-500.0, 500.0]]), pair_matrix([{(0, 1): 1.0}], 2))
    assert loss.item() == 1000.0


def test_a_margin_must_be_exceeded() -> None:
    """Ahead by ln 6 where ln 2 is asked: sigma(ln 6 - ln 2) = sigma(ln 3) = 3/4."""
    rewards, weights = torch.tensor([[math.log(6), 0.0]]), pair_matrix([{(0, 1): 1.0}], 2)
    loss = kwise_losses(rewards, weights, pair_matrix([{(0, 1): math.log(2)}], 2))
    assert loss.item() == pytest.approx(-math.log(3 / 4), abs=1e-7)


def test_davidson_has_a_chance_of_a_tie() -> None:
    """Strengths 4 and 1, nu = 1/2: sqrt(4 * 1) * 1/2 = 1, so the chances are 4/6, 1/6 and a tie 1/6."""
    rewards, log_nu = torch.tensor([[math.log(4), 0.0]]), torch.tensor(math.log(0.5))
    first, second, tie = (
        davidson_losses(rewards, pair_matrix([weights], 2), pair_matrix([ties], 2), log_nu).item()
        for weights, ties in [({(0, 1): 1.0}, {}), ({(1, 0): 1.0}, {}), ({}, {(0, 1): 1.0})]
    )
    assert (first, second, tie) == pytest.approx((-math.log(4 / 6), math.log(6), math.log(6)), abs=1e-6)


def test_davidson_without_ties_is_bradley_terry() -> None:
    rewards, weights = torch.randn(3, 4), torch.rand(3, 4, 4)
    ours = davidson_losses(rewards, weights, torch.zeros_like(weights), torch.tensor(-40.0))
    torch.testing.assert_close(ours, kwise_losses(rewards, weights))


def test_davidson_of_extreme_rewards_is_finite() -> None:
    """1,000 behind: log(e^500) + 500 = 1000; a tie there costs 500 at nu = 1."""
    rewards = torch.tensor([[-500.0, 500.0]], requires_grad=True)
    losses = davidson_losses(
        rewards, pair_matrix([{(0, 1): 1.0}], 2), pair_matrix([{(0, 1): 1.0}], 2), torch.tensor(0.0)
    )
    losses.sum().backward()  # type: ignore[no-untyped-call]
    assert losses.item() == 750.0
    assert rewards.grad is not None
    assert torch.isfinite(rewards.grad).all()


def test_nu_starts_where_it_explains_the_ties_and_stays_there_at_equal_rewards() -> None:
    """Half of the judgements are ties: nu / (2 + nu) = 1/2 at nu = 2, where the likelihood has its maximum."""
    objective = Objective(TrainConfig(ties="davidson"), tie_share=0.5)
    objective(torch.zeros(2, 1), batch_of([[((1, 2), None), ((1, 1), None)]], ties="davidson")).backward()
    assert objective.log_nu is not None
    assert objective.log_nu.exp().item() == pytest.approx(2)
    assert objective.log_nu.grad == pytest.approx(0, abs=1e-7)


def test_smoothing_turns_a_part_of_the_comparisons_round() -> None:
    """A tenth of 2 judgements of margin 3 and of 0 the other way: 1.8 and 0.2, each of margin 3."""
    weights, margins = pair_matrix([{(0, 1): 2.0}], 2), pair_matrix([{(0, 1): 3.0}], 2)
    turned, apart = smoothed(weights, 0.1), turned_too(margins, weights, 0.1)
    torch.testing.assert_close(turned, torch.tensor([[[0.0, 1.8], [0.2, 0.0]]]))
    torch.testing.assert_close(apart, torch.tensor([[[0.0, 3.0], [3.0, 0.0]]]))


def test_a_smoothed_loss_is_least_where_the_labels_would_be_right_as_often_as_said() -> None:
    """A quarter wrong: -(3/4) ln sigma(d) - (1/4) ln sigma(-d) has its minimum, the entropy of 3/4, at d = ln 3."""
    logits = torch.tensor([[math.log(3)], [0.0]], requires_grad=True)
    loss = Objective(TrainConfig(label_smoothing=0.25))(logits, batch_of([[((1, 2), None)]]))
    loss.backward()
    assert loss.item() == pytest.approx(-(3 * math.log(3 / 4) + math.log(1 / 4)) / 4, abs=1e-7)
    torch.testing.assert_close(logits.grad, torch.zeros(2, 1), atol=1e-7, rtol=0)


def test_centering_moves_the_mean_of_a_prompt_and_no_difference_inside_it() -> None:
    """Means 2 and -1, squared 4 and 1; the gradient, 2 mean / K, is equal for all completions of a prompt."""
    rewards = torch.tensor([[1.0, 3.0, 0.0], [-3.0, 0.0, 0.0]], requires_grad=True)
    losses = centering(rewards, torch.tensor([2, 3]))
    losses.sum().backward()  # type: ignore[no-untyped-call]
    assert losses.tolist() == [4.0, 1.0]
    assert rewards.grad is not None
    torch.testing.assert_close(rewards.grad[0, :2], torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(rewards.grad[1], torch.full((3,), -2 / 3))


def test_flags_of_labelers_who_differ_are_a_soft_label() -> None:
    """Class logits 0 and ln 3 give chances 1/4 and 3/4. One of four said class 0: the entropy of 3/4, and no gradient;
    the other completion, all class 1, costs -ln(3/4); the third has no vote and counts for nothing."""
    logits = torch.tensor([[[0.0, math.log(3)]] * 3], requires_grad=True)
    loss = flag_losses(logits, vote_matrix([{0: (1, 3), 1: (0, 2)}], 3))
    entropy = -(math.log(1 / 4) + 3 * math.log(3 / 4)) / 4
    assert loss.item() == pytest.approx((entropy - math.log(3 / 4)) / 2, abs=1e-7)
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    wanted = torch.tensor([[[0.0, 0.0], [0.125, -0.125], [0.0, 0.0]]])
    torch.testing.assert_close(logits.grad, wanted, atol=1e-7, rtol=0)


PROMPTS: list[Said] = [
    [((1, 2), 3), ((2, 1), 1), ((1, 1), None), ((1, 2), None)],
    [((1, 3, 3, 2, 5), None), ((2, 1, 1, 1, 4), None)],
    [((1,), None)],
    [((4, 3, 2, 1), None)],
]
VOTES: list[dict[int, tuple[int, int]]] = [{0: (1, 1)}, {}, {0: (0, 1)}, {1: (3, 1), 3: (0, 2)}]


def slow_objective(logits: list[list[float]], config: TrainConfig, log_nu: float) -> float:
    """The objective as the papers write it: one judgement at a time, in plain floats."""
    flat, losses = iter(logits), []
    for said, votes in zip(PROMPTS, VOTES, strict=True):
        rows = [next(flat) for _ in said[0][0]]
        rewards = [row[-1] for row in rows]
        costs, counts = slow_pairs(rewards, said, config, log_nu)
        loss = sum(costs) / max(sum(counts), 1e-9)
        if len(rewards) > 1:
            loss += config.centering * (sum(rewards) / len(rewards)) ** 2
        if config.head == "binary" and votes:
            terms = []
            for index, (negatives, positives) in votes.items():
                ahead = rows[index][1] - rows[index][0]
                terms.append((negatives * softplus(ahead) + positives * softplus(-ahead)) / (negatives + positives))
            loss += config.flag_weight * sum(terms) / len(terms)
        losses.append(loss)
    return sum(losses) / len(losses)


def slow_pairs(rewards: list[float], said: Said, config: TrainConfig, log_nu: float) -> tuple[list[float], list[float]]:
    costs, counts = [], []
    for ranks, strength in said:
        times = (strength or 1) if config.weight == "strength" else 1
        for i, j in combinations(range(len(ranks)), 2):
            d = rewards[i] - rewards[j]
            odds = [math.exp(d / 2), math.exp(-d / 2), math.exp(log_nu)]  # i wins, j wins, tie
            if ranks[i] == ranks[j]:
                if config.ties == "half":
                    costs.append((softplus(d) + softplus(-d)) / 2)
                elif config.ties == "davidson":
                    costs.append(-math.log(odds[2] / sum(odds)))
                counts.append(float(config.ties != "drop"))
                continue
            ahead = d if ranks[i] < ranks[j] else -d
            margin = slow_margin(said, (i, j) if ranks[i] < ranks[j] else (j, i), config)
            right, wrong = softplus(margin - ahead), softplus(margin + ahead)
            if config.ties == "davidson":
                right, wrong = (math.log(sum(odds)) - side / 2 for side in (ahead, -ahead))
            costs.append(times * ((1 - config.label_smoothing) * right + config.label_smoothing * wrong))
            counts.append(1.0)
    return costs, counts


def slow_margin(said: Said, pair: tuple[int, int], config: TrainConfig) -> float:
    """The mean of those who preferred the first of the pair."""
    apart = []
    for ranks, strength in said:
        better, worse = (sorted(set(ranks)).index(ranks[index]) for index in pair)
        if better < worse:
            apart.append({"none": 0, "gap": worse - better, "strength": strength or 0}[config.margin])
    return config.margin_scale * sum(apart) / len(apart)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ties": "half"},
        {"ties": "davidson"},
        {"margin": "gap", "margin_scale": 0.7},
        {"weight": "strength"},
        {"weight": "strength", "ties": "half", "label_smoothing": 0.1},
        {"weight": "strength", "margin": "strength", "margin_scale": 0.3},
        {"label_smoothing": 0.1},
        {"centering": 0.3},
        {"ties": "davidson", "label_smoothing": 0.2, "centering": 0.1},
        {"head": "binary"},
        {"head": "binary", "ties": "half", "flag_weight": 0.4, "centering": 0.2, "label_smoothing": 0.05},
    ],
)
def test_the_objective_equals_the_slow_reference(settings: dict[str, Any]) -> None:
    config = TrainConfig(**settings)
    torch.manual_seed(0)
    logits = torch.randn(12, 2 if config.head == "binary" else 1) * 3
    batch = batch_of(PROMPTS, VOTES, ties=config.ties, margin=config.margin, weight=config.weight)
    objective = Objective(config, tie_share=0.4)
    log_nu = math.log(2 * 0.4 / 0.6)
    assert objective(logits, batch).item() == pytest.approx(slow_objective(logits.tolist(), config, log_nu), abs=1e-5)


def test_the_margin_of_a_pair_is_the_mean_of_the_labelers_who_preferred_it() -> None:
    """Strengths 3 and none the same way are 1.5 together, so 0.75 of reward at a scale of a half; the other way 1."""
    said: Said = [((1, 2), 3), ((2, 1), 1), ((1, 2), None)]
    batch = batch_of([said], margin="strength")
    loss = Objective(TrainConfig(margin="strength"))(torch.tensor([[2.0], [0.0]]), batch)
    assert loss.item() == pytest.approx((2 * softplus(0.75 - 2) + softplus(0.5 + 2)) / 3, abs=1e-6)


def test_a_prompt_costs_as_often_as_its_comparison_is_strong() -> None:
    """Two prompts of one comparison each, much and slightly better: 3 times and once, and not once each."""
    batch = batch_of([[((1, 2), 3)], [((1, 2), 1)]], weight="strength")
    loss = Objective(TrainConfig(weight="strength"))(torch.tensor([[0.5], [0.0], [2.0], [0.0]]), batch)
    assert loss.item() == pytest.approx((3 * softplus(-0.5) + softplus(-2.0)) / 2, abs=1e-6)


def test_a_batch_without_a_strength_costs_what_it_did() -> None:
    batch = batch_of(PROMPTS[1:], VOTES[1:], weight="strength")
    assert batch.scales is None


def test_the_loss_of_a_batch_is_the_mean_of_its_prompts_alone_whatever_kinds_they_are() -> None:
    """So batches and processes may be cut anywhere."""
    config = TrainConfig(head="binary", ties="davidson", centering=0.1)
    torch.manual_seed(0)
    logits = torch.randn(12, 2)
    objective = Objective(config)
    sizes = [len(said[0][0]) for said in PROMPTS]
    alone: list[Tensor] = [
        objective(part, batch_of([said], [votes], ties="davidson"))
        for part, said, votes in zip(logits.split(sizes), PROMPTS, VOTES, strict=True)
    ]
    together = objective(logits, batch_of(PROMPTS, VOTES, ties="davidson"))
    torch.testing.assert_close(together, torch.stack(alone).mean())
