"""SkyPilot's API server as it is asked, and the task that it is given."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import yaml
from django.conf import settings
from django.test import override_settings

from rewardtrain.training.executors.executor import Job, Resources, SchedulerAway, Seen, State
from rewardtrain.training.executors.site_check import check_executors, check_schedulers
from rewardtrain.training.executors.skypilot import states, task
from rewardtrain.training.executors.skypilot.executor import REQUEST, SkyPilot
from tests.artifacts.s3 import storage_of
from tests.skypilot import cluster as stub

ARGUMENTS = ["job", "/srv/a folder; rm -rf ~", "it's", "$(whoami)"]
RUN = "run: 'python -m rewardtrain.core {{ arguments }}'"


def in_bucket() -> override_settings:
    """Has a bucket keep the files, which nobody asks here."""
    bucket = storage_of("podium", endpoint="http://127.0.0.1:9")
    return override_settings(STORAGES=settings.STORAGES | {"models": bucket})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[stub.SkyPilot]:
    with stub.skypilot_in(tmp_path / "sky") as cluster, in_bucket():
        yield cluster


def job(name: str = "podium-1-1-1-0-0a0a", *, gpus: int = 2, queue: str = "H100") -> Job:
    return Job(name, ARGUMENTS, Resources(queue, gpus, 8), Path("/dev/null"), secrets={"TOKEN": "a'b"})


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_is_launched_once_with_what_its_project_asked_for(cluster: stub.SkyPilot) -> None:
    cluster.hold()
    sky, name = SkyPilot(), job().name
    with override_settings(SKYPILOT_IMAGE="ghcr.io/us/podium:1"):
        assert sky.submit(job()).startswith(REQUEST)
    until(lambda: sky.look([name]))
    assert sky.submit(job()) == "1"
    [launched] = cluster.jobs()
    given = launched["task"]
    assert given["resources"] == {
        "use_spot": True,
        "accelerators": {"H100": 2},
        "image_id": "docker:ghcr.io/us/podium:1",
    }
    assert (given["name"], given["secrets"]) == (name, {"TOKEN": "a'b"})
    assert given["run"].startswith("timeout --signal=TERM --kill-after=120 8h bash -c ")
    assert "a'b" not in given["run"]
    found = sky.look([name, "another"])
    assert found == {name: Seen("1", State.PENDING, "PENDING: In queue, waiting for resources")}
    assert sky.look([]) == {}


def test_what_is_being_taken_in_waits_and_what_was_refused_says_why(cluster: stub.SkyPilot) -> None:
    cluster.ask("POST", "slow/yes")
    sky, name = SkyPilot(), job().name
    number = sky.submit(job())
    assert sky.look([name], {name: number}) == {name: Seen(number, State.PENDING, "SkyPilot is taking the job in")}
    sky.cancel(Seen(number, State.PENDING))
    assert sky.look([name], {name: number}) == {}
    cluster.ask("POST", "slow/no")
    cluster.ask("POST", "broken/No cloud is enabled")
    number = sky.submit(job())
    until(lambda: sky.look([name], {name: number})[name].state is State.ENDED)
    assert sky.look([name], {name: number})[name].last_words == "SkyPilot says: No cloud is enabled"
    cluster.ask("POST", "forget")
    assert sky.look([name], {name: number}) == {}, "a server that was set up anew knows nothing"
    assert not cluster.jobs()


def test_all_jobs_are_asked_for_at_once(cluster: stub.SkyPilot) -> None:
    before = len(cluster.ask("GET", "state")["asked"])
    SkyPilot().look([f"podium-{number}" for number in range(3000)])
    assert cluster.ask("GET", "state")["asked"][before:] == ["POST /jobs/queue/v2", "GET /api/get"]


def test_what_keeps_it_from_answering_is_told(cluster: stub.SkyPilot, tmp_path: Path) -> None:
    with override_settings(EXECUTORS=["skypilot"]):
        assert check_schedulers() == []
        cluster.down()
        [said] = check_schedulers()
    assert said.msg == "SkyPilot can't be asked: SkyPilot answers 503: SkyPilot API server is shutting down"
    cluster.down(False)
    (tmp_path / "token").write_text("another")
    for setting, words in (
        ({"SKYPILOT_TOKEN_FILE": str(tmp_path / "token")}, "answers 401: Invalid .*; see PODIUM_SKYPILOT_TOKEN_FILE"),
        ({"SKYPILOT_TOKEN_FILE": "/nowhere"}, "PODIUM_SKYPILOT_TOKEN_FILE can't be read"),
        ({"SKYPILOT_TOKEN_FILE": "/dev/null"}, "names a file that has no token"),
        ({"SKYPILOT_URL": ""}, "PODIUM_SKYPILOT_URL is empty"),
        ({"SKYPILOT_URL": "http://127.0.0.1:9"}, "SkyPilot doesn't answer"),
    ):
        with override_settings(**setting), pytest.raises(SchedulerAway, match=words):
            SkyPilot().look(["n"])


@contextmanager
def answering(text: bytes, *, number: bool = True) -> Iterator[None]:
    """Has another server be at SkyPilot's address, which says this to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            if number:
                self.send_header("X-Skypilot-Request-ID", "1")
            self.end_headers()
            self.wfile.write(text)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *words: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with override_settings(SKYPILOT_URL=f"http://127.0.0.1:{server.server_port}", SKYPILOT_TOKEN_FILE=""):
            yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("text", "number"),
    [(b"<html>", False), (b"<html>", True), (b"{}", True), (b"[1]", True)]
    + [(b'{"return_value": "' + value + b'"}', True) for value in (b"{", b"5", b"[5]", b'{\\"jobs\\": [{}]}')],
)
def test_another_server_is_told_from_skypilot(text: bytes, number: bool) -> None:
    with answering(text, number=number), pytest.raises(SchedulerAway, match="is no SkyPilot"):
        SkyPilot().look(["n"])


