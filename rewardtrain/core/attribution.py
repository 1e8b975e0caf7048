"""Which tokens a reward came from: integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365), by captum."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rewardtrain.core.data.encoding import SPECIAL, Encoded, Token
from rewardtrain.core.errors import DataError
from rewardtrain.core.model.memory import Budgets, in_memory
from rewardtrain.core.model.network import RewardModel, sharing_weights

STEPS = 32  # of the integral, each a pass forward and one back
MOST_TOKENS = 2048


@dataclass(frozen=True)
class Attribution:
    """A reward, taken apart.

    values: of each token, by how much it raises the reward over the baseline's. baseline: the reward of the same
    sequence with its words blanked. gap: the sum of the values less (reward - baseline), which would be 0 if the
    integral were exact (the axiom of completeness); so how far the values can be trusted.
    """

    reward: float
    baseline: float
    values: list[float]
    gap: float


def attribute(
    model: RewardModel,
    sequence: Encoded,
    tokens: Sequence[Token],
    *,
    token_budget: int | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Attribution:
    """Follow the reward of one sequence from its words blanked to its words written, in float32.

    The path is straight, in the input embeddings: from the padding token's to the token's own. Special tokens are the
    frame that the network reads all texts in, so they stay and their values are 0. Costs about 3 * STEPS forward
    passes; tick is called before each micro-batch of them. Raises DataError over MOST_TOKENS, and OutOfMemoryError.
    """
    if len(sequence) > MOST_TOKENS:
        raise DataError(f"the input is {len(sequence):,} tokens; give at most {MOST_TOKENS:,} to be taken apart")
    model = replace(model.in_float32(), network=sharing_weights(model.network))
    written, blank = _ends(model, sequence, tokens)
    budgets = Budgets.on(model.device, token_budget)

    def values() -> Tensor:
        def rewards(embedded: Tensor) -> Tensor:
            tick()
            return _rewards(model, sequence, embedded)

        return _integrated(rewards, written, blank, max(1, budgets.tokens // len(sequence)))

    attributions = in_memory(values, budgets, longest=len(sequence))
    with torch.no_grad():
        reward, baseline = _rewards(model, sequence, torch.cat([written, blank])).tolist()
    return Attribution(reward, baseline, attributions.tolist(), float(attributions.sum()) - (reward - baseline))


def _ends(model: RewardModel, sequence: Encoded, tokens: Sequence[Token]) -> tuple[Tensor, Tensor]:
    """Gives (1, T, D) embeddings of the sequence, and of its frame with padding for words."""
    ids = torch.from_numpy(sequence.ids).long()
    special = torch.tensor([token.part == SPECIAL for token in tokens])
    blanked = torch.where(special, ids, model.encoder.tokenizer.pad_token_id)
    with torch.no_grad():
        embedded: Tensor = model.network.get_input_embeddings()(torch.stack([ids, blanked]).to(model.device.kind))
    return embedded[:1], embedded[1:]


def _integrated(rewards: Callable[[Tensor], Tensor], written: Tensor, blank: Tensor, at_once: int) -> Tensor:
    """Gives (T,) attributions, on the CPU. at_once: how many points of the path go through the network together."""
    from captum.attr import IntegratedGradients  # brings matplotlib: seconds that a service nobody asks need not take

    method = IntegratedGradients(rewards)
    attributions: Tensor = method.attribute(written, baselines=blank, n_steps=STEPS, internal_batch_size=at_once)
    return attributions[0].sum(dim=-1).float().cpu()


def _rewards(model: RewardModel, sequence: Encoded, embedded: Tensor) -> Tensor:
    """Gives (S,) rewards of (S, T, D) embeddings in the place of the sequence's own.

    The network is given the ids too: by them a decoder finds its last token, and some encoders their positions.
    """
    with _in_place_of_embeddings(model.network, embedded):
        return model.rewards([sequence] * len(embedded))


@contextmanager
def _in_place_of_embeddings(network: Any, embedded: Tensor) -> Iterator[None]:
    hook = network.get_input_embeddings().register_forward_hook(lambda layer, inputs, output: embedded)
    try:
        yield
    finally:
        hook.remove()
