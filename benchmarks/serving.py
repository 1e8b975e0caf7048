"""The scoring service against the bare forward pass of the same texts: completions/s and waiting at 1, 8, 64 callers.

    python -m benchmarks.serving [--requests 200]

Every caller sends one prompt of hh_online with its completions and sends the next when it has its answer. Dialogues are
cut to 256 tokens; MiniLM in float32 on one thread, as on the bare side, which gets all texts at once, sorted by length
into micro-batches of the same token budget: the most that any service of these texts can reach. `alone` gives each
request batches of its own. At the end two champions take turns every half second under 64 callers. A service is a
process of its own and so is the load; without ../shared/data the texts are drawn at random.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewardtrain.core.quiet import quiet_libraries

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "hh_online.jsonl"
MAX_LENGTH = 256
CALLERS = (1, 8, 64)
TURN_SECONDS = 0.5


def bodies(count: int) -> list[dict[str, Any]]:
    """One request each."""
    if DATA.is_file():
        lines = DATA.read_text(encoding="utf-8").splitlines()[:count]
        rows = [json.loads(line) for line in lines]
        return [{"prompt": row["prompt"], "completions": [each["text"] for each in row["completions"]]} for row in rows]
    draw = random.Random(0)
    words = ["some", "people", "prefer", "short", "answers", "and", "others", "want", "an", "example"]
    return [
        {"prompt": " ".join(draw.choices(words, k=60)), "completions": [" ".join(draw.choices(words, k=80))] * 2}
        for _ in range(count)
    ]


def make_model(folder: Path, seed: int, *, shared: Path) -> Path:
    """A finished model whose heads are drawn, not trained: speed doesn't depend on them. With an ensemble, as all that
    Podium trains, a reward is read from the features, which is where a second head once could not be loaded.
    """
    import numpy as np

    from rewardtrain.core.model.loading import backbone_folder
    from tests.core.tiny.finished import finish

    heads = np.random.default_rng(seed).normal(size=(8, 385)).astype(np.float32)
    base = Path(backbone_folder("minilm"))
    finish(folder, base=base, seed=seed, heads=heads, backbone=shared, max_length=MAX_LENGTH)
    return folder


# --- The service, a process of its own --------------------------------------------------------------------------------


def serve(folders: Sequence[Path], *, alone: bool, turns: bool) -> None:
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.serving.app import Service
    from rewardtrain.core.serving.batcher import Batcher
    from rewardtrain.core.serving.model_cache import ModelCache, Ref
    from rewardtrain.core.serving.server import Server

    refs = [Ref("hh", version, folder) for version, folder in enumerate(folders, start=1)]
    models = ModelCache(choose_device(1), room=2, find=lambda project, version: None)
    models.set_champions({"hh": refs[0]})
    app = Service(models, Batcher(across_callers=not alone), lambda credential, project: None).app()

    def take_turns() -> None:
        for turn in range(10**6):
            time.sleep(TURN_SECONDS)
            wanted = refs[turn % len(refs)]
            models.set_champions({"hh": wanted})
            print(wanted.version, models.get("hh")[0].version, flush=True)

    if turns:
        threading.Thread(target=take_turns, daemon=True).start()
    Server(app, host="127.0.0.1", port=0, ready=lambda port: print(port, flush=True)).run()


@contextmanager
def served(folders: Sequence[Path], *options: str) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """The address, and at the end of each turn the champion's version and the one that answers."""
    command = [sys.executable, "-m", "benchmarks.serving", "--serve", *map(str, folders), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        turns: list[tuple[int, int]] = []
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/hh/score", turns
        process.terminate()
        for line in process.stdout:
            wanted, answering = map(int, line.split())
            turns.append((wanted, answering))


# --- The load ---------------------------------------------------------------------------------------------------------


@dataclass
class Load:
    completions: int
    seconds: float
    waits: list[float]  # seconds, of each request
    failed: int
    versions: set[int]

    @property
    def rate(self) -> float:
        return self.completions / self.seconds

    def wait(self, part: float) -> float:
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def load(url: str, asked: Sequence[dict[str, Any]], callers: int) -> Load:
    import aiohttp

    rest = iter(asked)
    result = Load(0, 0.0, [], 0, set())

    async def caller(session: aiohttp.ClientSession) -> None:
        for body in rest:
            began = time.perf_counter()
            try:
                async with session.post(url, json=body) as response:
                    response.raise_for_status()
                    answer = await response.json()
            except aiohttp.ClientError:
                result.failed += 1
                continue
            result.waits.append(time.perf_counter() - began)
            result.completions += len(answer["rewards"])
            result.versions.add(answer["model"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(caller(session) for _ in range(callers)))
        result.seconds = time.perf_counter() - began
    return result


def bare(folder: Path, asked: Sequence[dict[str, Any]]) -> float:
    """Completions/s of the forward pass alone, from texts that are tokenised already."""
    from rewardtrain.core.data.groups import parse_texts
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.score import Scorer

    scorer = Scorer(folder, choose_device(1))
    groups = [parse_texts("request", body["prompt"], body["completions"]) for body in asked]
    sequences = [sequence for group in groups for sequence in scorer.encode(group)]
    scorer.forward(sequences[:16])
    began = time.perf_counter()
    scorer.forward(sequences)
    return len(sequences) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--serve", nargs="+", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--turns", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    quiet_libraries()
    if options.serve:
        serve(options.serve, alone=options.alone, turns=options.turns)
        return
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), bodies(options.requests))


def run(folder: Path, asked: Sequence[dict[str, Any]]) -> None:
    models = [make_model(folder / str(seed), seed, shared=folder / "backbone") for seed in (1, 2)]
    print(f"{platform.machine()}, MiniLM, float32, one thread, {len(asked)} requests, 2 completions each, 256 tokens")
    limits = [bare(models[0], asked)]
    rows: list[tuple[str, int, Load]] = []
    for name, flags in (("across callers", []), ("alone", ["--alone"])):
        with served(models[:1], *flags) as (url, _):
            asyncio.run(load(url, asked[:8], 4))
            for callers in CALLERS:
                rows.append((name, callers, asyncio.run(load(url, asked, callers))))
        limits.append(bare(models[0], asked))
    limit = statistics.median(limits)
    each = " ".join(f"{rate:.1f}" for rate in limits)
    print(f"bare forward pass: {limit:.1f} completions/s (before, between and after: {each})")
    print(f"\n{'batches':<16}{'callers':>8}{'completions/s':>15}{'of bare':>9}{'p50':>9}{'p99':>9}{'failed':>8}")
    for name, callers, one in rows:
        waits = f"{one.wait(0.5):>7.2f} s{one.wait(0.99):>7.2f} s"
        print(f"{name:<16}{callers:>8}{one.rate:>15.1f}{one.rate / limit:>9.2f}{waits}{one.failed:>8}")
    with served(models, "--turns") as (url, turns):
        one = asyncio.run(load(url, asked, 64))
    taken = sum(wanted == answering for wanted, answering in turns)
    print(
        f"\na new champion every {TURN_SECONDS} s under 64 callers: {len(one.waits)} answers by versions "
        f"{sorted(one.versions)}, {one.failed} failed, {one.rate / limit:.2f} of bare, p99 {one.wait(0.99):.2f} s; "
        f"{taken} of {len(turns)} new champions answered"
    )
    assert taken == len(turns), "a new champion was not taken"
    assert one.versions == {1, 2} or len(asked) < 3 * 64, f"only {one.versions} answered"  # few were all asked at once


if __name__ == "__main__":
    main()
