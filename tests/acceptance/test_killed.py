"""kill -9 of each process in mid-work: nothing that was acknowledged is lost, and nothing is done twice."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.podium import Client, Podium, wait_for
from tests.acceptance.test_main_job import lines_of
from tests.core.tiny.backbones import BAD, GOOD, WORDS, save_tiny_bert

PROJECT = "killed"
PROMPTS = 160
TRAINING = {
    "epochs": 60,  # a thousand steps, to be killed among the first hundred
    "max_length": 32,
    "batch_prompts": 8,
    "eval_every": 100,
    "checkpoint_every": 20,
    "patience": 0,  # else it might end by itself before it is killed
    "bootstrap_samples": 100,
    "threads": 1,
}

pytestmark = [pytest.mark.acceptance, pytest.mark.usefixtures("needs_torch"), pytest.mark.timeout(900)]


def prompt_row(number: int, *, ranked: bool) -> dict[str, Any]:
    draw = random.Random(number)
    texts = [" ".join([GOOD] * good + [BAD] * (3 - good) + draw.choices(WORDS, k=3)) for good in (3, 2, 1, 0)]
    row: dict[str, Any] = {
        "id": f"case-{number}",
        "prompt": f"{' '.join(draw.choices(WORDS, k=6))} {number}?",
        "completions": [{"id": "abcd"[i], "text": text} for i, text in enumerate(texts)],
    }
    if ranked:
        row["rankings"] = [{"labeler": "recorded", "ranks": [1, 2, 3, 4]}]
    return row


def start_project(podium: Podium, *, ranked: bool) -> Client:
    manager = podium.client(podium.token("manager"))
    manager.post("/projects/", {"slug": PROJECT, "name": "Killed", "overlap": 1}, status=201)
    podium.set_policy(PROJECT, head_enabled=False)
    rows = [prompt_row(number, ranked=ranked) for number in range(PROMPTS)]
    assert manager.upload(PROJECT, lines_of(rows))["created"] == PROMPTS
    return manager


def kill(processes: list[psutil.Process]) -> None:
    assert processes, "there was nothing to kill"
    for process in processes:
        process.kill()


def test_a_training_goes_on_from_its_checkpoint_when_child_and_worker_are_killed(tmp_path: Path) -> None:
    backbone = save_tiny_bert(tmp_path / "backbone")
    with Podium(
        tmp_path / "data", environ={"PODIUM_RUN_STALE_SECONDS": "5", "PODIUM_BACKBONES": str(backbone)}
    ) as podium:
        manager = start_project(podium, ranked=True)
        first = wait_for(lambda: run_of(manager), "a run of the policy", seconds=60, podium=podium)
        manager.post(f"/projects/{PROJECT}/runs/{first['id']}/cancel/")
        wait_for(lambda: (run_of(manager) or {}).get("state") == "cancelled", "the cancel", seconds=30, podium=podium)

        training = {**TRAINING, "backbone": str(backbone)}
        run = manager.post(f"/projects/{PROJECT}/runs/", {"training": training}, status=202)
        checkpoints = wait_for(lambda: checkpoints_of(podium, run["id"]), "a checkpoint", seconds=90, podium=podium)
        kill(podium.processes("rewardtrain.core train"))
        wait_for(lambda: podium.processes("rewardtrain.core train"), "the training to go on", seconds=60, podium=podium)
        assert checkpoints_of(podium, run["id"]) >= checkpoints

        later = checkpoints_of(podium, run["id"])
        wait_for(lambda: checkpoints_of(podium, run["id"]) > later, "the next checkpoint", seconds=60, podium=podium)
        kill(podium.processes("--queues train"))
        ended = wait_for(
            lambda: (now := run_of(manager)) and now["state"] not in ("queued", "running") and now,
            "the end of the training",
            seconds=300,
            podium=podium,
        )
        assert ended["state"] == "succeeded", f"{ended}\n{podium.tail()}"
        assert ended["attempts"] == 3
        points = manager.get(f"/projects/{PROJECT}/runs/{run['id']}/")["points"]
        assert len({point["step"] for point in points}) == len(points)
        assert len(manager.get(f"/projects/{PROJECT}/models/")["results"]) == 1


def test_no_acknowledged_ranking_is_lost_when_the_web_process_is_killed(tmp_path: Path) -> None:
    acknowledged: dict[int, str] = {}
    with Podium(tmp_path / "data") as podium:
        start_project(podium, ranked=False)
        admin = podium.client(podium.token("admin"))
        clients = []
        for username in ("labeler1", "labeler2", "manager"):
            if username != "manager":
                admin.post(f"/projects/{PROJECT}/members/", {"username": username, "role": "labeler"})
            clients.append(podium.client(podium.token(username)))
        finished = threading.Event()
        with ThreadPoolExecutor(4) as pool:
            killer = pool.submit(kill_the_web_again_and_again, podium, finished, acknowledged)
            list(pool.map(lambda client: rank_all(client, acknowledged), clients))
            finished.set()
            assert killer.result() >= 2
        with podium.database() as connection:
            stored = dict(
                connection.execute(
                    "SELECT r.id, r.assignment_id::text FROM labeling_ranking r"
                    " JOIN labeling_prompt p ON p.id = r.prompt_id"
                    " JOIN labeling_project j ON j.id = p.project_id AND j.slug = %s WHERE r.live",
                    [PROJECT],
                ).fetchall()
            )
            (pairs,) = connection.execute("SELECT count(*) FROM labeling_preferencepair").fetchone()  # type: ignore[misc]
    assert acknowledged == stored
    assert len(stored) == PROMPTS
    assert pairs == PROMPTS * 6


def rank_all(client: Client, acknowledged: dict[int, str]) -> None:
    while True:
        answer = client.call("POST", f"/projects/{PROJECT}/assignments/next/")
        if answer.status_code == 204:
            if answer.headers["X-Queue-Reason"] != "all_taken":
                return
            time.sleep(0.2)
            continue
        task = answer.json()
        tiers = [[completion["id"]] for completion in task["completions"]]
        # The client sends the same again when no answer came: 201 the first time, 200 where it was stored already.
        ranking = client.post(f"/assignments/{task['id']}/ranking/", {"tiers": tiers})
        acknowledged[ranking["id"]] = str(task["id"])


def kill_the_web_again_and_again(podium: Podium, finished: threading.Event, acknowledged: dict[int, str]) -> int:
    """Each time when a third of the work is done more: once a worker of the server, once the server itself."""
    kills = 0
    for share in count(1):
        while len(acknowledged) < share * PROMPTS // 3:
            if finished.wait(0.05):
                return kills
        servers = podium.processes("config.processes.web")
        kill(servers[-1:] if kills % 2 == 0 else servers)
        kills += 1
    return kills


def run_of(manager: Client) -> dict[str, Any] | None:
    runs = manager.get(f"/projects/{PROJECT}/runs/")["results"]
    return runs[0] if runs else None


def checkpoints_of(podium: Podium, number: int) -> int:
    """The last complete checkpoint's step, from the run's folder."""
    folders = (podium.data_dir / "models").glob(f"projects/*/runs/{number}/out/checkpoints/step-*")
    return max((int(folder.name.rpartition("-")[2]) for folder in folders if folder.is_dir()), default=0)
