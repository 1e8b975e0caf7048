"""The binary head on real flags: is a text hateful, by one epoch of fine-tuning, on held-out texts.

    python -m benchmarks.training.hate_flags [--set key=value ...]

hate_flags.jsonl of ../shared/data: 4,290 texts that stand alone, each with the majority word of three people or more,
one in three hateful; split by the hash of the text. The positive class, whose logit is the reward, is not hateful.
Baselines: always saying the commoner class, and always saying the base rate. Of ten held-out texts it prints the logits
that plain transformers gives; the texts are offensive, so most of each is left out.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import Group, read_groups
from rewardtrain.core.measures.report_text import flag_lines
from rewardtrain.core.quiet import quiet_libraries
from rewardtrain.core.train import train

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "hate_flags.jsonl"
SETTINGS = ["head=binary", "flag_positive=false", "epochs=1", "max_length=128"]
SHOWN = 10


def masked(text: str) -> str:
    return f"{text[:3]}*****{text[-2:]} ({len(text)} characters)"


def plain_logits(folder: Path, texts: Sequence[str]) -> torch.Tensor:
    """(n, 2) what transformers alone says of texts that stand under an empty prompt."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits: torch.Tensor = network(
            **tokenizer([""] * len(texts), list(texts), padding=True, return_tensors="pt")
        ).logits
    return logits


def print_examples(folder: Path, groups: Sequence[Group]) -> None:
    """Evenly spaced held-out texts."""
    chosen = groups[:: max(1, len(groups) // SHOWN)][:SHOWN]
    logits = plain_logits(folder, [group.completions[0] for group in chosen])
    names = json.loads((folder / "config.json").read_text())["id2label"]
    print(f"\n{'id':16} {'people':11} logits {names['0']}, {names['1']}    P({names['1']})  reward  text")
    for group, row, chances in zip(chosen, logits.tolist(), logits.softmax(dim=1).tolist(), strict=True):
        said = names[str(int(not group.rankings[0].flags[0]["hateful"]))]
        text = masked(group.completions[0])
        print(f"{group.id:16} {said:11} {row[0]:+9.3f} {row[1]:+9.3f} {chances[1]:18.3f} {row[1]:+8.3f}  {text}")


def print_result(report: dict[str, Any], events: Sequence[dict[str, Any]], seconds: float) -> None:
    start = next(event for event in events if event["event"] == "start")
    prompts = ", ".join(f"{count} {split}" for split, count in start["n_prompts"].items())
    print(f"{platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads, {report['device']}")
    print(f"texts: {prompts}; {start['dtype']}; {seconds:.0f} s from file to report, {report['peak_memory_mb']:.0f} MB")
    print("\n".join(flag_lines(report["flags"])))
    of_reward = report["flags"]["roc_auc_of_reward"]
    print(f"  ROC AUC of the reward alone {of_reward['value']:.4f} ({of_reward['low']:.4f} to {of_reward['high']:.4f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; may be repeated")
    options = parser.parse_args()
    config = TrainConfig.read(None, [*SETTINGS, *options.set])
    quiet_libraries()
    with tempfile.TemporaryDirectory() as folder:
        out, started = Path(folder), time.monotonic()
        train(DATA, out, config)
        seconds = time.monotonic() - started
        report = json.loads((out / "report.json").read_text())
        events = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        print_result(report, events, seconds)
        print_examples(out / "model", [group for group in read_groups(DATA) if group.split == "test"])


if __name__ == "__main__":
    main()
