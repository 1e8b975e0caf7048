"""A training run, from a data file to a finished model folder and its report."""

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch

from formats.prompts import SPLITS
from rewardtrain.core.artifact.folder import is_finished, require_model, require_same
from rewardtrain.core.artifact.rehearsal import REHEARSAL, rehearse
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Dataset, build_dataset, require_data, tell_apart
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import fingerprint, read_groups
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import ConfigError, from_exception
from rewardtrain.core.evaluation.evaluate import encode_groups
from rewardtrain.core.finish import MODEL, REPORT, finish
from rewardtrain.core.full.checkpoint import Checkpoint, last_checkpoint
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import make_optimizer
from rewardtrain.core.full.process_group import launch
from rewardtrain.core.full.stopping import EarlyStopping
from rewardtrain.core.full.team import Team
from rewardtrain.core.full.trainer import Trainer
from rewardtrain.core.head.run import train_head
from rewardtrain.core.measures.flags import labels_of
from rewardtrain.core.model.adapters import freeze, merge_adapters
from rewardtrain.core.model.loading import called_by_name, layer_shapes, load_backbone
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.speed import speed_up
from rewardtrain.core.progress import METRICS, MetricsLog

CHECKPOINTS = "checkpoints"


def train(
    data: Path,
    out: Path,
    config: TrainConfig,
    *,
    cache: Path | None = None,
    champion: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    measured: str = "test",
    formerly: Collection[str] = (),
) -> None:
    """Train, evaluate on the test split and write out/model, out/report.json and out/metrics.jsonl.

    Called again with the same arguments it goes on from the last checkpoint, on a CPU to the same bits; on a finished
    folder it does nothing, or raises where that was made of other data or settings. should_stop is asked between
    micro-batches. cache is for what later runs can use again. measured is the split of the evaluation: see finish.
    formerly: fingerprints that the data had before names of labelers in it were replaced, so that a run goes on.
    Raises a CoreError.
    """
    if is_finished(out / MODEL) and (out / REPORT).is_file():
        require_same(out / MODEL, config, fingerprint(data), formerly)
        return
    if champion:
        require_model(champion)
    _make_folder(out)
    arguments = data, out, config, champion, measured
    if config.depth == "head":
        train_head(*arguments, cache=cache, should_stop=should_stop)
    elif config.processes > 1:
        launch(_train, (*arguments, formerly), size=config.processes, should_stop=should_stop)
    else:
        _train(Team(), *arguments, formerly, should_stop=should_stop)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)  # three times the model's size, and of no more use


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        advice = "give one that can be written"
        seen = f"output folder {str(out)[:200]!r} can't be made: {error.strerror}"
        raise from_exception(error) or ConfigError(f"{seen}; {advice}") from error
    for leftover in out.glob(f"{REHEARSAL}*"):  # of a run that was killed in it
        shutil.rmtree(leftover, ignore_errors=True)


def _train(
    team: Team,
    data: Path,
    out: Path,
    config: TrainConfig,
    champion: Path | None,
    measured: str,
    formerly: Collection[str],
    *,
    should_stop: Callable[[], bool],
) -> None:
    """Does the run of one process; the first goes on alone after the last step."""
    run = config.identity(fingerprint(data))
    checkpoint = last_checkpoint(out / CHECKPOINTS, config, run["data"], formerly)
    keep_bytes = checkpoint.metrics_bytes if checkpoint else 0
    path = out / METRICS if team.is_first else None
    with MetricsLog(path, keep_bytes=keep_bytes, should_stop=should_stop) as log:
        trainer = _prepare(data, out, config, run, log, checkpoint, team)
        log.emit("phase", phase="training")
        trainer.run_steps()
        team.leave()
        if not team.is_first:
            return
        trainer.team = Team()
        if config.lora_rank:
            merge_adapters(trainer.model.network)
        _finish(trainer, data, config, out, log, champion, measured)
        log.emit("done")


def _finish(
    trainer: Trainer,
    data: Path,
    config: TrainConfig,
    out: Path,
    log: MetricsLog,
    champion: Path | None,
    measured: str,
) -> None:
    """Calibrate by and fit the ensemble to a part of the training split, which is forwarded once for both."""
    reference = trainer.read_reference()
    finish(
        trainer.model,
        trainer.data,
        lambda split: reference.scores() if split == "train" else trainer.score(split),
        config,
        out,
        log=log,
        counts={**_counts(trainer), "kept": trainer.kept, "file": data.name},
        champion=champion,
        heads=reference.heads(config),
        attributes=trainer.read_further(measured),
        measured=measured,
    )


def _prepare(
    data: Path,
    out: Path,
    config: TrainConfig,
    run: dict[str, Any],
    log: MetricsLog,
    checkpoint: Checkpoint | None,
    team: Team,
) -> Trainer:
    log.emit("phase", phase="loading")
    dataset = build_dataset(read_groups(data), config)
    require_data(dataset, config)
    dtype = checkpoint.dtype if checkpoint else config.dtype  # auto may fall out otherwise on a busy machine
    with called_by_name(config):
        device = team.from_first(choose_device(config.threads, dtype=dtype, layers=layer_shapes(config.backbone)))
        torch.manual_seed(config.seed)  # draws the head
        model = load_backbone(
            config.backbone, max_length=config.max_length, device=device, labels=labels_of(config, dataset.flag)
        )
    if team.is_first and not checkpoint:
        rehearse(model, out)
    freeze(model.network, config, new_parameters=model.new_parameters)
    speed_up(model, config)
    log.emit("phase", phase="tokenizing")
    encoded = {
        split: encode_groups(
            model.encoder, dataset.splits[split], progress=lambda done, total: log.progress("tokenizing", done, total)
        )
        for split in SPLITS
    }
    dataset, encoded = _as_read(dataset, encoded, config)
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
        team=team,
    )
    log.emit("start", **_counts(trainer), **device.describe(), token_budget=trainer.budgets.tokens)
    if checkpoint:
        trainer.restore(checkpoint)
    return trainer


def _as_read(
    dataset: Dataset, encoded: dict[str, list[list[Encoded]]], config: TrainConfig
) -> tuple[Dataset, dict[str, list[list[Encoded]]]]:
    """Leaves out comparisons of what the model reads alike. Raises DataError where too little is left."""
    inputs = {split: [[one.key for one in each] for each in encoded[split]] for split in SPLITS}
    comparisons = tell_apart(dataset, inputs, config)
    require_data(comparisons, config)
    by_id = {group.id: each for group, each in zip(dataset.splits["train"], encoded["train"], strict=True)}
    return comparisons, encoded | {"train": [by_id[group.id] for group in comparisons.splits["train"]]}


def _counts(trainer: Trainer) -> dict[str, Any]:
    sequences = [sequence for groups in trainer.encoded.values() for group in groups for sequence in group]
    return {
        **trainer.data.counts(),
        "truncated": sum(sequence.prompt_cut or sequence.completion_cut for sequence in sequences),
        "truncated_completions": sum(sequence.completion_cut for sequence in sequences),
        "rewritten": sum(sequence.rewritten for sequence in sequences),
        "total_steps": trainer.total_steps,
        "fingerprint": trainer.run["data"],
        "config": trainer.config.written(),
    }
