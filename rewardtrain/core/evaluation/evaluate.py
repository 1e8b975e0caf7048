"""Scoring prompts with a model, and the report on it."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from formats.evaluation_report.report import Report
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import distinct
from rewardtrain.core.data.comparisons import count_votes, merge
from rewardtrain.core.data.encoding import Encoded, Encoder
from rewardtrain.core.data.groups import Group, of_row, told_apart
from rewardtrain.core.data.preferences import read_table
from rewardtrain.core.device import choose_device, peak_memory_mb
from rewardtrain.core.errors import DataError
from rewardtrain.core.evaluation.foreign import load_any
from rewardtrain.core.measures import metrics
from rewardtrain.core.measures.flags import collect_votes, flag_of
from rewardtrain.core.measures.report import Scores, build_report
from rewardtrain.core.measures.subsets import subset_report
from rewardtrain.core.model.gradients import predict
from rewardtrain.core.model.network import RewardModel

Progress = Callable[[int, int], None]  # done, total; may raise to stop
CHUNK = 1024  # sequences sorted by length together: enough to waste little padding


def encode_groups(
    encoder: Encoder, groups: Sequence[Group], *, progress: Progress | None = None
) -> list[list[Encoded]]:
    """Gives the token ids of every completion of every group. Raises DataError naming the row."""
    encoded = []
    for done, group in enumerate(groups):
        if progress:
            progress(done, len(groups))
        with of_row(group.id):
            encoded.append(encoder.encode(group.prompt, group.completions))
    return encoded


def score_groups(
    model: RewardModel,
    encoded: Sequence[Sequence[Encoded]],
    *,
    token_budget: int | None,
    progress: Progress | None = None,
) -> Scores:
    """Gives the logits of all completions, each forwarded once."""
    started = time.monotonic()
    flat = [sequence for completions in encoded for sequence in completions]
    firsts, places = distinct(flat)
    logits = torch.zeros(len(firsts), model.n_labels)
    for start in range(0, len(firsts), CHUNK):

        def tick(done: int = start) -> None:
            if progress:
                progress(done, len(firsts))

        chunk = [flat[index] for index in firsts[start : start + CHUNK]]
        logits[start : start + CHUNK] = predict(model, chunk, token_budget=token_budget, tick=tick)
    return Scores(
        logits=logits[places].numpy(),
        sizes=[len(completions) for completions in encoded],
        truncated=sum(sequence.prompt_cut or sequence.completion_cut for sequence in flat),
        truncated_completions=sum(sequence.completion_cut for sequence in flat),
        rewritten=sum(sequence.rewritten for sequence in flat),
        seconds=time.monotonic() - started,
        temperature=model.calibration.temperature,
        labels=model.labels,
        class_temperature=model.calibration.class_temperature,
        raw_scale=model.calibration.sd,
    )


def quick_metrics(groups: Sequence[Group], scores: Scores) -> dict[str, Any]:
    """Measures log loss and accuracy over all pairs, and over all votes on a flag if the head has one, for validation.

    None where there is no pair or no vote. The keys of votes begin with `flag_`.
    """
    votes = collect_votes(groups, scores.labels).margins(scores.logits)
    of_pairs = _quick(metrics.collect_pairs(groups).margins(scores.rewards), "pairs")
    of_votes = {f"flag_{key}": value for key, value in _quick(votes, "votes").items()}
    return of_pairs | (of_votes if len(votes) else {})


def _quick(margins: metrics.Floats, what: str) -> dict[str, Any]:
    n = len(margins)
    if not n:
        return {"log_loss": None, "accuracy": None, f"n_{what}": 0}
    loss, hits = metrics.log_loss(margins).sum(), metrics.correct(margins).sum()
    return {"log_loss": float(loss / n), "accuracy": float(hits / n), f"n_{what}": n}


def watched_loss(measured: dict[str, Any], flag_weight: float) -> float | None:
    """Says what decides which step is the best: log loss of pairs plus flag_weight times that of votes, or what there
    is."""
    parts = [(measured["log_loss"], 1.0), (measured.get("flag_log_loss"), flag_weight)]
    losses = [loss * weight for loss, weight in parts if loss is not None]
    return sum(losses) if losses else None


def evaluate_file(
    name: str, data: Path, *, split: str = "test", champion: str | None = None, progress: Progress | None = None
) -> Report:
    """Makes the report of a model, ours or any sequence classifier, on a file's split or with split='all' on all of it.

    The file may hold rankings or preferences; where it names subsets, so does the report. Raises DataError where
    neither a pair nor a vote on the model's flag is left to measure, ConfigError or BackboneError where a model can't
    be loaded.
    """
    config, device, table = TrainConfig(), choose_device(), read_table(data, split=split)

    def score(model: RewardModel, encoded: list[list[Encoded]]) -> Scores:
        return score_groups(model, encoded, token_budget=config.token_budget, progress=progress)

    def encode(model: RewardModel) -> list[list[Encoded]]:
        return encode_groups(model.encoder, groups, progress=progress)

    model, where = load_any(name, device), f"{str(data)!r}, split {split!r}"
    groups = _measurable(table.groups, model.labels, where=where)
    encoded = encode(model)
    scores = score(model, encoded)
    groups = [told_apart(group, [one.key for one in each]) for group, each in zip(groups, encoded, strict=True)]
    _measurable(groups, model.labels, where=where)
    rival = None
    if champion:
        model = load_any(champion, device)  # the first one's memory is free for it
        rival = score(model, encode(model))
    drawn = {"samples": config.bootstrap_samples, "seed": config.seed}
    peak, label = peak_memory_mb(device), device.label
    report = build_report(groups, scores, split=split, champion=rival, device=label, peak_memory_mb=peak, **drawn)
    report["left_out"] = table.left_out
    if table.subsets:
        pairs = metrics.collect_pairs(groups)
        hits = metrics.correct(pairs.margins(scores.rewards))
        left = [name for group, name in zip(groups, table.subsets, strict=True) if any(metrics.compared(group))]
        report["subsets"] = subset_report(pairs, left, hits, **drawn)
    return report


def _measurable(rows: Sequence[Group], labels: Sequence[str], *, where: str) -> list[Group]:
    """Keeps those with ranked completions to compare or with votes on the flag of these labels."""
    flag = flag_of(labels)
    flagged = [group for group in rows if flag and count_votes(group.rankings, *flag)]
    ranked = [group for group in rows if len(group.completions) > 1 and group.rankings]
    if not flagged and not sum(merge(group).n_strict for group in ranked):
        alike = sum(merge(group).n_alike for group in ranked)
        seen = f"{len(rows)} prompts, {len(ranked)} of them ranked, no pair that isn't a tie"
        seen += f", {alike} of texts that the model reads alike" if alike else ""
        seen += f", no word on {flag[0]!r}" if flag else ""
        raise DataError(f"nothing to evaluate in {where}: {seen}; rank more, or use --split all")
    chosen = {group.id for group in (*flagged, *ranked)}
    return [group for group in rows if group.id in chosen]