def test_more_than_any_queue_is_not_read() -> None:
    with answering(b" " * 21_000_000), pytest.raises(SchedulerAway, match="more than 20000000 bytes"):
        SkyPilot().look(["n"])


def row(status: str, job_id: int = 7, **more: str) -> dict[str, Any]:
    return {"job_id": job_id, "job_name": "n", "status": status, **more}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("STARTING")], Seen("7", State.PENDING, "STARTING")),
        ([row("RECOVERING", details="no\n spot")], Seen("7", State.PENDING, "RECOVERING: no spot")),
        ([row("RUNNING")], Seen("7", State.RUNNING)),
        ([row("WINDING_DOWN")], Seen("7", State.RUNNING)),
        ([row("SUCCEEDED")], Seen("7", State.ENDED)),
        ([row("FAILED", failure_reason="x")], Seen("7", State.ENDED, last_words="SkyPilot says: FAILED: x")),
        ([row("FAILED_NO_RESOURCE")], Seen("7", State.ENDED, last_words="SkyPilot says: FAILED_NO_RESOURCE")),
        ([row("FAILED_CONTROLLER", failure_reason="y" * 9000)], Seen("7", State.LOST, ANY)),
        ([row("CANCELLING")], Seen("7", State.CANCELLED)),
        ([row("FAILED", 9), row("RUNNING", 8), row("PENDING", 7)], Seen("7,8", State.RUNNING)),
        ([row("FAILED", 7), row("CANCELLED", 9)], Seen("9", State.CANCELLED)),
    ],
)
def test_a_job_is_read_by_its_status(rows: list[dict[str, Any]], expected: Seen) -> None:
    found = states.seen(rows)
    assert found == expected
    assert len(found.reason) <= 300


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is None; fields belong there"),
        ("a: &a [x]\nb: *a", "it has an alias"),
        ("5: x", "5 is no field of a task here; there are resources"),
        (f"name: x\n{RUN}", "it has name; Podium names its jobs"),
        (f"num_nodes: 2\n{RUN}", "it follows from a run's processes and PODIUM_SKYPILOT_NODES"),
        (f"service: {{}}\n{RUN}", "'service' is no field"),
        (f"resources: [a]\n{RUN}", r"resources is \['a'\]; names with their values"),
        (f"resources: {{accelerators: H100}}\n{RUN}", "resources has accelerators; PODIUM_SKYPILOT_ACCELERATORS"),
        (f"resources: {{any_of: [{{image_id: x}}]}}\n{RUN}", "resources has image_id; set PODIUM_SKYPILOT_IMAGE"),
        (f"workdir: .\n{RUN}", "it has the path '.'; Podium sends no files"),
        (f"file_mounts: {{/a: ~/.ssh}}\n{RUN}", "it has the path '~/.ssh'"),
        (f"file_mounts: {{/a: {{source: [s3://b, /etc]}}}}\n{RUN}", "it has the path '/etc'"),
        ("resources: {any_of: 5}", "run has no {{ arguments }}"),
        ("run: [a]", r"run is \['a'\]; a text belongs there"),
        ("run: '{{ arguments }} {{ token }}'", r"run has \{\{ token \}\}; there are arguments, name"),
        ("y" * 1000 + ": 1", "is no field of a task here"),
    ],
)
def test_a_template_that_podium_can_not_use_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        task.parse(text)
    assert len(str(refused.value)) <= 1000


def test_what_is_written_stays_beside_what_podium_gives(tmp_path: Path) -> None:
    template = tmp_path / "task.yaml"
    template.write_text(
        "resources: {infra: aws, any_of: [{use_spot: true}, {use_spot: false}]}\nsetup: pip list\nenvs: {A: b}\n"
        "secrets: {HF_TOKEN: c}\nfile_mounts: {/cache: s3://cache}\nrun: |\n  echo {{ name }}\n  exec x {{arguments}}\n"
    )
    with override_settings(SKYPILOT_TEMPLATE=str(template)), in_bucket():
        made = yaml.safe_load(task.task_of(job()))
        with pytest.raises(ValueError, match="PODIUM_SKYPILOT_ACCELERATORS is empty"):
            task.task_of(job(queue=""))
        assert "accelerators" not in yaml.safe_load(task.task_of(job(gpus=0)))["resources"]
    assert made["resources"]["any_of"] == [{"use_spot": True}, {"use_spot": False}]
    assert (made["setup"], made["envs"], made["file_mounts"]) == ("pip list", {"A": "b"}, {"/cache": "s3://cache"})
    assert made["secrets"] == {"HF_TOKEN": "c", "TOKEN": "a'b"}
    assert "echo podium-1-1-1-0-0a0a" in made["run"]
    with pytest.raises(ValueError, match="PODIUM_STORAGE is no bucket"):
        task.task_of(job())


def test_a_site_is_told_what_it_lacks() -> None:
    with override_settings(EXECUTORS=["skypilot", "local"], SKYPILOT_TEMPLATE="/nowhere"):
        said = [message.msg.split()[0] for message in check_executors()]
    named = ["SKYPILOT_URL", "STORAGE", "SKYPILOT_ACCELERATORS", "SKYPILOT_TEMPLATE"]
    assert said == [f"PODIUM_{name}" for name in named]
