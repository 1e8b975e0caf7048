"""What follows the last step: the evaluation on the test split, the model folder and the report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rewardtrain.core.artifact import load_model, save_model, write_json
from rewardtrain.core.comparisons import Dataset
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import peak_memory_mb
from rewardtrain.core.evaluate import encode_groups, score_groups
from rewardtrain.core.model import RewardModel
from rewardtrain.core.progress import MetricsLog
from rewardtrain.core.report import Scores, build_report

MODEL, REPORT = "model", "report.json"


def finish(
    model: RewardModel,
    dataset: Dataset,
    score: Callable[[str], Scores],
    config: TrainConfig,
    out: Path,
    *,
    log: MetricsLog,
    counts: dict[str, Any],
    champion: Path | None,
) -> None:
    """Evaluate, then write out/model and out/report.json; the report last, for it says that all is there.

    score: gives the model's logits of a split, from the network or from features kept of it.
    """
    log.emit("phase", phase="evaluating")
    groups = dataset.splits["test"]

    def progress(done: int, total: int) -> None:
        log.progress("evaluating", done, total)

    scores = score("test")
    rival = None
    if champion:
        other = load_model(champion, model.device)
        theirs = encode_groups(other.encoder, groups, progress=progress)
        rival = score_groups(other, theirs, token_budget=config.token_budget, progress=progress)
    report = build_report(
        groups,
        scores,
        champion=rival,
        device=model.device.label,
        peak_memory_mb=peak_memory_mb(model.device),
        samples=config.bootstrap_samples,
        seed=config.seed,
    )
    log.emit("phase", phase="saving")
    data = {key: counts[key] for key in ("fingerprint", "n_prompts", "n_completions", "n_comparisons", "n_ties")}
    data["kept"] = counts.get("kept")  # which step, where there were steps
    save_model(model, out / MODEL, config=config, data=data, report=report)
    write_json(out / REPORT, report)
