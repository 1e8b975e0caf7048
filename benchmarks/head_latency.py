"""Seconds from the last label of a batch until the new head is champion, and until it answers, by parts.

    python -m benchmarks.head_latency [--completions 1000 50000] [--batches 3] [--batch 50]

Starts the product's own processes, fills a project with synthetic prompts of four completions, and ranks batches by
the API. The features of all completions are put into the cache beforehand, by the store's own interface: random vectors
that lean towards the better completion, so that 50,000 completions need no half hour of encoding. What a head would
have to encode first is therefore not in these figures; the product encodes ahead, after an import. Before each batch
the champion is set back to a head of the first 100 prompts, so that each new head has something to beat.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import numpy as np

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import Group, parse_row
from rewardtrain.core.device import choose_device
from rewardtrain.core.head.features import Features, Made, Missing
from rewardtrain.core.head.frozen import Frozen
from rewardtrain.core.model.network import output_layer
from rewardtrain.core.score import Scorer
from tests.acceptance.podium import Client, Podium, wait_for

K, FIRST = 4, 100  # completions of a prompt; prompts that the head to beat has seen
QUESTION = {"prompt": "What is better?", "completions": ["this", "that"]}
PATIENCE_SECONDS = 120
PARTS = ("ask and freeze", "queue", "read", "fit", "evaluate, write", "register", "champion", "answers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--completions", type=int, nargs="+", default=[1000, 50_000])
    parser.add_argument("--batches", type=int, default=3)
    parser.add_argument("--batch", type=int, default=50, help="rankings of a batch")
    options = parser.parse_args()
    print(__doc__.split("\n\n")[2], "\n")
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"medians of {options.batches} batches of {options.batch} rankings of {K} completions\n")
    print(f"{'completions':>12}", *(f"{part:>16}" for part in PARTS))
    with tempfile.TemporaryDirectory() as folder, Podium(Path(folder) / "data") as podium:
        manager = podium.client(podium.token("manager"))
        podium.set_policy("sample", head_enabled=False, enabled=False)
        for size in options.completions:
            bench = Bench(podium, manager, size // K, options.batches, options.batch)
            rows = bench.run()
            medians = [statistics.median(row[part] for row in rows) for part in PARTS]
            print(f"{size:>12,}", *(f"{seconds:>14.2f} s" for seconds in medians), flush=True)


class Bench:
    """A project of one size."""

    def __init__(self, podium: Podium, manager: Client, n_prompts: int, batches: int, batch: int) -> None:
        self.podium, self.manager, self.batches, self.batch = podium, manager, batches, batch
        self.slug = f"size-{n_prompts}"
        manager.post("/projects/", {"slug": self.slug, "name": self.slug, "guidelines": "Higher is better."})
        self.database = podium.database()
        (self.id,) = self.one("SELECT id FROM labeling_project WHERE slug = %s", self.slug)
        admin = podium.client(podium.token("admin"))
        admin.post(f"/projects/{self.slug}/members/", {"username": "labeler1", "role": "labeler"})
        self.labeler = podium.client(podium.token("labeler1"))
        podium.set_policy(self.slug, head_enabled=False, enabled=False)
        rows = list(prompts(n_prompts + batches * batch))
        ranked, self.fresh = rows[:n_prompts], [unranked(row) for row in rows[n_prompts:]]
        self.fill_cache([parse_row("row", row) for row in rows])
        self.load(ranked[:FIRST])
        self.first = self.train()
        self.load(ranked[FIRST:])
        self.train()
        self.scorer = Scorer(self.folder(self.first), choose_device(None))

    def run(self) -> list[dict[str, float]]:
        self.load(self.fresh)
        pairs = self.batch * K * (K - 1) // 2
        self.podium.set_policy(self.slug, head_enabled=True, head_every_pairs=pairs)
        wait_for(self.is_encoded, "the features ahead", seconds=600, podium=self.podium)
        return [self.measure() for _ in range(self.batches)]

    def measure(self) -> dict[str, float]:
        if self.champion() != self.first:
            body = {"reason": "so that the next one has something to beat", "past_gate": True}
            self.manager.post(f"/projects/{self.slug}/models/{self.first}/promote/", body)
        self.scorer = self.scorer.following(self.folder(self.first))
        for _ in range(self.batch):
            task = self.labeler.post(f"/projects/{self.slug}/assignments/next/")
            order = sorted(task["completions"], key=lambda each: -quality(each["text"]))
            self.labeler.post(f"/assignments/{task['id']}/ranking/", {"tiers": [[each["id"]] for each in order]})
        last = time.time()
        version = wait_for(
            lambda: self.champion(other_than=self.first), "a new champion", seconds=60, podium=self.podium
        )
        champion = time.time()
        self.scorer = self.scorer.following(self.folder(version))
        self.scorer.score(parse_row("row", {"id": "1", "prompt": "?", "completions": [{"text": "a"}, {"text": "b"}]}))
        return parts(last, champion, time.time(), self.row(version))

    # --- The product, through its doors

    def train(self) -> int:
        run = self.manager.post(f"/projects/{self.slug}/runs/", {"depth": "head"}, status=202)["id"]

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.manager.get(f"/projects/{self.slug}/runs/{run}/")
            assert found["state"] not in ("failed", "cancelled"), found["error"]
            return found if found["state"] == "succeeded" else None

        return int(wait_for(ended, f"run {run}", seconds=300, podium=self.podium)["reward_model"])

    def load(self, rows: Sequence[dict[str, Any]]) -> None:
        file = self.podium.data_dir.parent / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        self.podium.manage("import_prompts", self.slug, str(file))

    def is_encoded(self) -> bool:
        """Whether the product has seen that all features are there."""
        mark = self.podium.data_dir / "models" / "cache" / "ahead" / f"{self.id}.json"
        query = "SELECT max(id) FROM labeling_prompt WHERE project_id = %s"
        return mark.exists() and self.one(query, self.id) == (json.loads(mark.read_text())["prompt"],)

    def champion(self, *, other_than: int = 0) -> int:
        """Its version, 0 for none."""
        query = "SELECT max(version) FROM rewardtrain_rewardmodel WHERE champion AND project_id = %s AND version <> %s"
        (version,) = self.one(query, self.id, other_than)
        return version or 0

    def row(self, version: int) -> dict[str, float]:
        """When things happened in the run of this model, in seconds since 1970."""
        query = (
            "SELECT r.folder, r.requested_at, r.started_at, r.finished_at FROM rewardtrain_rewardmodel m "
            "JOIN rewardtrain_trainingrun r ON r.id = m.run_id WHERE m.project_id = %s AND version = %s"
        )
        folder, *at = self.one(query, self.id, version)
        metrics = self.podium.data_dir / "models" / folder / "out" / "metrics.jsonl"
        events = [json.loads(line) for line in metrics.read_text().splitlines()]
        times = {event["event"]: datetime.fromisoformat(event["time"]) for event in events}
        times |= dict(zip(("requested", "started", "finished"), at, strict=True))
        return {name: then.timestamp() for name, then in times.items()}

    def folder(self, version: int) -> Path:
        query = "SELECT folder FROM rewardtrain_rewardmodel WHERE project_id = %s AND version = %s"
        return self.podium.data_dir / "models" / str(self.one(query, self.id, version)[0])

    def one(self, query: LiteralString, *values: object) -> tuple[Any, ...]:
        found = self.database.execute(query, values).fetchone()
        assert found, (query, values)
        return found

    def fill_cache(self, groups: list[Group]) -> None:
        frozen = Frozen(TrainConfig(depth="head"), self.podium.data_dir / "models" / "cache")
        size, draw = output_layer(frozen.model.network)[1].in_features, np.random.default_rng(0)

        def make(missing: list[Missing]) -> Iterator[Made]:
            values = draw.standard_normal((len(missing), size), dtype=np.float32)
            values[:, 0] += [quality(each.completion) for each in missing]
            cut = np.zeros(len(missing), dtype=bool)
            yield Made(list(range(len(missing))), Features(values, [each.key for each in missing], cut, cut, cut))

        frozen.store.get(groups, make)


def parts(last: float, champion: float, answers: float, at: dict[str, float]) -> dict[str, float]:
    """Each part's own seconds; the last two from the last label."""
    ends = [at["requested"], at["started"], at["start"], at["step"], at["done"], at["finished"]]
    starts = [last, *ends[:-1]]
    own = [end - start for start, end in zip(starts, ends, strict=True)]
    return dict(zip(PARTS, [*own, champion - last, answers - last], strict=True))


def prompts(count: int) -> Iterator[dict[str, Any]]:
    """Rows in the import format, ranked by a quality that stands in each completion's text."""
    draw = random.Random(0)
    for place in range(count):
        drawn = [draw.gauss(0, 1.5) for _ in range(K)]
        texts = [f"Answer {place}, {number}: quality {value:.4f}" for number, value in enumerate(drawn)]
        better = [1 + sum(other > value for other in drawn) for value in drawn]
        completions = [{"id": str(number), "text": text, "model": "m"} for number, text in enumerate(texts)]
        rankings = [{"labeler": "recorded", "ranks": better, "flags": [{}] * K}]
        yield {"id": f"p{place}", "prompt": f"Question {place}?", "completions": completions, "rankings": rankings}


def unranked(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "rankings"}


def quality(text: str) -> float:
    return float(text.rpartition(" ")[2])


if __name__ == "__main__":
    main()
