"""The forward and the backward pass over many sequences, in micro-batches that fit into memory."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rewardtrain.core.data.batching import Batch, MicroBatch, distinct, plan, within
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Message
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
    return _predict(model, sequences, model.plan, model.row_logits, model.n_labels, token_budget, tick)[places]


def predict_features(
    body: Body, sequences: Sequence[Encoded], *, token_budget: int | None, tick: Tick | None = None
) -> Tensor:
    """Gives the (N, D) float32 features on the CPU: what enters the output layer, as predict gives what leaves it."""
    firsts, places = distinct(sequences)
    sequences = [sequences[index] for index in firsts]

    def parts(sequences: Sequence[Encoded], tokens: int) -> list[MicroBatch]:
        return plan([[index] for index in range(len(sequences))], list(map(len, sequences)), tokens)

    def read(rows: list[list[Encoded]]) -> Tensor:
        return body.features([row[0] for row in rows])

    return _predict(body.model, sequences, parts, read, body.width, token_budget, tick)[places]


def _predict(
    model: RewardModel,
    sequences: Sequence[Encoded],
    parts: Callable[[Sequence[Encoded], int], list[MicroBatch]],
    read: Callable[[list[list[Encoded]]], Tensor],
    width: int,
    token_budget: int | None,
    tick: Tick | None,
) -> Tensor:
    """Gives (N, width) values of all, of which each process of a team reads its share."""
    budgets = Budgets.on(model.device, token_budget)
    own = model.team.share(list(map(len, sequences)))
    mine = [sequences[index] for index in own]

    def work() -> Tensor:
        values = torch.zeros(len(sequences), width)
        with torch.no_grad():
            for micro, _ in in_step(model, [(micro, False) for micro in parts(mine, budgets.tokens)]):
                part = read(_rows(mine, micro) if micro else [[filler(model)]])
                if micro:
                    values[[own[index] for index in micro.indices]] = part.cpu()
                if tick:
                    tick()
        if model.team.size > 1:
            model.network.reshard()  # what stands outside the layers stays together after a forward pass alone
        return values

    longest = max(map(len, sequences), default=0)
    values = model.team.sum(in_memory(work, budgets, longest=longest, alone=model.team.size == 1))
    wrong = (~torch.isfinite(values)).any(dim=1).nonzero()
    if len(wrong):
        first = f"the first of {len(sequences[int(wrong[0])])} tokens"
        seen = f"{len(wrong)} of {len(values)} texts get a score that is no number, {first}"
        raise NotFiniteError(f"{seen}; the model diverged or its files are damaged, so train it again")
    return values


def in_step(model: RewardModel, planned: list[tuple[MicroBatch, bool]]) -> list[tuple[MicroBatch | None, bool]]:
    """Makes a plan as long as that of the process of the team that has most to do; None is something short to read.

    planned: micro-batches, each with whether its graph is kept, which it then is where all can keep theirs: the weights
    travel for every forward and backward pass, so all make the same ones in the same order.
    """
    team = model.team
    if team.size == 1:
        return list(planned)
    rounds = int(team.most(torch.tensor(len(planned))))
    dropped = torch.tensor([not keep for _, keep in planned] + [False] * (rounds - len(planned)), dtype=torch.int64)
    keeps = (team.most(dropped) == 0).tolist() if rounds else []
    micros = [micro for micro, _ in planned] + [None] * (rounds - len(planned))
    return list(zip(micros, keeps, strict=True))


def filler(model: RewardModel) -> Encoded:
    """Gives something short to read, for a process that waits for others who have more."""
    return model.encoder.encode((Message("user", "a"),), ("a",))[0]


def gradients_in_memory(
    model: RewardModel,
    batch: Batch | None,
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

    longest = max(map(len, batch.sequences)) if batch else 0
    return in_memory(work, budgets, longest=longest, tell=tell, alone=model.team.size == 1)


def accumulate_gradients(
    model: RewardModel,
    batch: Batch | None,
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

    batch: None for a process of a team that has none of this step's prompts.
    """
    for module in (model.network, objective):
        module.zero_grad(set_to_none=True)
    sequences = batch.sequences if batch else []
    planned = in_step(model, list(within(model.plan(sequences, token_budget), graph_budget)))
    rows = [_rows(sequences, micro) if micro else [[filler(model)]] for micro, _ in planned]
    kept: list[Tensor | None] = []
    found = []
    for each, (micro, keep) in zip(rows, planned, strict=True):
        with torch.set_grad_enabled(keep):
            logits = model.row_logits(each)
        if micro:
            found.append(logits.detach())  # on the device: fetched one by one, a GPU would wait for the next collation
        kept.append(logits if keep else None)
        if tick:
            tick()
    values = torch.zeros(len(sequences), model.n_labels)
    if found:
        values[[index for micro, _ in planned if micro for index in micro.indices]] = torch.cat(found).cpu()
    values.requires_grad_()
    loss: Tensor = objective(values, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    scale = _scale(model.device)
    seeds = (values.grad * scale).to(model.device.kind)
    for place, (micro, _) in enumerate(planned):
        graph, kept[place] = kept[place], None  # freed as soon as it was used
        if graph is None:
            graph = model.row_logits(rows[place])
        graph.backward(seeds[micro.indices] if micro else torch.zeros_like(graph))  # type: ignore[no-untyped-call]
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
