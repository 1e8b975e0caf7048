"""Whether what labelers say beyond an order makes a model worse: strength as margin and weight, rewrites, attributes.

    python -m benchmarks.training.said_more [--cache FOLDER] [--set key=value ...]

Heads on real preferences of ../shared/data: hh_online and hh_rejection_sampled, and Open Assistant in English and
Chinese; three tenths to test, a tenth to validate, by the hash of the dialogue. Nobody said a strength or rated an
attribute there, so both are drawn at random: the worst that can come in, for it says nothing. What was rewritten is
real: of each training prompt with three completions or more the best one is taken out and comes back as what its
labeler made of the second. Each line is beside the same data without it, on the same test pairs: the difference has a
paired bootstrap's 95 % interval. A model with attributes has to have the weights of one without, to the last bit.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from rewardtrain.core.artifact.shards import HEAD
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import parse_row, prompt_digest
from rewardtrain.core.quiet import quiet_libraries
from rewardtrain.core.train import train

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SOURCES = {"hh": ("hh_online", "hh_rejection_sampled"), "oasst": ("oasst_en", "oasst_zh")}
SETTINGS = ["depth=head", "max_length=256"]
Row = dict[str, Any]
Rows = list[Row]


def rows_of(names: Sequence[str]) -> Rows:
    """Reads every ranked row, with its split for this comparison."""
    found = []
    for name in names:
        for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            part = int.from_bytes(prompt_digest(parse_row(name, row).prompt)[:8], "big") / 2**64
            split = "test" if part < 0.3 else "validation" if part < 0.4 else "train"
            found.append({**row, "id": f"{name}:{row['id']}", "split": split})
    return found


def with_strengths(rows: Rows) -> Rows:
    """Says of each ranking of two how much better one is, at random."""
    drawn, rows = random.Random(0), deepcopy(rows)
    for row in rows:
        for ranking in row["rankings"]:
            if len(ranking["ranks"]) == 2 and len(set(ranking["ranks"])) == 2:
                ranking["strength"] = drawn.choice((1, 2, 3))
    return rows


def with_attributes(rows: Rows) -> Rows:
    """Rates each completion by two attributes, at random."""
    drawn, rows = random.Random(1), deepcopy(rows)
    for row in rows:
        for ranking in row["rankings"]:
            names = ("correct", "helpful")
            ranking["attributes"] = [{name: drawn.randint(1, 5) for name in names} for _ in ranking["ranks"]]
    return rows


def without_the_best(rows: Rows, *, rewritten: bool) -> Rows:
    """Takes the best of three or more out of each training prompt that has one best; with `rewritten` it comes back as
    what the labeler made of the second."""
    changed = []
    for row in deepcopy(rows):
        [ranking, *others] = row["rankings"]
        best = [place for place, rank in enumerate(ranking["ranks"]) if rank == min(ranking["ranks"])]
        if row["split"] == "train" and not others and len(best) == 1 and len(ranking["ranks"]) > 2:
            text = row["completions"].pop(best[0])["text"]
            ranking["ranks"].pop(best[0])
            ranking.pop("flags", None)
            second = row["completions"][ranking["ranks"].index(min(ranking["ranks"]))]
            if rewritten:
                ranking["rewrite"] = {"of": second["id"], "text": text}
        changed.append(row)
    return changed


def run(
    folder: Path, cache: Path, name: str, rows: Rows, settings: Sequence[str], beside: Path | None
) -> dict[str, Any]:
    """Trains in folder/name and gives the report, in which the model `beside` is the champion."""
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = TrainConfig.read(None, [*SETTINGS, *settings])
    train(data, folder / name, config, champion=beside, cache=cache)
    return dict(json.loads((folder / name / "report.json").read_text()))


def show(name: str, report: dict[str, Any]) -> None:
    accuracy, loss = report["accuracy"], report["log_loss"]
    line = f"  {name:<34}{accuracy['value']:>9.1%}{loss['value']:>9.4f}"
    if rival := report["champion"]:
        difference = rival["difference"]
        for measure, form in (("accuracy", "{:+.1%}"), ("log_loss", "{:+.4f}")):
            value, low, high = (form.format(difference[measure][key]) for key in ("value", "low", "high"))
            line += f"{value:>9} ({low} to {high})"
        worse = difference["log_loss"]["low"] > 0 or difference["accuracy"]["high"] < 0
        line += "  WORSE" if worse else ""
    print(line, flush=True)


def compare(source: str, settings: Sequence[str], cache: Path) -> None:
    rows = rows_of(SOURCES[source])
    print(f"{source}: {len(rows):,} prompts")
    lines: list[tuple[str, Callable[[], Rows], list[str]]] = []
    if source == "hh":
        lines = [
            ("strength at random, as margin", lambda: with_strengths(rows), ["margin=strength"]),
            ("strength at random, as weight", lambda: with_strengths(rows), ["weight=strength"]),
        ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = run(folder, cache, "plain", rows, settings, None)
        print(f"  {plain['n_pairs']:,} test pairs of {plain['n_pair_prompts']:,} prompts")
        show("plain", plain)
        for number, (words, make, more) in enumerate(lines):
            show(words, run(folder, cache, f"run-{number}", make(), [*settings, *more], folder / "plain" / "model"))
        run(folder, cache, "rated", with_attributes(rows), settings, None)
        one, other = ((folder / name / "model" / HEAD).read_bytes() for name in ("plain", "rated"))
        print(f"  attributes at random: the reward's weights are {'equal' if one == other else 'OTHERS'}")
        if source == "oasst":
            base = run(folder, cache, "base", without_the_best(rows, rewritten=False), settings, None)
            show("without the best of three or more", base)
            edited = without_the_best(rows, rewritten=True)
            show("the best as a rewrite", run(folder, cache, "edited", edited, settings, folder / "base" / "model"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--cache", type=Path, help="where features are kept, for the next time")
    options = parser.parse_args()
    quiet_libraries()
    with tempfile.TemporaryDirectory() as name:
        for source in SOURCES:
            compare(source, options.set, options.cache or Path(name))


if __name__ == "__main__":
    main()
