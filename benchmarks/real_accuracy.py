"""What each way of training is worth on real preferences, on held-out prompts: accuracy, log loss and calibration.

    python -m benchmarks.real_accuracy run --trainer full|head|trl --size 500|1500|all --seed 0 RESULTS.jsonl
    python -m benchmarks.real_accuracy table RESULTS.jsonl
    python -m benchmarks.real_accuracy all RESULTS.jsonl       what is not in RESULTS yet, one after the other: hours

hh_online and hh_rejection_sampled of ../shared/data, split by the hash of the dialogue: a fifth to test, a tenth to
validate, the rest to train on. A size is a random sample of the training prompts, drawn anew for each seed. TRL's
RewardTrainer has its defaults (AdamW at 1e-4, linear, batches of 8 pairs, bf16) but for gradient checkpointing, which
changes seconds and not results; it is given the token ids that ours gets, for it refuses a BERT tokenizer with text
columns and would drop every pair over its length. `--epochs 3` is what TRL does by default. What was measured so far is
in results/real_accuracy.jsonl; a head on all pairs draws nothing at random, so its seeds agree.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rewardtrain.core.data.groups import Group, parse_row, prompt_digest
from rewardtrain.core.measures import curves, metrics

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = ("hh_online", "hh_rejection_sampled")
MAX_LENGTH = 256
LENGTH = "length only"


def rows() -> list[dict[str, Any]]:
    """Every ranked row with its split for this comparison."""
    found = []
    for name in FILES:
        for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            part = int.from_bytes(prompt_digest(parse_row(name, row).prompt)[:8], "big") / 2**64
            split = "test" if part < 0.2 else "validation" if part < 0.3 else "train"
            found.append({**row, "id": f"{name}:{row['id']}", "split": split})
    return found


def sample(found: list[dict[str, Any]], size: str, seed: int) -> list[dict[str, Any]]:
    train = [row for row in found if row["split"] == "train"]
    if size != "all":
        train = random.Random(seed).sample(train, int(size))
    return train + [row for row in found if row["split"] != "train"]


# --- The trainers: each returns the margins of the test pairs, raw and calibrated where it calibrates -----------------


def with_trl(found: list[dict[str, Any]], seed: int, epochs: float) -> tuple[list[Group], list[list[float]], int]:
    """TRL's trainer on our token ids. Returns the test groups, their rewards and the number of training pairs."""
    import torch
    from datasets import Dataset
    from transformers import set_seed
    from trl import RewardConfig, RewardTrainer

    from rewardtrain.core.device import choose_device
    from rewardtrain.core.model.gradients import predict
    from rewardtrain.core.model.loading import load_backbone

    torch.set_num_threads(1)
    set_seed(seed)
    model = load_backbone("minilm", max_length=MAX_LENGTH, device=choose_device(1))
    groups = [parse_row(row["id"], row) for row in found]
    encode = model.encoder.encode

    def pairs(split: str) -> Dataset:
        table = []
        for group in groups:
            if group.split == split:
                ids = [one.ids.tolist() for one in encode(group.prompt, group.completions)]
                for ranking in group.rankings:
                    best = int(np.argmin(ranking.ranks))
                    if ranking.ranks[0] != ranking.ranks[1]:
                        table.append({"chosen_ids": ids[best], "rejected_ids": ids[1 - best]})
        return Dataset.from_list(table)

    train = pairs("train")
    with tempfile.TemporaryDirectory() as folder:
        settings = RewardConfig(
            output_dir=folder,
            num_train_epochs=epochs,
            seed=seed,
            max_length=None,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=model.device.kind == "cpu",
        )
        RewardTrainer(
            model=model.network, args=settings, train_dataset=train, processing_class=model.encoder.tokenizer
        ).train()
    test = [group for group in groups if group.split == "test"]
    # It was trained without segments, so it is used without them.
    flat = [
        replace(one, types=np.zeros_like(one.types))
        for group in test
        for one in encode(group.prompt, group.completions)
    ]
    model.network.eval().float()
    values = iter(predict(model, flat, token_budget=4096)[:, -1].tolist())
    return test, [[next(values) for _ in group.completions] for group in test], len(train)


