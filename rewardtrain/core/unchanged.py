"""A run of depth 'none': a reward model that others trained, as it is, on the pairs that every version is measured on.

Nothing learns but the calibration, one temperature and a shift, which change no order of completions; the ensemble and
the attributes' heads are fitted beside the reward. The folder that comes out is one as any run makes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rewardtrain.core.artifact.rehearsal import rehearse
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import build_dataset, require_data
from rewardtrain.core.data.groups import fingerprint, read_groups
from rewardtrain.core.device import Device, choose_device
from rewardtrain.core.evaluation.evaluate import score_groups
from rewardtrain.core.evaluation.foreign import load_unchanged
from rewardtrain.core.finish import finish
from rewardtrain.core.full.prepare import as_read, counts, tokenize
from rewardtrain.core.head.attributes import Rated, further_heads, read_rated
from rewardtrain.core.head.ensemble import read_reference
from rewardtrain.core.measures.flags import labels_of
from rewardtrain.core.measures.report import Scores
from rewardtrain.core.model.loading import called_by_name
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.memory_plan import require_memory, sizes_of
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.progress import METRICS, MetricsLog


def measure(
    data: Path,
    out: Path,
    config: TrainConfig,
    champion: Path | None,
    measured: str,
    *,
    should_stop: Callable[[], bool],
) -> None:
    """Does what train.train does at this depth. A run that was stopped begins again."""
    with MetricsLog(out / METRICS, keep_bytes=0, should_stop=should_stop) as log:
        _run(data, out, config, champion, measured, log)
        log.emit("done")


def _run(data: Path, out: Path, config: TrainConfig, champion: Path | None, measured: str, log: MetricsLog) -> None:
    log.emit("phase", phase="loading")
    dataset = build_dataset(read_groups(data), config)
    require_data(dataset, config)
    device = choose_device(config.threads, dtype="float32")  # figures that are kept are scored in it
    memory = _memory(config, device)
    log.emit("memory", **memory)
    model = _load(config, device, labels_of(config, dataset.flag), out)
    dataset, encoded = as_read(dataset, tokenize(model, dataset, log), config)
    found = {**counts(dataset, encoded, config, fingerprint(data)), "total_steps": 0}
    tokens = Budgets.on(device, config.token_budget, config.graph_budget).tokens
    log.emit("start", **found, **device.describe(), processes=1, token_budget=tokens, **memory)
    log.emit("phase", phase="evaluating")

    def tick() -> None:
        log.progress("evaluating", 0, 1)

    def score(split: str) -> Scores:
        return score_groups(
            model,
            encoded[split],
            token_budget=tokens,
            progress=lambda done, total: log.progress("evaluating", done, total),
        )

    def read(split: str) -> Rated:
        return read_rated(model, dataset.splits[split], encoded[split], token_budget=tokens, tick=tick)

    reference = read_reference(model, dataset, encoded["train"], token_budget=tokens, tick=tick)
    finish(
        model,
        dataset,
        lambda split: reference.scores() if split == "train" else score(split),
        config,
        out,
        log=log,
        counts={**found, "file": data.name},
        champion=champion,
        heads=reference.heads(config),
        attributes=further_heads(read("train"), read("validation"), read(measured), config),
        measured=measured,
    )


def _memory(config: TrainConfig, device: Device) -> dict[str, Any]:
    with called_by_name(config):
        frozen = TrainConfig(train_layers=0)  # its weights are all that is held
        return require_memory(sizes_of(config.backbone), frozen, device, 1)


def _load(config: TrainConfig, device: Device, labels: tuple[str, ...], out: Path) -> RewardModel:
    with called_by_name(config):
        model = load_unchanged(config.backbone, device, max_length=config.max_length, labels=labels)
        rehearse(model, out)
    return model
