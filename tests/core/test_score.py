import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from rewardtrain.core.data.groups import Group, Message
from rewardtrain.core.device import choose_device
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.score import Scorer
from tests.core.tiny.finished import Save

GROUP = Group("p", "test", (Message("user", "how do i bake bread"),), ("please help", "never", "go away stupid"), ())
OTHER = Group("q", "test", (Message("user", "learn " * 40),), ("answer", "this question please"), ())


def raw_rewards(model: RewardModel, group: Group) -> torch.Tensor:
    with torch.no_grad():
        return model.rewards(model.encoder.encode(group.prompt, group.completions))


def test_probabilities_are_those_of_the_temperature_and_raw_ones_those_of_training(save: Save) -> None:
    """Rewards r of the folder are (raw - 1) / 4; sigmoid((r_i - r_j) / 0.5) is a softmax of r / 0.5."""
    folder, raw = save("model", 1)
    scorer, wanted = Scorer(folder, choose_device(1)), raw_rewards(raw, GROUP)
    got, before = scorer.score(GROUP), scorer.score(GROUP, raw=True)
    rewards = (wanted - 1) / 4
    np.testing.assert_allclose(got["rewards"], rewards, atol=1e-5)
    assert got["logits"] == [[reward] for reward in got["rewards"]]
    np.testing.assert_allclose(got["probabilities"], (rewards / 0.5).softmax(0), atol=1e-5)
    np.testing.assert_allclose(before["probabilities"], wanted.softmax(0), atol=1e-5)
    assert got["best"] == int(wanted.argmax())
    assert before["rewards"] == got["rewards"]
    assert "uncertainty" not in got
    assert "class_probabilities" not in got


def test_a_binary_heads_class_probabilities_are_the_softmax_of_its_logits(save: Save) -> None:
    folder, raw = save("model", 1, head="binary")
    scorer = Scorer(folder, choose_device(1))
    with torch.no_grad():
        logits = raw.logits(raw.encoder.encode(GROUP.prompt, GROUP.completions))
    got = scorer.score(GROUP)
    np.testing.assert_allclose(got["class_probabilities"], (logits / 2.0).softmax(1)[:, 1], atol=1e-5)
    np.testing.assert_allclose(got["class_probabilities"], torch.tensor(got["logits"]).softmax(1)[:, 1], atol=1e-6)
    np.testing.assert_allclose(scorer.score(GROUP, raw=True)["class_probabilities"], logits.softmax(1)[:, 1], atol=1e-5)


def test_several_prompts_together_score_as_each_alone(save: Save) -> None:
    scorer = Scorer(save("model", 1)[0], choose_device(1))
    together = scorer.score_many([GROUP, OTHER])
    for got, group in zip(together, (GROUP, OTHER), strict=True):
        alone = scorer.score(group)
        np.testing.assert_allclose(got["rewards"], alone["rewards"], atol=1e-5)
        assert got["truncated"] == alone["truncated"] == [group is OTHER] * len(group.completions)


def test_uncertainty_is_the_spread_of_the_ensembles_rewards(save: Save) -> None:
    heads = np.random.default_rng(0).normal(size=(5, 33)).astype(np.float32)
    folder, raw = save("model", 1, heads=heads)
    got = Scorer(folder, choose_device(1)).score(GROUP)
    with torch.no_grad():
        features = raw.features(raw.encoder.encode(GROUP.prompt, GROUP.completions)).numpy()
    each = features @ heads[:, :-1].T + heads[:, -1]
    np.testing.assert_allclose(got["uncertainty"], each.std(axis=1, ddof=1), rtol=1e-4)
    np.testing.assert_allclose(got["rewards"], (raw_rewards(raw, GROUP) - 1) / 4, atol=1e-5)


@pytest.mark.parametrize("share", [True, False])
def test_who_follows_is_the_other_model_and_shares_the_backbone_where_it_can(save: Save, share: bool) -> None:
    one, other = save("one", 1, share=share)[0], save("other", 2, share=share)[0]
    scorer = Scorer(one, choose_device(1))
    first = scorer.score(GROUP)["rewards"]
    following = scorer.following(other)
    wanted = Scorer(other, choose_device(1)).score(GROUP)["rewards"]
    assert following.score(GROUP)["rewards"] == pytest.approx(wanted, abs=1e-5)
    assert wanted != pytest.approx(first, abs=1e-3)
    assert following.shares_backbone(scorer) is share
    assert scorer.score(GROUP)["rewards"] == pytest.approx(first, abs=1e-5)
    assert following.following(one).score(GROUP)["rewards"] == pytest.approx(first, abs=1e-5)


def test_who_scores_from_several_threads_gets_what_one_alone_would(save: Save) -> None:
    scorer = Scorer(save("one", 1)[0], choose_device(1))
    following = scorer.following(save("other", 2)[0])
    wanted = [each.score(GROUP)["rewards"] for each in (scorer, following)]
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda turn: (scorer, following)[turn % 2].score(GROUP)["rewards"], range(40)))
    np.testing.assert_allclose(seen, wanted * 20, atol=1e-5)


def test_pairwise_is_how_likely_one_is_preferred_to_the_other(save: Save) -> None:
    scorer = Scorer(save("model", 1)[0], choose_device(1))
    sequences = scorer.encode(GROUP)
    got = scorer.answer(sequences, scorer.forward(sequences), pairwise=True)
    rewards = torch.tensor(got["rewards"])
    for i, j in itertools.product(range(3), repeat=2):
        assert got["pairwise"][i][j] == pytest.approx(float(((rewards[i] - rewards[j]) / 0.5).sigmoid()), abs=1e-6)


@pytest.mark.parametrize("base", ["tiny_bert", "tiny_llama"])
def test_another_head_is_read_while_the_backbone_is_busy(save: Save, base: str, request: pytest.FixtureRequest) -> None:
    """Both uses of the network that once changed its modules run all the time: features and attributions."""
    backbone = request.getfixturevalue(base)
    heads = np.random.default_rng(0).normal(size=(4, 33)).astype(np.float32)
    folders = [save(str(seed), seed, heads=heads, base=backbone)[0] for seed in (1, 2)]
    wanted = [Scorer(folder, choose_device(1)).score(GROUP)["rewards"] for folder in folders]
    busy = Scorer(folders[0], choose_device(1))
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            np.testing.assert_allclose(busy.score(GROUP)["rewards"], wanted[0], atol=1e-5)
            busy.tokens(replace(GROUP, completions=GROUP.completions[:1]))

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            for _ in range(40):
                follower = busy.following(folders[1])
                assert follower.shares_backbone(busy)
                np.testing.assert_allclose(follower.score(GROUP)["rewards"], wanted[1], atol=1e-5)
        finally:
            ended.set()
        working.result()
