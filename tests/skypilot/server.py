"""An API server as SkyPilot has one, for managed jobs. Their machines are folders of this one, with a process in each.

`server.py FOLDER PARENT` writes its port into FOLDER/port and jobs' logs beside it, and ends with the process PARENT.
What a test does to it it sends to /test/NAME: see `Tests`. Plain Python: it knows nothing of what asks it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import yaml

FOLDER = Path(sys.argv[1])
LOCK = threading.RLock()
NUMBER = "X-Skypilot-Request-ID"


class Cloud:
    """All jobs by their numbers, and all requests. What the controller does is done in `reconcile`, again and again."""

    def __init__(self) -> None:
        self.jobs: dict[int, dict] = {}
        self.processes: dict[int, list[subprocess.Popen]] = {}  # one on each of a job's nodes
        self.requests: dict[str, dict] = {}
        self.asked: list[str] = []
        self.held = self.down = self.slow = False
        self.broken = ""  # what SkyPilot says instead of taking a job in

    def reconcile(self) -> None:
        for request in [each for each in self.requests.values() if each["status"] == "PENDING"]:
            if not (self.slow and request["path"] == "/jobs/launch"):
                self._carry_out(request)
        for number, job in self.jobs.items():
            if job["status"] in ("PENDING", "RECOVERING") and not self.held:
                self._start(number, job)
            elif job["status"] == "RUNNING":
                self._watch(number, job)

    def _watch(self, number: int, job: dict) -> None:
        """Ends a job when all its nodes have, or one has failed."""
        codes = [process.poll() for process in self.processes[number]]
        if failed := any(codes):
            self.take_machines(number)
            job["failure_reason"] = "To see the details, run: sky jobs logs"
        if failed or None not in codes:
            job["status"] = "FAILED" if failed else "SUCCEEDED"

    def _carry_out(self, request: dict) -> None:
        act = {"/jobs/launch": self._launch, "/jobs/queue/v2": self._queue, "/jobs/cancel": self._cancel}
        try:
            request |= {"return_value": json.dumps(act[request["path"]](request["body"])), "status": "SUCCEEDED"}
        except ValueError as error:
            said = {"type": type(error).__name__, "message": str(error), "object": "a pickle, which nobody reads"}
            request |= {"error": json.dumps(said), "status": "FAILED"}

    def _launch(self, body: dict) -> dict:
        task = yaml.safe_load(body["task"])
        if self.broken:
            raise ValueError(self.broken)
        number = len(self.jobs) + 1
        self.jobs[number] = {"name": body["name"], "task": task, "status": "PENDING", "starts": 0, "pid": 0}
        return {"job_id": number, "handle": "a pickle"}

    def _queue(self, body: dict) -> dict:
        details = {"PENDING": "In queue, waiting for resources", "RECOVERING": "The spot machine was preempted"}
        rows = [
            {
                "job_id": number,
                "job_name": job["name"],
                "status": job["status"],
                "details": details.get(job["status"]),
                "failure_reason": job.get("failure_reason"),
            }
            for number, job in sorted(self.jobs.items(), reverse=True)
            if body["name_match"] in job["name"]
        ]
        first = (body["page"] - 1) * body["limit"]
        return {"jobs": rows[first : first + body["limit"]], "total": len(rows), "total_no_filter": len(self.jobs)}

    def _cancel(self, body: dict) -> None:
        for number in body["job_ids"]:
            job = self.jobs[number]
            if job["status"] in ("PENDING", "RUNNING", "RECOVERING"):
                self.take_machines(number)
                job["status"] = "CANCELLED"

    def _start(self, number: int, job: dict) -> None:
        job["starts"] += 1
        nodes = int(job["task"].get("num_nodes", 1))
        self.processes[number] = [self._begin(job, f"{number}-{job['starts']}", rank, nodes) for rank in range(nodes)]
        job |= {"status": "RUNNING", "pid": self.processes[number][0].pid}

    def _begin(self, job: dict, name: str, rank: int, nodes: int) -> subprocess.Popen:
        """Begins the task on one node."""
        task, home = job["task"], FOLDER / f"machine {name}-{rank}"
        home.mkdir()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        given = {
            "HOME": str(home),
            "TMPDIR": str(home),
            "SKYPILOT_NODE_RANK": str(rank),
            "SKYPILOT_NUM_NODES": str(nodes),
            "SKYPILOT_NODE_IPS": "\n".join(["127.0.0.1"] * nodes),
        }
        with (FOLDER / f"{name}-{rank}.log").open("wb") as log:
            return subprocess.Popen(
                ["/bin/bash", "-c", task["run"]],
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": path, **given, **task.get("envs", {}), **task.get("secrets", {})},
            )

    def take_machines(self, number: int) -> None:
        """Ends all that works on a job's machines, without a word: whole sessions, in whatever groups."""
        processes = self.processes.get(number, [])
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[3]) in [process.pid for process in processes]:
                    os.kill(int(stat.parent.name), signal.SIGKILL)
            except (OSError, ValueError):
                continue
        for process in processes:
            process.wait()


