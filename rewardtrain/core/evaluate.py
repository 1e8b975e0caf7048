"""Scoring prompts with a model, and the report on it."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from rewardtrain.core import metrics
from rewardtrain.core.artifact import load_model, require_model
from rewardtrain.core.comparisons import merge
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data import Group, read_groups
from rewardtrain.core.device import choose_device, peak_memory_mb
from rewardtrain.core.encoding import Encoded, Encoder
from rewardtrain.core.errors import DataError
from rewardtrain.core.gradients import predict
from rewardtrain.core.model import RewardModel
from rewardtrain.core.report import Scores, build_report

Progress = Callable[[int, int], None]  # done, total; may raise to stop
CHUNK = 1024  # sequences sorted by length together: enough to waste little padding


def encode_groups(
    encoder: Encoder, groups: Sequence[Group], *, progress: Progress | None = None
) -> list[list[Encoded]]:
    """Token ids of every completion of every group."""
    encoded = []
    for done, group in enumerate(groups):
        if progress:
            progress(done, len(groups))
        encoded.append(encoder.encode(group.prompt, group.completions))
    return encoded


def score_groups(
    model: RewardModel,
    encoded: Sequence[Sequence[Encoded]],
    *,
    token_budget: int | None,
    progress: Progress | None = None,
) -> Scores:
    """Logits of all completions, each forwarded once."""
    started = time.monotonic()
    flat = [sequence for completions in encoded for sequence in completions]
    logits = torch.zeros(len(flat), model.n_labels)
    for start in range(0, len(flat), CHUNK):

        def tick(done: int = start) -> None:
            if progress:
                progress(done, len(flat))

        chunk = flat[start : start + CHUNK]
        logits[start : start + CHUNK] = predict(model, chunk, token_budget=token_budget, tick=tick)
    return Scores(
        logits=logits.numpy(),
        sizes=[len(completions) for completions in encoded],
        truncated=sum(sequence.prompt_cut or sequence.completion_cut for sequence in flat),
        truncated_completions=sum(sequence.completion_cut for sequence in flat),
        seconds=time.monotonic() - started,
        temperature=model.calibration.temperature,
        raw_scale=model.calibration.sd,
    )


def quick_metrics(groups: Sequence[Group], scores: Scores) -> dict[str, Any]:
    """Log loss and accuracy over all pairs, for validation during training."""
    pairs = metrics.collect_pairs(groups)
    margins = pairs.margins(scores.rewards)
    n = len(margins)
    if not n:
        return {"log_loss": None, "accuracy": None, "n_pairs": 0}
    loss, hits = metrics.log_loss(margins).sum(), metrics.correct(margins).sum()
    return {"log_loss": float(loss / n), "accuracy": float(hits / n), "n_pairs": n}


def evaluate_file(
    folder: Path, data: Path, *, split: str = "test", champion: Path | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """The report of a finished model on a data file: on its test split, or with split='all' on every row.

    Raises DataError where no pair is left to measure, ConfigError or BackboneError where a model can't be loaded.
    """
    folders = [folder, *([champion] if champion else [])]
    for each in folders:
        require_model(each)
    config = TrainConfig()
    rows = [group for group in read_groups(data) if split == "all" or group.split == split]
    groups = [group for group in rows if len(group.completions) > 1 and group.rankings]
    if not sum(merge(group).n_strict for group in groups):
        seen = f"{len(rows)} prompts, {len(groups)} of them ranked, no pair that isn't a tie"
        raise DataError(f"nothing to evaluate in {str(data)!r}, split {split!r}: {seen}; rank more, or use --split all")
    device = choose_device()
    scores = []
    for each in folders:
        model = load_model(each, device)
        encoded = encode_groups(model.encoder, groups, progress=progress)
        scores.append(score_groups(model, encoded, token_budget=config.token_budget, progress=progress))
    rival = scores[1] if champion else None
    return build_report(
        groups,
        scores[0],
        champion=rival,
        device=device.label,
        peak_memory_mb=peak_memory_mb(device),
        samples=config.bootstrap_samples,
        seed=config.seed,
    )
