"""The forward and the backward pass over many sequences, in micro-batches that fit into memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from rewardtrain.core.data.batching import Batch, MicroBatch, distinct, micro_batches, within
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.device import Device
from rewardtrain.core.errors import NotFiniteError
from rewardtrain.core.model.memory import Budgets, in_memory
from rewardtrain.core.model.network import Body, RewardModel

Tick = Callable[[], None]  # called between micro-batches: for a heartbeat, or to raise Stopped


def predict(
    model: RewardModel, sequences: Sequence[Encoded], *, token_budget: int | None, tick: Tick | None = None
) -> Tensor:
    """Gives the (N, labels) float32 logits on the CPU, in the order given, without gradients; equal sequences go
    through once.

    Out of memory it starts again with smaller micro-batches. token_budget None is what the device likes.
    """
    firsts, places = distinct(sequences)
    sequences = [sequences[index] for index in firsts]

    def parts(tokens: int) -> Iterator[tuple[list[int], Tensor]]:
        for micro in model.plan(sequences, tokens):
            yield micro.indices, model.row_logits(_rows(sequences, micro))

    return _predict(model, sequences, parts, model.n_labels, token_budget, tick)[places]


def predict_features(
    body: Body, sequences: Sequence[Encoded], *, token_budget: int | None, tick: Tick | None = None
) -> Tensor:
    """Gives the (N, D) float32 features on the CPU: what enters the output layer, as predict gives what leaves it."""
    firsts, places = distinct(sequences)
    sequences = [sequences[index] for index in firsts]
    lengths = [len(sequence) for sequence in sequences]

    def parts(tokens: int) -> Iterator[tuple[list[int], Tensor]]:
        for indices in micro_batches(lengths, tokens):
            yield indices, body.features([sequences[index] for index in indices])

    return _predict(body.model, sequences, parts, body.width, token_budget, tick)[places]


def _predict(
    model: RewardModel,
    sequences: Sequence[Encoded],
    parts: Callable[[int], Iterable[tuple[list[int], Tensor]]],
    width: int,
    token_budget: int | None,
    tick: Tick | None,
) -> Tensor:
    budgets = Budgets.on(model.device, token_budget)

    def work() -> Tensor:
        values = torch.zeros(len(sequences), width)
        with torch.no_grad():
            for indices, part in parts(budgets.tokens):
                values[indices] = part.cpu()
                if tick:
                    tick()
        return values

    values = in_memory(work, budgets, longest=max(map(len, sequences), default=0))
    wrong = (~torch.isfinite(values)).any(dim=1).nonzero()
    if len(wrong):
        first = f"the first of {len(sequences[int(wrong[0])])} tokens"
        seen = f"{len(wrong)} of {len(values)} texts get a score that is no number, {first}"
        raise NotFiniteError(f"{seen}; the model diverged or its files are damaged, so train it again")
    return values


def gradients_in_memory(
    model: RewardModel,
    batch: Batch,
    objective: nn.Module,
    budgets: Budgets,
    *,
    tick: Tick | None = None,
    tell: Callable[[Budgets, str], None],
) -> float:
    """Runs accumulate_gradients within the budgets; out of memory, within smaller ones, of which `tell` is told."""

    def work() -> float:
        return accumulate_gradients(
            model, batch, objective, token_budget=budgets.tokens, graph_budget=budgets.graph, tick=tick
        )

    return in_memory(work, budgets, longest=max(map(len, batch.sequences)), tell=tell)


def accumulate_gradients(
    model: RewardModel,
    batch: Batch,
    objective: nn.Module,
    *,
    token_budget: int,
    graph_budget: int,
    tick: Tick | None = None,
) -> float:
    """Make the parameters' .grad the gradient of the batch's loss, the objective's own included, and return the loss.

    A prompt's loss needs the logits of all its completions, which sorting by length spreads over micro-batches. So:
    logits of all micro-batches; the loss's gradient with respect to each logit; then each micro-batch's own backward
    pass from there (the chain rule, exact). Micro-batches keep their graph while they hold at most graph_budget tokens
    together, which costs memory and no time; those above it are forwarded without a graph and later again with one, a
    third more time in bounded memory. Without dropout both forward passes give the same logits.
    """
    for module in (model.network, objective):
        module.zero_grad(set_to_none=True)
    planned = list(within(model.plan(batch.sequences, token_budget), graph_budget))
    kept: list[Tensor | None] = []
    found = []
    for micro, keep in planned:
        with torch.set_grad_enabled(keep):
            logits = model.row_logits(_rows(batch.sequences, micro))
        found.append(logits.detach())  # on the device: fetched one by one, a GPU would wait for the next to be collated
        kept.append(logits if keep else None)
        if tick:
            tick()
    values = torch.zeros(len(batch.sequences), model.n_labels)
    values[[index for micro, _ in planned for index in micro.indices]] = torch.cat(found).cpu()
    values.requires_grad_()
    loss: Tensor = objective(values, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    scale = _scale(model.device)
    seeds = (values.grad * scale).to(model.device.kind)
    for place, (micro, _) in enumerate(planned):
        graph, kept[place] = kept[place], None  # freed as soon as it was used
        if graph is None:
            graph = model.row_logits(_rows(batch.sequences, micro))
        graph.backward(seeds[micro.indices])  # type: ignore[no-untyped-call]
        if tick:
            tick()
    if scale != 1:
        for parameter in model.network.parameters():
            if parameter.grad is not None:
                parameter.grad /= scale
    return loss.item()


def _rows(sequences: Sequence[Encoded], micro: MicroBatch) -> list[list[Encoded]]:
    return [[sequences[index] for index in row] for row in micro.rows]


def _scale(device: Device) -> float:
    """Says by how much gradients are enlarged on their way back: float16 ends at 6e-8, where many of them would be
    zero.

    A fixed power of two, since a logit's gradient is below 1 whatever the data: one that adapts, as torch's GradScaler,
    would drop the steps by which it learns.
    """
    return 1024.0 if device.dtype is torch.float16 else 1.0
