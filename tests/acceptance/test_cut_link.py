"""Web, servers and training on a machine each: their links are cut for half a minute while people label and a run
trains. Nothing that was acknowledged is lost, nothing is done twice, and all of it comes back by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests

from artifacts.folder_manifest import check, parts_of
from config.processes import command_lines
from tests.acceptance.machines import Machines, joined, start_servers
from tests.acceptance.podium import REPOSITORY, Client, wait_for
from tests.acceptance.test_killed import TRAINING, prompt_row
from tests.acceptance.test_main_job import lines_of
from tests.core.tiny.backbones import save_tiny_bert

PROJECT = "cut"
RANKED, TO_RANK = 80, 400
CUT_SECONDS = 30
EPOCHS = 120  # a thousand steps
PACE = 5  # steps a second at most while the link is cut, so that no machine is too fast for it
PATIENCE = 300.0  # of the test, on a busy machine
LONGEST_ANSWER = 45.0
PASSWORD = "nine blue lanterns"
LABELERS = ("labeler1", "labeler2", "labeler3")


@dataclass
class Site:
    machines: Machines
    environ: dict[str, str]
    data_dir: Path

    @property
    def url(self) -> str:
        return f"http://{self.machines.address('web')}:8000"

    def manage(self, *words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(command, cwd=REPOSITORY, env=self.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Each process where docs/install.md places it."""
        web, training = self.machines.address("web"), "training"
        self.run("web", "web", command_lines.web(host=web, port=8000, workers=2).command)
        self.run("web", "worker", command_lines.worker().command)
        self.run("web", "beat", command_lines.beat(self.data_dir).command)
        self.run(training, "train", command_lines.train().command)

    def run(self, machine: str, title: str, command: Any) -> None:
        self.machines.start(machine, title, command, self.environ)

    def ready(self) -> requests.Response | None:
        try:
            return requests.get(f"{self.url}/readyz", timeout=LONGEST_ANSWER)
        except requests.RequestException:
            return None

    def is_ready(self) -> bool:
        answer = self.ready()
        return answer is not None and answer.ok

    def step(self) -> int:
        """Reads how far the training is, of a file that no cut link keeps from it."""
        steps = [0]
        for metrics in Path(self.environ["PODIUM_MODEL_DIR"]).glob("projects/*/runs/*/out/metrics.jsonl"):
            said = [json.loads(line) for line in metrics.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
            steps += [event["step"] for event in said if event["event"] == "step"]
        return steps[-1]

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.environ["DATABASE_URL"], autocommit=True)

    def wait(self, ask: Any, what: str) -> Any:
        try:
            return wait_for(ask, what, seconds=PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.machines.said()}") from None


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "*")
    with joined(tmp_path) as machines:
        start_servers(machines, tmp_path / "servers")
        data = machines.address("data")
        settings = {
            "DATABASE_URL": f"postgresql://podium@{data}:5432/podium",
            "REDIS_URL": f"redis://{data}:6379/0",
            "SECRET_KEY": "the same on all machines " * 3,
            "ALLOWED_HOSTS": machines.address("web"),
            "PODIUM_DATA_DIR": str(tmp_path / "data"),
            "PODIUM_MODEL_DIR": str(tmp_path / "shared"),
            "PODIUM_BACKBONES": str(save_tiny_bert(tmp_path / "backbone")),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "HF_HUB_OFFLINE": "1",
        }
        (tmp_path / "data").mkdir()
        site = Site(machines, {**os.environ, **settings}, tmp_path / "data")
        site.wait(lambda: is_open(site), "PostgreSQL")
        site.manage("migrate", "--no-input", "-v", "0")
        site.manage("collectstatic", "--no-input", "-v", "0")
        site.start()
        site.wait(site.is_ready, "the web")
        yield site


def is_open(site: Site) -> bool:
    try:
        site.database().close()
    except psycopg.OperationalError:
        return False
    return True


