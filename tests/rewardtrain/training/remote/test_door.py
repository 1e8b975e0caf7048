"""The door of jobs: who may come, with what, how often, and what it costs."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from pytest_django.live_server_helper import LiveServer

from artifacts.bucket import Bucket
from labeling.models import Project, Role, User
from labeling.requests import throttle
from rewardtrain.core.errors import ConfigError, Stopped, StorageAwayError
from rewardtrain.core.job import transfers
from rewardtrain.core.job.door import Door
from rewardtrain.core.job.spec import Input
from rewardtrain.models import TrainingRun
from rewardtrain.training.remote import concluding, door, in_bucket
from rewardtrain.training.remote.job_token import token_of
from rewardtrain.training.run_files import files_of
from tests.artifacts.away import line_to
from tests.artifacts.s3 import artifacts_in_bucket, keys, requests
from tests.factories import join, make_project
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import make_run, rank_prompts

START = "0" * 32
SHA = "a" * 64
ALL: dict[str, dict[str, Any]] = {
    "description": {},
    "begin": {},
    "still": {},
    "ended": {},
    "end": {"code": 0, "manifest_sha256": SHA},
    "input": {"name": "data"},
    "read": {"name": "out/report.json"},
    "write": {"sha256": SHA, "bytes": 3},
    "parts": {"sha256": SHA, "bytes": 3},
    "part": {"sha256": SHA, "bytes": 3, "upload": "x", "part": 1},
    "whole": {"sha256": SHA, "upload": "x", "parts": ["x"]},
    "lines": {"name": "log.txt", "bytes": 3},
    "sent": {"name": "log.txt"},
    "publish": {"name": "out/model", "files": {"out/model/config.json": {"sha256": SHA, "bytes": 3}}},
}


@pytest.fixture(autouse=True)
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with artifacts_in_bucket(tmp_path / "web") as bucket:
        yield bucket


def held(project: Project, **fields: Any) -> TrainingRun:
    """A run whose job has begun."""
    rank_prompts(project, train=1, test=1, validation=1)
    number = project.runs.count() + 1
    said = {"spec": "{}", "inputs": {"data": "projects/1/datasets/00001.parquet"}, "start": START, "ended": {}}
    values = {
        "executor": "slurm",
        "job_name": f"podium-{project.pk}-{number}-1-0-00ff00ff",
        "job_said": said,
        "job_files": {"out/report.json": {"sha256": SHA, "bytes": 3}},
        "worker": "it",
    }
    return make_run(project, state="running", **(values | fields))


def ask(run: TrainingRun, act: str, *, token: str | None = None, client: Client | None = None, **values: Any) -> Any:
    token = token_of(run.job_name) if token is None else token
    return (client or Client()).post(
        f"/jobs/{run.job_name}/{act}/",
        json.dumps({"start": START, **ALL.get(act, {}), **values}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def sent(bucket: Bucket) -> list[str]:
    return [key for key in keys(bucket) if "/job/" in key]


# --- Who may come -----------------------------------------------------------------------------------------------------


def test_nobody_comes_in_without_the_token_of_just_this_job(project: Project) -> None:
    run, other = held(project), held(make_project())
    people = [project.created_by, join(project, Role.LABELER)]
    for act in ALL:
        require_closed(run, other, people, act)


def require_closed(run: TrainingRun, other: TrainingRun, people: list[User | None], act: str) -> None:
    for person in people:
        page = Client()
        assert person
        page.force_login(person)
        assert code_of(ask(run, act, token="", client=page)) == (401, "bad_job_token")
        assert code_of(ask(run, act, token="", client=as_user(person))) == (401, "bad_job_token")
    for token in ("", "x", token_of(other.job_name), token_of(run.job_name) + "x", "\xff"):
        assert code_of(ask(run, act, token=token)) == (401, "bad_job_token")
    before = TrainingRun.objects.values("job_said", "job_files").get(pk=run.pk)
    for state in ("succeeded", "failed", "cancelled", "queued"):
        TrainingRun.objects.filter(pk=run.pk).update(state=state)
        assert code_of(ask(run, act)) == (409, "job_over")
    TrainingRun.objects.filter(pk=run.pk).update(state="running", job_name=f"{run.job_name[:-1]}e")
    assert code_of(ask(run, act)) == (409, "job_over"), "another job has the run"
    TrainingRun.objects.filter(pk=run.pk).update(job_name=run.job_name)
    assert TrainingRun.objects.values("job_said", "job_files").get(pk=run.pk) == before


def test_a_start_that_another_followed_is_told_so(project: Project) -> None:
    run = held(project)
    begun = ask(run, "begin").json()
    assert begun["files"] == {"out/report.json": {"sha256": SHA}}
    for act in set(ALL) - {"description", "begin", "input", "ended"}:
        assert code_of(ask(run, act)) == (409, "job_over")
    assert ask(run, "still", start=begun["start"]).json() == {}


def test_a_machine_beside_the_first_reads_inputs_and_how_the_job_ended_without_a_start(project: Project) -> None:
    run = held(project)
    assert ask(run, "ended", start="").json() == {"code": None}
    assert "address" in ask(run, "input", start="").json()
    assert ask(run, "end", code=75, manifest_sha256="").status_code == 200
    assert ask(run, "ended", start="").json() == {"code": 75}
    ask(run, "begin")
    assert ask(run, "ended", start="").json() == {"code": None}


def test_what_has_said_how_it_ended_is_not_begun_again_unless_it_was_stopped(project: Project) -> None:
    run = held(project)
    assert ask(run, "end", code=75, manifest_sha256="").status_code == 200
    start = ask(run, "begin").json()["start"]
    assert ask(run, "end", start=start).status_code == 200
    assert ask(run, "end", start=start).status_code == 200, "twice is harmless: the answer may have been lost"
    assert code_of(ask(run, "begin")) == (409, "job_over")
    run.refresh_from_db()
    assert run.job_said["ended"] == {"code": 0, "manifest_sha256": SHA}


def test_a_token_outlives_no_key_and_a_key_that_was_changed_lets_it_in(project: Project) -> None:
    run = held(project)
    token = token_of(run.job_name)
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert code_of(ask(run, "still", token=token)) == (401, "bad_job_token")


def test_addresses_are_of_the_runs_own_objects_alone(project: Project, bucket: Bucket) -> None:
    run = held(project)
    for name in ("../secret", "projects/1/datasets/00002.parquet", "out/model/config.json", "", "data/../x"):
        assert code_of(ask(run, "input", name=name)) == (400, "invalid")
        assert code_of(ask(run, "read", name=name)) == (400, "invalid")
    for act in ("write", "part", "lines"):
        place = f"/{bucket.bucket_name}/podium/{run.folder}/job/"
        assert place in ask(run, act).json()["address"]
    assert "X-Amz-Expires=900" in ask(run, "write").json()["address"]
    assert "content-length" in ask(run, "write").json()["address"], "of just so many bytes"


# --- What may be said ------------------------------------------------------------------------------------------------


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("end", {"code": "0"}),
    ("end", {"code": 256}),
    ("end", {"code": True}),
    ("end", {"manifest_sha256": "x"}),
    ("write", {"sha256": "../" + SHA[3:]}),
    ("write", {"sha256": SHA.upper()}),
    ("write", {"bytes": -1}),
    ("write", {"bytes": 2**60}),
    ("write", {"bytes": None}),
    ("part", {"part": 0}),
    ("part", {"part": 10_001}),
    ("part", {"upload": "a b"}),
    ("whole", {"parts": []}),
    ("whole", {"parts": ["x"] * 10_001}),
    ("whole", {"parts": "x"}),
    ("lines", {"name": "../log.txt"}),
    ("sent", {"name": ["log.txt"]}),
    ("publish", {"name": "out/other"}),
    ("publish", {"name": "out/checkpoints/step-x"}),
    ("publish", {"name": "out/checkpoints/../model"}),
    ("publish", {"name": "jobs/current.json"}),
    ("publish", {"files": []}),
    ("publish", {"files": {"out/report.json": {"sha256": SHA, "bytes": 1}}}),
    ("publish", {"files": {"out/model/a": {"sha256": SHA}}}),
    ("publish", {"files": {f"out/model/{n}": {"sha256": SHA, "bytes": 1} for n in range(4097)}}),
    ("still", {"start": "x"}),
    ("still", {"more": 1}),
    ("nothing", {}),
]


def test_what_no_job_of_ours_says_is_refused_by_name(project: Project) -> None:
    run = held(project)
    for act, wrong in WRONG:
        answer = ask(run, act, **wrong)
        assert answer.status_code in (400, 404), wrong
        named, error = next(iter(wrong), act), answer.json()["errors"][0]
        assert named in error["detail"] or error["attr"] == named
    run.refresh_from_db()
    assert run.job_files == {"out/report.json": {"sha256": SHA, "bytes": 3}}


def test_a_body_a_thousand_times_larger_is_refused_unread(project: Project) -> None:
    run = held(project)
    assert ask(run, "read", name="x" * 3 * 2**20).status_code == 413
    assert ask(run, "publish", name="x" * 2**20).status_code == 400
    names = {f"out/checkpoints/step-{n}/info.json": {"sha256": SHA, "bytes": 1} for n in range(door.MOST_NAMES)}
    TrainingRun.objects.filter(pk=run.pk).update(job_files=names)
    assert "too many" in ask(run, "publish").json()["errors"][0]["detail"]


# --- Twice, at once, and what it costs -------------------------------------------------------------------------------


def test_two_starts_at_once_leave_one(project: Project) -> None:
    run = held(project)

    def begin(_: int) -> str:
        try:
            return str(ask(run, "begin").json()["start"])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        starts = list(pool.map(begin, range(4)))
    assert len(set(starts)) == 4
    assert sorted(ask(run, "still", start=start).status_code for start in starts) == [200, 409, 409, 409]


def test_a_name_changes_all_at_once_and_what_has_none_goes(project: Project, bucket: Bucket) -> None:
    run = held(project)
    old, new, kept = (hashlib.sha256(word).hexdigest() for word in (b"old", b"new", b"kept"))
    for sha256 in (old, new, kept):
        bucket.client.put_object(Bucket=bucket.bucket_name, Key=f"podium/{in_bucket.sent(run, sha256)}", Body=b"3 b")
    step, other = "out/checkpoints/step-5", "out/checkpoints/step-50"
    for name, files in (
        (other, {f"{other}/info.json": kept}),
        (step, {f"{step}/info.json": old, f"{step}/state.pt": kept}),
        (step, {f"{step}/info.json": new, f"{step}/state.pt": new}),
        (step, {f"{step}/info.json": new, f"{step}/state.pt": new}),
    ):
        said = {each: {"sha256": sha256, "bytes": 3} for each, sha256 in files.items()}
        assert ask(run, "publish", name=name, files=said).json() == {}
    run.refresh_from_db()
    assert {name: about["sha256"] for name, about in run.job_files.items() if "step" in name} == {
        f"{other}/info.json": kept, f"{step}/info.json": new, f"{step}/state.pt": new,
    }  # fmt: skip
    assert sent(bucket) == sorted(in_bucket.sent(run, sha256) for sha256 in (new, kept))
    in_bucket.forget(bucket, run, files_of(run))
    in_bucket.forget(bucket, run, files_of(run))
    assert sent(bucket) == []


COSTS = [  # statements, and requests to the bucket
    *(
        ("description", 1, 0),
        ("ended", 1, 0),
        ("still", 1, 0),
        ("input", 1, 0),
        ("read", 1, 0),
        ("part", 1, 0),
        ("lines", 1, 0),
    ),
    *(("write", 1, 1), ("parts", 1, 1), ("sent", 5, 0), ("publish", 5, 0), ("end", 5, 0)),
]


def test_a_request_costs_a_statement_and_five_to_change_something(project: Project) -> None:
    run = held(project)
    ask(run, "still")
    for act, statements, of_the_bucket in COSTS:
        with CaptureQueriesContext(connection) as asked, requests() as seen:
            assert ask(run, act).status_code == 200
        assert len(asked) == statements, [each["sql"] for each in asked]
        assert len(seen) == of_the_bucket, seen


def test_what_a_run_has_left_that_ended_where_nobody_looked_goes(project: Project, bucket: Bucket) -> None:
    over, alive = held(project), held(make_project())
    for run in (over, alive):
        name = in_bucket.sent(run, SHA)
        bucket.client.put_object(Bucket=bucket.bucket_name, Key=f"podium/{name}", Body=b"...")
        ask(run, "parts")
    TrainingRun.objects.filter(pk=over.pk).update(state="cancelled")
    for _ in range(2):
        concluding.clear_leftovers()
    assert sent(bucket) == [in_bucket.sent(alive, SHA)]
    assert TrainingRun.objects.values_list("job_files", "job_said").get(pk=over.pk) == ({}, {})
    uploads = bucket.client.list_multipart_uploads(Bucket=bucket.bucket_name)["Uploads"]
    assert [each["Key"] for each in uploads] == [f"podium/{in_bucket.sent(alive, SHA)}"]
    with requests() as seen:
        concluding.clear_leftovers()
    assert seen == []


def test_a_job_that_asks_much_has_nobody_wait_and_one_without_its_token_does(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(throttle, "LONGEST", 5.0)
    monkeypatch.setattr(throttle, "HALF_LIFE", 1e9)
    monkeypatch.setattr(time, "sleep", slept.append)
    run, client = held(project), Client()
    for _ in range(100):
        assert ask(run, "still", client=client).status_code == 200
    assert slept == []
    for _ in range(300):
        ask(run, "still", token="x", client=client)
    assert slept


# --- As a job uses it ------------------------------------------------------------------------------------------------


@pytest.fixture
def run(project: Project) -> TrainingRun:
    return held(project)


def came_in(live_server: LiveServer, run: TrainingRun, *, patience: float = 60, where: str = "") -> Door:
    address = f"{where or live_server.url}/jobs/{run.job_name}"
    job = Door(address, token_of(run.job_name), patience=patience, should_stop=lambda: False)
    job.begin()
    return job


def test_a_large_file_goes_in_parts_and_goes_on_where_it_broke_off(
    run: TrainingRun, live_server: LiveServer, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PART_BYTES", 5 * 2**20)
    folder = tmp_path / "step-5"
    folder.mkdir()
    content = bytes(range(256)) * (11 * 2**12)
    (folder / "state.pt").write_bytes(content)
    (folder / "info.json").write_bytes(b"{}")
    job = came_in(live_server, run)
    sent, breaks = transfers.upload, threading.Event()

    def breaking(address: str, content: Any, size: int) -> str:
        if "partNumber=2" in address and not breaks.is_set():
            breaks.set()
            raise OSError("the cable")
        return sent(address, content, size)

    monkeypatch.setattr(transfers, "upload", breaking)
    with pytest.raises(OSError, match="the cable"):
        job.put_folder(folder, "out/checkpoints/step-5", last="info.json")
    run.refresh_from_db()
    assert "out/checkpoints/step-5/info.json" not in run.job_files, "nothing of it is there before all of it is"
    with requests() as seen:
        job.put_folder(folder, "out/checkpoints/step-5", last="info.json")
    assert sum("partNumber" in each for each in seen) == 2
    again = came_in(live_server, run)
    again.bring_back(tmp_path / "again")
    assert (tmp_path / "again/out/checkpoints/step-5/state.pt").read_bytes() == content
    with requests() as seen:
        again.put_folder(folder, "out/checkpoints/step-5", last="info.json")
    assert not [each for each in seen if each.startswith("PUT")], "what is there is not sent again"


def test_a_checkpoint_that_is_lost_or_damaged_is_done_without(
    run: TrainingRun, live_server: LiveServer, bucket: Bucket, tmp_path: Path
) -> None:
    job = came_in(live_server, run)
    for step, state in ((5, b"five"), (10, b"ten"), (15, b"fifteen")):
        folder = tmp_path / f"step-{step}"
        folder.mkdir()
        (folder / "state.pt").write_bytes(state)
        (folder / "info.json").write_bytes(b"%d" % step)
        job.put_folder(folder, f"out/checkpoints/step-{step}", last="info.json")
    bucket.remove(in_bucket.sent(run, hashlib.sha256(b"ten").hexdigest()))
    damaged = f"podium/{in_bucket.sent(run, hashlib.sha256(b'fifteen').hexdigest())}"
    bucket.client.put_object(Bucket=bucket.bucket_name, Key=damaged, Body=b"fiftean")
    again = came_in(live_server, run)
    again.bring_back(tmp_path / "again")
    assert [path.name for path in (tmp_path / "again/out/checkpoints").iterdir()] == ["step-5"]
    run.refresh_from_db()
    assert not [name for name in run.job_files if "step-1" in name]
    again.put_folder(tmp_path / "step-15", "out/checkpoints/step-15", last="info.json")
    third = came_in(live_server, run)
    third.bring_back(tmp_path / "third")
    assert (tmp_path / "third/out/checkpoints/step-15/state.pt").read_bytes() == b"fifteen"


def test_an_input_is_compared_with_its_checksum(
    run: TrainingRun, live_server: LiveServer, bucket: Bucket, tmp_path: Path
) -> None:
    job = came_in(live_server, run)
    with pytest.raises(ConfigError, match="data is not in the storage: restore it"):
        job.fetch(Input("data", SHA), tmp_path / "to")
    bucket.client.put_object(Bucket=bucket.bucket_name, Key="podium/projects/1/datasets/00001.parquet", Body=b"rows")
    sha256 = hashlib.sha256(b"rows").hexdigest()
    assert job.fetch(Input("data", sha256), tmp_path / "to").read_bytes() == b"rows"
    with pytest.raises(ConfigError, match="data was changed: its sha256 is"):
        job.fetch(Input("data", SHA), tmp_path / "to")
    with pytest.raises(ConfigError, match="the web refuses a request of this job: name is 'other'"):
        job.fetch(Input("other", SHA), tmp_path / "to")


def test_lines_are_sent_whole_and_read_from_where_a_look_stopped(
    run: TrainingRun, live_server: LiveServer, bucket: Bucket, tmp_path: Path
) -> None:
    job = came_in(live_server, run)
    source = tmp_path / "metrics.jsonl"
    metrics = job.growing(source, "out/metrics.jsonl")
    metrics.copy()  # not there yet
    source.write_bytes(b"one\ntwo\nhalf a li")
    metrics.copy()
    run.refresh_from_db()
    tail = in_bucket.MetricsTail(bucket, run, 4)
    assert (list(tail.lines()), tail.position) == ([b"two\n"], 8)
    source.write_bytes(b"one\n")  # a training that goes on cuts what came after its checkpoint
    metrics.copy(last=True)
    assert (list(tail.lines()), tail.position) == ([b"one\n"], 4)
    assert list(tail.lines()) == []
    again = came_in(live_server, run)
    run.refresh_from_db()
    assert list(in_bucket.MetricsTail(bucket, run, 0).lines()) == [], "of the new start, which has sent none"
    again.bring_back(tmp_path / "again")
    assert (tmp_path / "again/out/metrics.jsonl").read_bytes() == b"one\n"
    job._asked = 0
    with pytest.raises(Stopped, match="another start of this job has the run"):
        job.require_ours()
    assert job.taken_over.is_set()


def test_a_web_that_is_away_or_another_server_is_waited_for(run: TrainingRun, live_server: LiveServer) -> None:
    with line_to(live_server.url) as web:
        job = came_in(live_server, run, patience=0, where=web.url)
        web.cut()
        with pytest.raises(StorageAwayError, match="see whether this node reaches both"):
            job.end(0, SHA)
        web.mend()
        job.end(0, SHA)
    elsewhere = Door(f"{live_server.url}/nowhere", "x", patience=0, should_stop=lambda: False)
    with pytest.raises(StorageAwayError, match="the web answers 404"):
        elsewhere.description()
