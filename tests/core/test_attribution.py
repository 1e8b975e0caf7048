"""Integrated gradients: by hand where the reward is linear, and complete on both kinds of backbone."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rewardtrain.core.attribution import attribute
from rewardtrain.core.data.encoding import SPECIAL
from rewardtrain.core.data.groups import Group, Message, parse_texts
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import DataError
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.score import Scorer
from tests.core.tiny.finished import Save

GROUP = Group("p", "test", (Message("user", "how do i bake bread"),), ("please help you",), ())


class Linear(nn.Module):
    """A reward that is the weighted sum of the embeddings of all tokens."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(size, 3)
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings

    def forward(self, input_ids: torch.Tensor, **inputs: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=(self.embeddings(input_ids) @ self.weight).sum(dim=1, keepdim=True))


def test_of_a_linear_reward_each_token_has_its_embeddings_difference_times_the_weight(save: Save) -> None:
    """r = sum_t w.e_t, so along the straight path from pad to e_t the gradient is w everywhere, and token t's integral
    is w.(e_t - e_pad), the frame's 0. Their sum is r - r_blank: no gap.
    """
    encoder = save("model", 1)[1].encoder
    torch.manual_seed(0)
    network = Linear(len(encoder.tokenizer))
    model = RewardModel(network, encoder, choose_device(1), frozenset())
    (sequence,) = encoder.encode(GROUP.prompt, GROUP.completions)
    tokens = encoder.tokens(GROUP.prompt, GROUP.completions[0])
    found = attribute(model, sequence, tokens)
    with torch.no_grad():
        scores = network.embeddings.weight @ network.weight
        wanted = (scores[sequence.ids] - scores[encoder.tokenizer.pad_token_id]).numpy()
    wanted[[token.part == SPECIAL for token in tokens]] = 0
    np.testing.assert_allclose(found.values, wanted, atol=1e-5)
    assert found.gap == pytest.approx(0, abs=1e-5)
    assert found.reward == pytest.approx(float(scores[sequence.ids].sum()), abs=1e-5)
    assert found.baseline == pytest.approx(found.reward - float(wanted.sum()), abs=1e-5)


@pytest.mark.parametrize("head", ["scalar", "binary"])
@pytest.mark.parametrize("base", ["tiny_bert", "tiny_llama"])
def test_the_tokens_add_up_to_the_reward_that_is_served(
    save: Save, base: str, head: str, request: pytest.FixtureRequest
) -> None:
    folder, _ = save("model", 1, head=head, share=False, base=request.getfixturevalue(base))
    scorer = Scorer(folder, choose_device(1))
    told = scorer.tokens(GROUP)
    assert told["reward"] == pytest.approx(scorer.score(GROUP)["rewards"][0], abs=1e-5)
    values = [token["value"] for token in told["tokens"]]
    assert told["gap"] == pytest.approx(sum(values) - (told["reward"] - told["baseline"]), abs=1e-5)
    assert abs(told["gap"]) < 0.02 * max(map(abs, values))
    assert {token["value"] for token in told["tokens"] if token["part"] == SPECIAL} == {0.0}
    text = {part: "".join(t["text"] for t in told["tokens"] if t["part"] == part) for part in ("prompt", "completion")}
    assert text["prompt"].startswith("how do i bake bread")
    assert text["completion"] == "please help you"


def test_a_control_token_that_was_typed_is_text_and_has_its_part_in_the_reward(save: Save) -> None:
    """As padding it would be where the path begins, and so nothing."""
    scorer = Scorer(save("model", 1)[0], choose_device(1))
    told = scorer.tokens(parse_texts("", "[PAD]", ["please"]))
    assert [(token["text"], token["part"]) for token in told["tokens"]] == [
        ("[CLS]", SPECIAL), ("[", "prompt"), ("PAD", "prompt"), ("]", "prompt"), ("[SEP]", SPECIAL),
        ("please", "completion"), ("[SEP]", SPECIAL),
    ]  # fmt: skip
    assert all(token["value"] for token in told["tokens"] if token["part"] != SPECIAL)


def test_in_smaller_batches_it_is_the_same(save: Save) -> None:
    model = save("model", 1)[1]
    (sequence,) = model.encoder.encode(GROUP.prompt, GROUP.completions)
    tokens = model.encoder.tokens(GROUP.prompt, GROUP.completions[0])
    whole, parts = attribute(model, sequence, tokens), attribute(model, sequence, tokens, token_budget=30)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-5)


def test_what_was_cut_is_cut_in_the_texts_too(save: Save) -> None:
    scorer = Scorer(save("model", 1)[0], choose_device(1))
    told = scorer.tokens(parse_texts("", "learn " * 40 + "chess", ["answer this question"]))
    assert told["truncated"] is True
    prompt = "".join(token["text"] for token in told["tokens"] if token["part"] == "prompt")
    assert len(told["tokens"]) == 32
    assert prompt.endswith(" learn chess")
    assert "".join(token["text"] for token in told["tokens"] if token["part"] == "completion") == "answer this question"


def test_a_text_of_which_nothing_is_known_keeps_its_letters(save: Save) -> None:
    """What the tokenizer has no word for is one unknown token, but the reader sees what was written."""
    scorer = Scorer(save("model", 1)[0], choose_device(1))
    told = scorer.tokens(parse_texts("", "Grüße, 世界 😀", [""]))
    assert "".join(token["text"] for token in told["tokens"] if token["part"] == "prompt") == "Grüße, 世界 😀"
    assert not [token for token in told["tokens"] if token["part"] == "completion"]


def test_too_long_a_text_is_refused_with_its_length(save: Save) -> None:
    encoder = replace(save("model", 1)[1].encoder, max_length=4096)
    model = RewardModel(Linear(len(encoder.tokenizer)), encoder, choose_device(1), frozenset())
    prompt, text = GROUP.prompt, "please " * 2045
    with pytest.raises(DataError, match=r"the input is 2,053 tokens; give at most 2,048 to be taken apart"):
        attribute(model, encoder.encode(prompt, [text])[0], encoder.tokens(prompt, text))
