"""A run before its first step: its data read, its backbone loaded and tried, its state as it was left."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from formats.prompts import SPLITS
from rewardtrain.core.artifact.rehearsal import rehearse
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Dataset, build_dataset, require_data, tell_apart
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import read_groups
from rewardtrain.core.device import Device, choose_device
from rewardtrain.core.evaluation.evaluate import encode_groups
from rewardtrain.core.full.checkpoint import Checkpoint, noted_smaller
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import make_optimizer
from rewardtrain.core.full.sharding import Shards, shard
from rewardtrain.core.full.stopping import EarlyStopping
from rewardtrain.core.full.trainer import Trainer
from rewardtrain.core.measures.flags import labels_of
from rewardtrain.core.model.adapters import freeze
from rewardtrain.core.model.loading import called_by_name, layer_shapes, load_backbone
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.memory_plan import require_memory, sizes_of
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.quantized import quantize
from rewardtrain.core.model.speed import (
    choose_attention,
    compile_network,
    require_asked_for,
    require_checkpointing,
    speed_up,
)
from rewardtrain.core.model.team import Team
from rewardtrain.core.progress import MetricsLog

CHECKPOINTS = "checkpoints"


def prepare(
    data: Path,
    out: Path,
    config: TrainConfig,
    run: dict[str, Any],
    log: MetricsLog,
    checkpoint: Checkpoint | None,
    team: Team,
    should_stop: Callable[[], bool],
) -> tuple[Trainer, Shards | None]:
    """Reads the data, loads the backbone or this process's part of it, and goes to where the checkpoint was."""
    log.emit("phase", phase="loading")
    dataset = build_dataset(read_groups(data), config)
    require_data(dataset, config)
    dtype = checkpoint.dtype if checkpoint else config.dtype  # auto may fall out otherwise on a busy machine
    device = team.from_first(lambda: _device(config, dtype))
    require_asked_for(config, device)
    memory = team.from_first(lambda: _memory(config, device, team))
    log.emit("memory", **memory)  # before the weights, which may take minutes

    def load() -> RewardModel:
        return _load(config, device, labels_of(config, dataset.flag), None if checkpoint else out, team)

    shards = shard(load, team, config, device.kind) if team.size > 1 else None
    model = shards.model if shards else load()
    compile_network(model, config)
    dataset, encoded = as_read(dataset, tokenize(model, dataset, log), config)
    objective = Objective(config, tie_share=dataset.tie_share)
    trainer = Trainer(
        config=config,
        run=run,
        checkpoints=out / CHECKPOINTS,
        log=log,
        data=dataset,
        encoded=encoded,
        model=model,
        objective=objective,
        optimizer=make_optimizer(model.network, objective, config, head=model.new_parameters),
        budgets=Budgets.on(device, config.token_budget, config.graph_budget),
        stopping=EarlyStopping(config.patience),
        should_stop=should_stop,
    )
    size = {"processes": team.size, "token_budget": trainer.budgets.tokens}
    log.emit("start", **counts_of(trainer), **device.describe(), **size, **memory)
    if checkpoint:
        trainer.restore(checkpoint)
    if smaller := team.from_first(lambda: noted_smaller(out / CHECKPOINTS)):
        trainer.shrink(smaller)
    return trainer, shards


def _device(config: TrainConfig, dtype: str) -> Device:
    with called_by_name(config):
        return choose_device(config.threads, dtype=dtype, layers=layer_shapes(config.backbone))


def _memory(config: TrainConfig, device: Device, team: Team) -> dict[str, Any]:
    with called_by_name(config):
        return require_memory(sizes_of(config.backbone), config, device, team.size)


def _load(config: TrainConfig, device: Device, labels: tuple[str, ...], out: Path | None, team: Team) -> RewardModel:
    """Loads the backbone and tries it out, with what is to be trained of it marked. out: where its end is rehearsed.

    For several processes, and where it is to be kept in 4 bits, it is tried on the CPU: no GPU need have room for it.
    """
    torch.manual_seed(config.seed)  # draws the head
    whole = team.size == 1 and config.quantize == "none"
    where = device if whole else Device("cpu", "CPU", torch.float32)
    with called_by_name(config):
        model = load_backbone(config.backbone, max_length=config.max_length, device=where, labels=labels)
    if out:
        rehearse(model, out)
    freeze(model.network, config, new_parameters=model.new_parameters)
    quantize(model.network, config, device)
    if team.size == 1:
        model.network.to(device.kind)
        return speed_up(replace(model, device=device), config)
    if config.gradient_checkpointing:  # which each process then turns on in its part
        require_checkpointing(model)
    return choose_attention(replace(model, device=device), config)


def tokenize(model: RewardModel, dataset: Dataset, log: MetricsLog) -> dict[str, list[list[Encoded]]]:
    """Gives the sequences of each split's prompts."""
    log.emit("phase", phase="tokenizing")
    return {
        split: encode_groups(
            model.encoder, dataset.splits[split], progress=lambda done, total: log.progress("tokenizing", done, total)
        )
        for split in SPLITS
    }


def as_read(
    dataset: Dataset, encoded: dict[str, list[list[Encoded]]], config: TrainConfig
) -> tuple[Dataset, dict[str, list[list[Encoded]]]]:
    """Leaves out comparisons of what the model reads alike. Raises DataError where too little is left."""
    inputs = {split: [[one.key for one in each] for each in encoded[split]] for split in SPLITS}
    comparisons = tell_apart(dataset, inputs, config)
    require_data(comparisons, config)
    by_id = {group.id: each for group, each in zip(dataset.splits["train"], encoded["train"], strict=True)}
    return comparisons, encoded | {"train": [by_id[group.id] for group in comparisons.splits["train"]]}


def counts_of(trainer: Trainer) -> dict[str, Any]:
    """Says what the run has, as its start event and the model's manifest do."""
    found = counts(trainer.data, trainer.encoded, trainer.config, trainer.run["data"])
    return {**found, "total_steps": trainer.total_steps}


def counts(
    dataset: Dataset, encoded: Mapping[str, list[list[Encoded]]], config: TrainConfig, fingerprint: str
) -> dict[str, Any]:
    """Says what a run reads, and how."""
    sequences = [sequence for groups in encoded.values() for group in groups for sequence in group]
    return {
        **dataset.counts(),
        "truncated": sum(sequence.prompt_cut or sequence.completion_cut for sequence in sequences),
        "truncated_completions": sum(sequence.completion_cut for sequence in sequences),
        "rewritten": sum(sequence.rewritten for sequence in sequences),
        "fingerprint": fingerprint,
        "config": config.written(),
    }