def with_ours(found: list[dict[str, Any]], depth: str, seed: int, options: Sequence[str]) -> dict[str, Any]:
    """The report of `python -m rewardtrain.core train` on the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data.jsonl", Path(folder) / "out"
        data.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
        settings = [f"depth={depth}", f"seed={seed}", f"max_length={MAX_LENGTH}", "threads=1", *options]
        command = [sys.executable, "-m", "rewardtrain.core", "train", str(data), str(out)]
        command += ["--cache", str(Path(tempfile.gettempdir()) / "real-accuracy-cache")]
        subprocess.run([*command, *(part for value in settings for part in ("--set", value))], check=True)
        report: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
        report["settings"] = settings
    return report


def figures(groups: Sequence[Group], rewards: Sequence[Sequence[float]]) -> dict[str, Any]:
    pairs = metrics.collect_pairs(groups)
    margins = pairs.margins(rewards)
    return {
        "n": len(margins),
        "accuracy": float(metrics.correct(margins).mean()),
        "log_loss": float(metrics.log_loss(margins).mean()),
        "ece": curves.calibration(pairs, margins, samples=200, seed=0)["value"],
        "longer": float(metrics.correct(pairs.longer_by).mean()),
    }


def with_length(found: list[dict[str, Any]]) -> dict[str, Any]:
    """A reward that is a multiple of the log of the length, fitted by least log loss on a grid."""
    groups = [parse_row(row["id"], row) for row in found]

    def scored(split: str, slope: float) -> tuple[list[Group], list[list[float]]]:
        chosen = [group for group in groups if group.split == split]
        return chosen, [[slope * float(np.log(len(text))) for text in group.completions] for group in chosen]

    slope = min(np.linspace(-2, 2, 81), key=lambda value: figures(*scored("train", value))["log_loss"])
    return {**figures(*scored("test", slope)), "pairs": sum(group.split == "train" for group in groups)}


def run(options: argparse.Namespace, rest: Sequence[str]) -> dict[str, Any]:
    found = sample(rows(), options.size, options.seed)
    started = time.monotonic()
    if options.trainer == "trl":
        test, rewards, n = with_trl(found, options.seed, options.epochs)
        result = {**figures(test, rewards), "pairs": n}
    elif options.trainer == "length":
        result = with_length(found)
    else:
        report = with_ours(found, options.trainer, options.seed, [*rest, f"epochs={int(options.epochs)}"])
        result = {
            "n": report["n_pairs"],
            "accuracy": report["accuracy"]["value"],
            "low": report["accuracy"]["low"],
            "high": report["accuracy"]["high"],
            "log_loss": report["log_loss"]["value"],
            "log_loss_raw": report["log_loss_raw"]["value"],
            "ece": report["ece"]["value"],
            "ece_raw": report["ece_raw"]["value"],
            "longer": report["baseline_longer"]["accuracy"],
            "pairs": sum(row["split"] == "train" for row in found),
            "settings": report["settings"],
        }
    return {
        "trainer": name_of(options.trainer, options.epochs),
        "size": options.size,
        "seed": options.seed,
        **result,
        "seconds": time.monotonic() - started,
    }


JOBS = [("length", "all", 0, 1.0)] + [
    (trainer, size, seed, epochs)
    for seed in range(3)
    for size in ("500", "1500", "all")
    for trainer, epochs in (("head", 1.0), ("full", 1.0), ("trl", 1.0), ("trl", 3.0))
]


def run_all(path: Path) -> None:
    """Every job that has no line in the results yet, each in a process of its own, so that none warms another up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = {(result["trainer"], result["size"], result["seed"]) for result in map(json.loads, lines)}
    for trainer, size, seed, epochs in JOBS:
        if (name_of(trainer, epochs), size, seed) not in done:
            command = [sys.executable, "-m", "benchmarks.real_accuracy", "run", "--trainer", trainer, "--size", size]
            subprocess.run([*command, "--seed", str(seed), "--epochs", str(epochs), str(path)], check=True)


def name_of(trainer: str, epochs: float) -> str:
    names = {"trl": f"TRL, {epochs:g} epoch(s)", "length": LENGTH}
    return names.get(trainer, f"ours, {trainer}")


# --- The table --------------------------------------------------------------------------------------------------------


def table(path: Path) -> None:
    by_kind: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        result = json.loads(line)
        by_kind[result["size"], result["trainer"]].append(result)
    print("| pairs | trainer | seeds | accuracy (95 %) | log loss (ln 2 = 0.6931) | raw | ECE | raw |")
    print("|---|---|---|---|---|---|---|---|")
    for (size, name), results in sorted(by_kind.items(), key=lambda item: (item[0][0].zfill(9), item[0][1])):
        accuracy = np.mean([result["accuracy"] for result in results])
        # Over test pairs, as if they were independent: prompts have one pair each here.
        half = 1.96 * np.sqrt(accuracy * (1 - accuracy) / results[0]["n"])
        spread = [f"{np.mean([result.get(key, np.nan) for result in results]):.4f}" for key in _COLUMNS]
        ends = f"{accuracy - half:.3f} to {accuracy + half:.3f}"
        print(f"| {size} | {name} | {len(results)} | {accuracy:.3f} ({ends}) | {' | '.join(spread)} |")
    print(f"longer wins on {results[0]['longer']:.3f} of the {results[0]['n']} test pairs")


_COLUMNS = ("log_loss", "log_loss_raw", "ece", "ece_raw")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run")
    one.add_argument("--trainer", choices=("full", "head", "trl", "length"), required=True)
    one.add_argument("--size", default="all", help="training pairs, or all")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--epochs", type=float, default=1)
    one.add_argument("results", type=Path)
    shown = commands.add_parser("table")
    shown.add_argument("results", type=Path)
    every = commands.add_parser("all")
    every.add_argument("results", type=Path)
    options, rest = parser.parse_known_args()
    if options.command == "all":
        run_all(options.results)
    if options.command != "run":
        table(options.results)
        return
    result = run(options, rest)
    with options.results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
