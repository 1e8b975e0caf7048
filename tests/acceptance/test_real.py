"""`make real`: real rankings replayed through the HTTP API by eight labelers at once, then a training on them.

Prints what a manager would ask: how many, how good against length and chance, how long, how much memory.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.podium import Client, Podium, wait_for

FILES = ("hh_online", "hh_rejection_sampled", "oasst_en")
LABELERS = 8
PROJECT = "real"

Key = tuple[str, frozenset[str]]


def key_of(prompt: object, texts: list[str]) -> Key:
    """A labeler sees neither ids nor files: what was ranked is recognised by its words."""
    messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    return json.dumps(messages, sort_keys=True), frozenset(texts)


def rows_of(folder: Path) -> Iterator[dict[str, Any]]:
    for name in FILES:
        for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def tiers_of(completions: list[dict[str, str]], ranks: dict[str, int]) -> list[list[str]]:
    return [
        [completion["id"] for completion in completions if ranks[completion["text"]] == rank]
        for rank in sorted(set(ranks.values()))
    ]


def replay(client: Client, recorded: dict[Key, dict[str, int]]) -> int:
    """One labeler at work until the queue is empty."""
    done = 0
    while True:
        answer = client.call("POST", f"/projects/{PROJECT}/assignments/next/")
        if answer.status_code == 204:
            if answer.headers["X-Queue-Reason"] == "all_taken":
                time.sleep(0.2)
                continue
            return done
        task = answer.json()
        ranks = recorded[key_of(task["prompt"], [completion["text"] for completion in task["completions"]])]
        client.post(f"/assignments/{task['id']}/ranking/", {"tiers": tiers_of(task["completions"], ranks)}, status=201)
        done += 1


class PeakMemory:
    """The largest resident size of the training process, looked at twice a second."""

    def __init__(self, podium: Podium) -> None:
        self.peak = 0
        self.podium = podium
        self.stop = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.stop.wait(0.5):
            for process in self.podium.processes("rewardtrain.core"):
                try:
                    self.peak = max(self.peak, process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue


@pytest.mark.real
def test_real_rankings_train_a_model_and_none_is_lost(shared_data: Path, tmp_path: Path) -> None:
    rows, recorded = [], {}
    for row in rows_of(shared_data):
        texts = [completion["text"] for completion in row["completions"]]
        recorded[key_of(row["prompt"], texts)] = dict(zip(texts, row["rankings"][0]["ranks"], strict=True))
        rows.append({key: value for key, value in row.items() if key != "rankings"})
    with Podium(tmp_path / "data") as podium:
        admin = podium.client(podium.token("admin"))
        admin.post("/projects/", {"slug": PROJECT, "name": "Real rankings"}, status=201)
        # The replay shares two cores with a training otherwise, and the figures would be of neither.
        podium.set_policy(PROJECT, head_enabled=False, enabled=False)
        for name in ("labeler1", "labeler2"):
            admin.post(f"/projects/{PROJECT}/members/", {"username": name, "role": "labeler"})
        began = time.monotonic()
        report = admin.upload(PROJECT, b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        import_seconds = time.monotonic() - began
        assert report["created"] + len(report["errors"]) == len(rows)
        stored = report["created"]
        print(
            f"\nimported {stored} of {len(rows)} prompts in {import_seconds:.1f} s; bad lines: {len(report['errors'])}"
        )

        began = time.monotonic()
        with ThreadPoolExecutor(LABELERS) as pool:
            tokens = labeler_tokens(podium)
            counts = list(pool.map(lambda token: replay(podium.client(token), recorded), tokens))
        seconds = time.monotonic() - began
        print(
            f"{sum(counts)} rankings by {LABELERS} labelers at once in {seconds:.1f} s ({sum(counts) / seconds:.0f}/s)"
        )
        assert sum(counts) == stored
        nothing_was_lost(podium, stored)

        memory = PeakMemory(podium)
        began = time.monotonic()
        run = admin.post(f"/projects/{PROJECT}/runs/", status=202)
        path = f"/projects/{PROJECT}/runs/{run['id']}/"
        ended = wait_for(
            lambda: (now := admin.get(path))["state"] not in ("queued", "running") and now,
            "the training to end",
            seconds=3600,
            podium=podium,
        )
        memory.stop.set()
        assert ended["state"] == "succeeded", ended
        (model,) = admin.get(f"/projects/{PROJECT}/models/")["results"]
        tell(model, seconds=time.monotonic() - began, peak=memory.peak)


def labeler_tokens(podium: Podium) -> list[str]:
    """Eight labelers with accounts of their own, made as an operator would in a script."""
    script = (
        "from labeling.models import *; from labeling.models import Role; project = Project.objects.get(slug='real')\n"
        f"for n in range({LABELERS}):\n"
        "    user = User.objects.create_user(f'replay{n}')\n"
        "    Membership.objects.create(project=project, user=user, role=Role.LABELER)\n"
    )
    podium.manage("shell", "-c", script)
    return [podium.token(f"replay{n}") for n in range(LABELERS)]


def nothing_was_lost(podium: Podium, expected: int) -> None:
    with podium.database() as connection:
        (rankings,) = connection.execute(
            "SELECT count(*) FROM labeling_ranking r JOIN labeling_prompt p ON p.id = r.prompt_id"
            " JOIN labeling_project j ON j.id = p.project_id WHERE j.slug = %s AND r.live",
            [PROJECT],
        ).fetchone()  # type: ignore[misc]
        wrong = connection.execute(
            "SELECT r.id FROM labeling_ranking r JOIN labeling_prompt p ON p.id = r.prompt_id"
            " JOIN labeling_project j ON j.id = p.project_id AND j.slug = %s"
            " WHERE (SELECT count(*) FROM labeling_preferencepair pair WHERE pair.ranking_id = r.id)"
            "    <> (SELECT count(*) FROM labeling_rankedcompletion a JOIN labeling_rankedcompletion b"
            "        ON a.ranking_id = b.ranking_id AND a.id < b.id AND a.rank <> b.rank WHERE a.ranking_id = r.id)",
            [PROJECT],
        ).fetchall()
    assert rankings == expected
    assert wrong == []
    print(f"rankings in = rankings stored = {rankings}; each has C(K,2) minus ties pairs")


def tell(model: dict[str, Any], *, seconds: float, peak: int) -> None:
    print(json.dumps(model, indent=1)[:4000])
    print(f"training and evaluation: {seconds:.0f} s, peak memory {peak / 2**20:.0f} MiB")