class Tests:
    """What a test does to the cloud, by the name in its address. Where it needs a job, that is the last one."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def hold(self, word: str) -> None:
        self.cloud.held = word == "yes"

    def down(self, word: str) -> None:
        self.cloud.down = word == "yes"

    def slow(self, word: str) -> None:
        self.cloud.slow = word == "yes"

    def broken(self, word: str) -> None:
        self.cloud.broken = word

    def lose_machine(self, word: str) -> None:
        """As a cloud does with a spot machine, or a machine by itself: SkyPilot looks for the next."""
        number = max(self.cloud.jobs)
        self.cloud.take_machines(number)
        self.cloud.jobs[number]["status"] = "RECOVERING"

    def forget(self, word: str) -> None:
        self.cloud.requests.clear()


class Handler(BaseHTTPRequestHandler):
    """The addresses: SkyPilot's, and those of tests."""

    protocol_version = "HTTP/1.1"
    cloud = Cloud()

    def do_GET(self) -> None:
        self._answer(*self._get() if not (refused := self._refusal()) else refused)

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        self._answer(*self._post() if not (refused := self._refusal()) else refused)

    def _answer(self, status: int, body: object, number: str = "") -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if number:
            self.send_header(NUMBER, number)
        self.end_headers()
        self.wfile.write(text)

    def _refusal(self):
        if self.path.startswith("/test/"):
            return None
        with LOCK:
            self.cloud.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        if self.headers.get("Authorization") != "Bearer sky_the-worker":
            return 401, {"detail": "Invalid service account token"}
        return (503, {"detail": "SkyPilot API server is shutting down"}) if self.cloud.down else None

    def _get(self):
        url = urlsplit(self.path)
        values = parse_qs(url.query)
        if url.path == "/test/state":
            with LOCK:
                return 200, {"jobs": list(self.cloud.jobs.values()), "asked": self.cloud.asked}
        if url.path == "/api/status":
            with LOCK:
                known = [self.cloud.requests.get(number) for number in values["request_ids"]]
                return 200, [{"request_id": each["id"], "status": each["status"]} for each in known if each]
        if url.path == "/api/get":
            return self._wait_for(values["request_id"][0])
        return 404, {"detail": "Not Found"}

    def _wait_for(self, number: str):
        while True:
            with LOCK:
                request = dict(self.cloud.requests.get(number) or {})
            if not request:
                return 404, {"detail": f"Request {number!r} not found"}
            if request["status"] != "PENDING":
                about = {name: request.get(name) for name in ("status", "return_value", "error")}
                return (200, about) if request["status"] == "SUCCEEDED" else (500, {"detail": about})
            time.sleep(0.02)

    def _post(self):
        with LOCK:
            if self.path.startswith("/test/"):
                _, _, name, *word = unquote(self.path).split("/")
                getattr(Tests(self.cloud), name)(*word or [""])
                return 200, {}
            number = str(uuid4())
            request = {"id": number, "path": self.path, "body": self.body, "status": "PENDING"}
            if self.path == "/api/cancel":
                for each in self.body["request_ids"]:
                    self.cloud.requests[each]["status"] = "CANCELLED"
                request |= {"status": "SUCCEEDED", "return_value": "null"}
            elif self.path not in ("/jobs/launch", "/jobs/queue/v2", "/jobs/cancel"):
                return 404, {"detail": "Not Found"}
            self.cloud.requests[number] = request
            return 200, None, number

    def log_message(self, *words: object) -> None:
        return


def control(parent: int) -> None:
    """Does what the server's workers and its controller do until the test has ended, then ends all jobs."""
    while Path(f"/proc/{parent}").exists() and not (FOLDER / "over").exists():
        with LOCK:
            Handler.cloud.reconcile()
        time.sleep(0.02)
    for number in Handler.cloud.processes:
        Handler.cloud.take_machines(number)
    os._exit(0)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=control, args=(int(sys.argv[2]),), daemon=True).start()
    (FOLDER / "port.draft").write_text(str(server.server_port))
    os.replace(FOLDER / "port.draft", FOLDER / "port")
    server.serve_forever()