@dataclass
class Work:
    """What people did: which rankings were acknowledged, of which task, and how long the web took for an answer."""

    site: Site
    acknowledged: dict[int, str] = field(default_factory=dict)
    refusals: list[int] = field(default_factory=list)
    longest: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def label(self, client: requests.Session) -> None:
        with closing(client):
            while not self.over.is_set():
                task = self.ask(client, f"/projects/{PROJECT}/assignments/next/", {}).json()
                tiers = [[completion["id"]] for completion in task["completions"]]
                ranking = self.ask(client, f"/assignments/{task['id']}/ranking/", {"tiers": tiers}).json()
                self.acknowledged[ranking["id"]] = str(task["id"])
                self.over.wait(0.3)

    def ask(self, client: requests.Session, path: str, body: object) -> requests.Response:
        """Sends the same again until it is answered, as the client of a labeler does."""
        while True:
            began = time.monotonic()
            answer = client.post(f"{self.site.url}/api/v1{path}", json=body, timeout=LONGEST_ANSWER)
            self.longest = max(self.longest, time.monotonic() - began)
            if answer.status_code != 503 or self.over.is_set():
                assert answer.status_code in (200, 201), f"{answer.status_code} {answer.text}"
                return answer
            assert answer.json()["errors"][0]["code"] == "no_database", answer.text
            self.refusals.append(answer.status_code)
            time.sleep(0.5)

    def wait_for_more(self, rankings: int) -> None:
        enough = len(self.acknowledged) + rankings
        self.site.wait(lambda: len(self.acknowledged) >= enough, f"{rankings} rankings more")


def people(site: Site) -> dict[str, str]:
    """Makes a manager and labelers, and gives their tokens."""
    code = (
        "from labeling.models import User\n"
        f"User.objects.create_superuser('manager', password='x')\n"
        f"[User.objects.create_user(name, password={PASSWORD!r}) for name in {LABELERS!r}]"
    )
    site.manage("shell", "-v", "0", "-c", code)
    return {name: site.manage("create_token", name).split()[-1] for name in ("manager", *LABELERS)}


def make_project(site: Site, tokens: dict[str, str]) -> Client:
    manager = Client(site.url, tokens["manager"])
    manager.post("/projects/", {"slug": PROJECT, "name": "Cut", "overlap": 1}, status=201)
    site.manage(
        "shell", "-v", "0", "-c",
        "from labeling.models import Project; from rewardtrain.training import policy; "
        f"policy.update_policy(Project.objects.get(slug={PROJECT!r}), enabled=False, head_enabled=False)",
    )  # fmt: skip
    for name in LABELERS:
        manager.post(f"/projects/{PROJECT}/members/", {"username": name, "role": "labeler"})
    rows = [prompt_row(number, ranked=number < RANKED) for number in range(RANKED + TO_RANK)]
    assert manager.upload(PROJECT, lines_of(rows))["created"] == len(rows)
    return manager


