"""Everything that people wait for, with PgBouncer in transaction mode between Podium and PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config.servers import embedded
from tests.acceptance.podium import REPOSITORY, Client, Podium, wait_for
from tests.acceptance.test_main_job import MARKS, lines_of, prompt_row, quality_of
from tests.config.servers.pgbouncer import console, pgbouncer

PROJECT = "pooled"
RECORDED, TO_RANK = 40, 16
LABELERS = ("labeler1", "labeler2")


@pytest.fixture
def podium(servers: embedded.Lease, tmp_path: Path) -> Iterator[Podium]:
    """All of its processes have the pool's address; what it says is in its log."""
    own = embedded.database_url(servers.data_dir)
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("CREATE DATABASE pooled")
    try:
        with pgbouncer(servers.data_dir) as port:
            addresses = {
                "DATABASE_URL": f"postgresql://podium@127.0.0.1:{port}/pooled",
                "PODIUM_DATABASE_DIRECT_URL": own.replace("/podium?", "/pooled?"),
            }
            with Podium(tmp_path / "data", environ=addresses) as podium:
                yield podium
                with console(port) as pool:
                    lent = {row[0] for row in pool.execute("SHOW STATS").fetchall()}
                assert "pooled" in lent
    finally:
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS pooled WITH (FORCE)")


@pytest.mark.acceptance
@pytest.mark.usefixtures("needs_torch")
@pytest.mark.timeout(600)
def test_people_label_files_go_in_and_out_and_a_head_is_trained(podium: Podium, tmp_path: Path) -> None:
    manager = podium.client(podium.token("manager"))
    made = {"slug": PROJECT, "name": "Pooled", "guidelines": "Kind ones first.", "overlap": 1}
    manager.post("/projects/", made, status=201)
    podium.set_policy(PROJECT, enabled=False)
    rows = [prompt_row(number, ranked=number < RECORDED) for number in range(RECORDED + TO_RANK)]
    assert manager.upload(PROJECT, lines_of(rows[:RECORDED]))["created"] == RECORDED
    import_in_the_background(podium, manager, rows[RECORDED:])

    admin = podium.client(podium.token("admin"))
    for name in LABELERS:
        admin.post(f"/projects/{PROJECT}/members/", {"username": name, "role": "labeler"})
    with ThreadPoolExecutor(len(LABELERS)) as threads:
        ranked = sum(threads.map(lambda name: label(podium.client(podium.token(name))), LABELERS))
    assert ranked == TO_RANK

    lines = manager.call("GET", f"/projects/{PROJECT}/export/", params={"format": "jsonl", "split": "all"})
    assert len(lines.content.splitlines()) == 6 * (RECORDED + TO_RANK)
    run = manager.post(f"/projects/{PROJECT}/runs/", {"depth": "head"}, status=202)
    ended = wait_for(lambda: ended_run(manager, run["id"]), "the head", seconds=180, podium=podium)
    assert ended["state"] == "succeeded", podium.tail()

    nothing_is_missing(podium)
    podium.manage("backup", "-v", "0", str(tmp_path / "site.tar.zst"))
    podium.manage("export_pairs", PROJECT, str(tmp_path / "pairs.parquet"))
    said = podium.log.read_text()
    assert "Traceback" not in said, said
    assert "ERROR" not in said, said


def nothing_is_missing(podium: Podium) -> None:
    """Of what the tests' PostgreSQL isn't on purpose, and of a site without a name and a proxy."""

    def errors() -> list[dict[str, str]]:
        command = [sys.executable, "manage.py", "check_deployment", "--json", "--seconds", "60"]
        done = subprocess.run(command, cwd=REPOSITORY, env=podium.environ, capture_output=True, text=True, check=False)
        findings = json.loads(done.stdout)["findings"]
        assert not any("is a pool" in finding["sentence"] for finding in findings), findings
        return [finding for finding in findings if finding["level"] == "error"]

    def is_as_meant() -> bool:
        found = errors()
        return len(found) == 1 and "fsync off" in found[0]["sentence"]

    wait_for(is_as_meant, "all processes", seconds=120, podium=podium)


def import_in_the_background(podium: Podium, manager: Client, rows: list[dict[str, Any]]) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    answer = manager.call("POST", f"/projects/{PROJECT}/imports/", data=lines_of(rows), headers=headers)
    assert answer.ok, answer.text
    number = answer.json()["id"]

    def ended() -> Any:
        found = manager.get(f"/projects/{PROJECT}/imports/{number}/")
        return found if found["state"] in ("succeeded", "failed", "cancelled") else None

    found = wait_for(ended, "the import", seconds=120, podium=podium)
    assert (found["state"], found["created"]) == ("succeeded", len(rows)), found


def label(labeler: Client) -> int:
    """Ranks until nothing is left, undoes one, and ranks it again."""
    done = 0
    while True:
        answer = labeler.call("POST", f"/projects/{PROJECT}/assignments/next/", json={})
        if answer.status_code == 204:
            return done
        task = answer.json()
        ranking = order(task)
        labeler.call("PUT", f"/assignments/{task['id']}/draft/", json={"tiers": ranking["tiers"]})
        labeler.post(f"/assignments/{task['id']}/ranking/", ranking, status=201)
        if done == 0:
            labeler.post(f"/assignments/{task['id']}/undo/")
            labeler.post(f"/assignments/{task['id']}/ranking/", ranking, status=201)
        done += 1


def order(task: dict[str, Any]) -> dict[str, Any]:
    best_first = sorted(task["completions"], key=lambda completion: quality_of(completion["text"]))
    assert len(best_first) == len(MARKS), json.dumps(task)
    return {"tiers": [[completion["id"]] for completion in best_first]}


def ended_run(manager: Client, number: int) -> Any:
    found = manager.get(f"/projects/{PROJECT}/runs/{number}/")
    return found if found["state"] in ("succeeded", "failed", "cancelled") else None
