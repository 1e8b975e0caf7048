"""The forward and the backward pass over many sequences, in micro-batches that fit into memory."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rewardtrain.core.batching import Batch, micro_batches, within
from rewardtrain.core.encoding import Encoded
from rewardtrain.core.loss import Objective
from rewardtrain.core.model import RewardModel

Tick = Callable[[], None]  # called between micro-batches: for a heartbeat, or to raise Stopped


def predict(model: RewardModel, sequences: Sequence[Encoded], *, token_budget: int, tick: Tick | None = None) -> Tensor:
    """(N, labels) float32 logits on the CPU, in the order given, without gradients."""
    lengths = [len(sequence) for sequence in sequences]
    logits = torch.zeros(len(sequences), model.n_labels)
    with torch.no_grad():
        for indices in micro_batches(lengths, token_budget):
            logits[indices] = model.logits([sequences[index] for index in indices]).cpu()
            if tick:
                tick()
    return logits


def accumulate_gradients(
    model: RewardModel,
    batch: Batch,
    objective: Objective,
    *,
    token_budget: int,
    graph_budget: int,
    tick: Tick | None = None,
) -> float:
    """Add the gradient of the batch's loss to the parameters' .grad, the objective's own included, and return the loss.

    A prompt's loss needs the logits of all its completions, which sorting by length spreads over micro-batches. So:
    logits of all micro-batches; the loss's gradient with respect to each logit; then each micro-batch's own backward
    pass from there (the chain rule, exact). Micro-batches keep their graph while they hold at most graph_budget tokens
    together, which costs memory and no time; those above it are forwarded without a graph and later again with one, a
    third more time in bounded memory. Without dropout both forward passes give the same logits.
    """
    lengths = [len(sequence) for sequence in batch.sequences]
    packed = list(within(lengths, micro_batches(lengths, token_budget), graph_budget))
    values = torch.zeros(len(lengths), model.n_labels)
    kept: list[Tensor | None] = []
    for indices, keep in packed:
        with torch.set_grad_enabled(keep):
            logits = model.logits([batch.sequences[index] for index in indices])
        values[indices] = logits.detach().cpu()
        kept.append(logits if keep else None)
        if tick:
            tick()
    values.requires_grad_()
    loss: Tensor = objective(values, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    for place, (indices, _) in enumerate(packed):
        graph, kept[place] = kept[place], None  # freed as soon as it was used
        if graph is None:
            graph = model.logits([batch.sequences[index] for index in indices])
        graph.backward(values.grad[indices].to(graph.device))  # type: ignore[no-untyped-call]
        if tick:
            tick()
    return loss.item()