def logged_in(site: Site, name: str) -> requests.Session:
    """Logs in as a browser does: who must do that again after a cut isn't let in by the API, which fails the test."""
    client = requests.Session()
    client.headers["Referer"] = site.url
    client.get(f"{site.url}/accounts/login/", timeout=LONGEST_ANSWER).raise_for_status()
    body = {"login": name, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    client.post(f"{site.url}/accounts/login/", data=body, timeout=LONGEST_ANSWER).raise_for_status()
    client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
    return client


@contextmanager
def labeling(site: Site) -> Iterator[Work]:
    work = Work(site)
    with ThreadPoolExecutor(len(LABELERS)) as pool:
        labelers = [pool.submit(work.label, logged_in(site, name)) for name in LABELERS]
        try:
            yield work
        finally:
            work.over.set()
        for labeler in labelers:
            labeler.result()


@pytest.mark.acceptance
@pytest.mark.namespaces
@pytest.mark.usefixtures("needs_torch")
@pytest.mark.timeout(900)
def test_nothing_is_lost_when_the_links_are_cut(site: Site) -> None:
    tokens = people(site)
    manager = make_project(site, tokens)
    training = {**TRAINING, "epochs": EPOCHS, "backbone": site.environ["PODIUM_BACKBONES"]}
    number = manager.post(f"/projects/{PROJECT}/runs/", {"training": training}, status=202)["id"]

    def run() -> dict[str, Any]:
        found: dict[str, Any] = manager.get(f"/projects/{PROJECT}/runs/{number}/")
        return found

    site.wait(lambda: run()["points"], "a step of the training")
    (child,) = trainings(site)
    child.suspend()
    with labeling(site) as work:
        work.wait_for_more(9)
        cut_for_half_a_minute(site, child)
        work.wait_for_more(9)
        site.wait(site.is_ready, "the web to be well again")
    ended = site.wait(lambda: (now := run())["state"] not in ("queued", "running") and now, "the end of the run")
    assert (ended["state"], ended["attempts"]) == ("succeeded", 1), f"{ended}\n{site.machines.said()}"
    assert len({point["step"] for point in ended["points"]}) == len(ended["points"])
    [model] = manager.get(f"/projects/{PROJECT}/models/")["results"]
    require_whole(Path(site.environ["PODIUM_MODEL_DIR"]), model["manifest_sha256"])
    assert stored(site) == work.acknowledged
    assert work.refusals
    assert all(process.poll() is None for process in site.machines.processes.values()), site.machines.said()
    assert work.longest < LONGEST_ANSWER
    site.wait(lambda: sweeps(site), "a sweep that beat asked for")


def cut_for_half_a_minute(site: Site, child: psutil.Process) -> None:
    """The web is asked how it is meanwhile, and the training goes on."""
    first, over = site.step(), threading.Event()
    paced = threading.Thread(target=keep_pace, args=(site, child, first, over))
    site.machines.network.cut("data")
    paced.start()
    began = time.monotonic()
    said: list[dict[str, str]] = []
    try:
        while time.monotonic() - began < CUT_SECONDS:
            answer = site.ready()
            if answer is not None and answer.status_code == 503:
                said.append(answer.json())
            assert requests.get(f"{site.url}/healthz", timeout=LONGEST_ANSWER).ok
            time.sleep(0.5)
        assert site.step() > first + PACE
        assert child.is_running(), site.machines.said()
    finally:
        site.machines.network.mend("data")
        over.set()
        paced.join()
    assert said
    assert all("unreachable" in parts["database"] and "unreachable" in parts["broker"] for parts in said[1:]), said


def keep_pace(site: Site, child: psutil.Process, first: int, over: threading.Event) -> None:
    """Holds the training back: however fast this machine is, it goes on all the while and ends after."""
    began = time.monotonic()
    while not over.wait(0.05):
        if site.step() > first + PACE * (time.monotonic() - began):
            child.suspend()
        else:
            child.resume()
    child.resume()


def trainings(site: Site) -> list[psutil.Process]:
    worker = psutil.Process(site.machines.processes["train"].pid)
    children = worker.children(recursive=True)
    return [process for process in children if "rewardtrain.core train" in " ".join(process.cmdline())]


def require_whole(shared: Path, sha256: str) -> None:
    """The model's files are what its row and its manifest say."""
    [manifest] = shared.glob("projects/*/runs/*/out/model/manifest.json")
    check(manifest, sha256, manifest.name)
    for part in parts_of(manifest.read_bytes(), ""):
        check(manifest.parent / part.name, part.sha256, part.name)


def stored(site: Site) -> dict[int, str]:
    with site.database() as connection:
        rows = connection.execute(
            "SELECT r.id, r.assignment_id::text FROM labeling_ranking r JOIN labeling_user u ON u.id = r.labeler_id"
            " WHERE r.live AND u.username = ANY(%s)",
            [list(LABELERS)],
        ).fetchall()
    return dict(rows)


def sweeps(site: Site) -> bool:
    """Tells whether one has begun a moment ago."""
    code = "from jobs import notify; print(notify.seconds_since_sweep())"
    return float(site.manage("shell", "-v", "0", "-c", code).split()[-1]) < 10
