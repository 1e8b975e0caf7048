"""An API server as Kubernetes has one, for Jobs, their pods and Kueue's workloads. Pods are processes of this machine.

`server.py FOLDER PARENT` writes its port into FOLDER/port and pods' logs beside it, and ends with the process PARENT.
What a test does to the cluster it sends to /test/NAME: see `Tests`. Plain Python: it knows nothing of what asks it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

FOLDER = Path(sys.argv[1])
KILL_WAIT = 10.0  # seconds from SIGTERM to SIGKILL, for the longer one of a pod
INDEX = "batch.kubernetes.io/job-completion-index"
QUEUE = "kueue.x-k8s.io/queue-name"
NO_ROOM = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor a100"
STATE = ("jobs", "pods", "secrets", "services", "deleted", "requests")
LOCK = threading.RLock()


class Cluster:
    """All objects, by their names. What controllers do is done in `reconcile`, again and again."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict] = {}
        self.pods: dict[str, dict] = {}
        self.workloads: dict[str, dict] = {}
        self.secrets: dict[str, dict] = {}
        self.services: dict[str, dict] = {}
        self.processes: dict[str, subprocess.Popen] = {}  # by the pod's uid
        self.nodes_away: set[str] = set()  # pods whose node says nothing any more
        self.deleted: list[dict] = []
        self.requests: list[str] = []
        self.held = self.down = False
        self.broken = ""  # an image that can't be pulled, or a pod that no node has room for

    def reconcile(self) -> None:
        for pod in list(self.pods.values()):
            self._watch(pod)
        for job in list(self.jobs.values()):
            self._control(job)

    # --- Jobs ---------------------------------------------------------------------------------------------------------

    def create(self, job: dict) -> None:
        now = stamp()
        name = job["metadata"]["name"]
        job["metadata"] |= {"uid": f"uid-{len(self.jobs) + len(self.deleted)}", "creationTimestamp": now, "starts": 0}
        job["metadata"]["pid"] = 0
        job["status"] = {"conditions": []}
        self.jobs[name] = job
        if queue := job["metadata"]["labels"].get(QUEUE):
            self.workloads[name] = {
                "metadata": {"name": f"job-{name}", "labels": {"kueue.x-k8s.io/job-uid": job["metadata"]["uid"]}},
                "spec": {"queueName": queue},
                "status": {"conditions": [condition("QuotaReserved", "Pending", NO_ROOM, status="False")]},
            }

    def _control(self, job: dict) -> None:
        pods = self.pods_of(job)
        if "deletionTimestamp" in job["metadata"]:
            for pod in pods:
                self.delete_pod(pod)
            if not pods:
                self.deleted.append(self.jobs.pop(job["metadata"]["name"]))
                self._collect(job["metadata"]["uid"])
        elif is_over(job):
            return
        elif job["spec"].get("suspend"):
            for pod in pods:
                self.delete_pod(pod)
            if not pods and not self.held and job["metadata"]["name"] in self.workloads:
                self._admit(job)
        else:
            self._carry_on(job, pods)

    def _collect(self, owner: str) -> None:
        """Deletes what belonged to an object that is gone."""
        for things in (self.secrets, self.services):
            for name, thing in list(things.items()):
                if owner in [each["uid"] for each in thing["metadata"].get("ownerReferences", [])]:
                    things.pop(name)

    def _admit(self, job: dict) -> None:
        job["spec"]["suspend"] = False
        workload = self.workloads[job["metadata"]["name"]]
        workload["status"]["conditions"] = [
            condition("QuotaReserved", "QuotaReserved"),
            condition("Admitted", "Admitted"),
        ]

    def _carry_on(self, job: dict, pods: list[dict]) -> None:
        if any(pod["status"]["phase"] == "Failed" and not is_disrupted(pod) for pod in pods):
            job["status"]["conditions"].append(condition("Failed", "BackoffLimitExceeded", "Job has reached its limit"))
            for pod in pods:
                if pod["status"]["phase"] in ("Pending", "Running"):
                    self.delete_pod(pod)
            return
        phases = [
            {pod["status"]["phase"] for pod in pods if pod["metadata"]["annotations"][INDEX] == str(index)}
            for index in range(job["spec"]["completions"])
        ]
        if all("Succeeded" in each for each in phases):
            job["status"]["conditions"].append(condition("Complete", "CompletionsReached"))
        for index, each in enumerate(phases):
            if not each & {"Succeeded", "Pending", "Running"}:
                self._start(job, index)

    # --- Pods ---------------------------------------------------------------------------------------------------------

    def pods_of(self, job: dict) -> list[dict]:
        uid = job["metadata"]["uid"]
        return [pod for pod in self.pods.values() if pod["metadata"]["ownerReferences"][0]["uid"] == uid]

    def _start(self, job: dict, index: int) -> None:
        about, template = job["metadata"], job["spec"]["template"]
        about["starts"] += index == 0
        about["pods"] = about.get("pods", 0) + 1
        name = f"{about['name']}-{index}-{about['pods']}"
        pod = {
            "metadata": {
                "name": name,
                "uid": name,
                "namespace": about["namespace"],
                "labels": template["metadata"]["labels"],
                "annotations": {INDEX: str(index)},
                "creationTimestamp": stamp(),
                "ownerReferences": [{"uid": about["uid"]}],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending", "conditions": []},
        }
        self.pods[name] = pod
        if self.broken == "image":
            words = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{container(pod)["image"]}"'}
            pod["status"]["containerStatuses"] = [{"name": "podium", "state": {"waiting": words}}]
        elif self.broken == "room":
            words = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
            pod["status"]["conditions"] = [condition("PodScheduled", "Unschedulable", words, status="False")]
        else:
            pid = self._run(pod)
            about["pid"] = about["pid"] if index else pid

    def _run(self, pod: dict) -> int:
        name = pod["metadata"]["name"]
        works = container(pod)
        folders = {}
        claims = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        for mount in works["volumeMounts"]:
            if "emptyDir" in claims[mount["name"]]:
                folders[mount["mountPath"]] = str(FOLDER / name / mount["name"])
                os.makedirs(folders[mount["mountPath"]])
        env = {each["name"]: folders.get(self._value(each), self._value(each)) for each in works["env"]}
        env = {each: self._resolved(value, pod) for each, value in env.items()}
        env["JOB_COMPLETION_INDEX"] = pod["metadata"]["annotations"][INDEX]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        words = [*works["command"], *(word.replace("$$(", "$(") for word in works["args"])]
        with (FOLDER / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": path, **env},
            )
        self.processes[pod["metadata"]["uid"]] = process
        pod["status"]["phase"] = "Running"
        return process.pid

    def _resolved(self, value: str, pod: dict) -> str:
        """Gives this machine's address for the name that a Service gives a pod of a Job: JOB-INDEX.SERVICE."""
        _, _, service = value.partition(".")
        found = self.services.get(service)
        if not found or found["spec"].get("clusterIP") != "None" or pod["spec"].get("subdomain") != service:
            return value
        selected = found["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        return "127.0.0.1" if selected else value

    def _value(self, variable: dict) -> str:
        if "value" in variable:
            return variable["value"]
        of = variable["valueFrom"]["secretKeyRef"]
        return self.secrets[of["name"]]["stringData"][of["key"]]

    def _watch(self, pod: dict) -> None:
        uid = pod["metadata"]["uid"]
        process = self.processes.get(uid)
        if uid in self.nodes_away or (process and process.poll() is None):
            return
        if "deletionTimestamp" in pod["metadata"] and not is_disrupted(pod):
            self.pods.pop(pod["metadata"]["name"])
        elif process and pod["status"]["phase"] == "Running":
            code = process.returncode if process.returncode >= 0 else 128 - process.returncode
            pod["status"]["phase"] = "Failed" if code else "Succeeded"
            ended = {"exitCode": code, "reason": "Error" if code else "Completed"}
            if code:
                ended["message"] = (FOLDER / f"{pod['metadata']['name']}.log").read_text()[-2048:]
            pod["status"]["containerStatuses"] = [{"name": "podium", "state": {"terminated": ended}}]

    def delete_pod(self, pod: dict) -> None:
        """Tells it to end, and kills it where it doesn't."""
        if "deletionTimestamp" in pod["metadata"]:
            return
        pod["metadata"]["deletionTimestamp"] = stamp(pod["spec"].get("terminationGracePeriodSeconds", 30))
        if process := self.processes.get(pod["metadata"]["uid"]):
            threading.Thread(target=end, args=(process,), daemon=True).start()


class Tests:
    """What a test does to the cluster, by the name in its address. Where it needs a job, that is the last one."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def hold(self, word: str) -> None:
        self.cluster.held = word == "yes"

    def down(self, word: str) -> None:
        self.cluster.down = word == "yes"

    def broken(self, word: str) -> None:
        self.cluster.broken = word

    def preempt(self, word: str) -> None:
        """As Kueue does for another workload: the Job is held back, and let begin once there is room."""
        job = self._job()
        workload = self.cluster.workloads[job["metadata"]["name"]]
        words = "Preempted to accommodate a workload (UID: 1) due to prioritization in the ClusterQueue"
        workload["status"]["conditions"] = [
            condition("QuotaReserved", "Pending", words, status="False"),
            condition("Evicted", "Preempted", words),
        ]
        job["spec"]["suspend"] = True

    def evict(self, word: str) -> None:
        """As a drained node does: the pod ends, and the Job begins the next."""
        pod = self._running(word)
        pod["status"]["conditions"].append(condition("DisruptionTarget", "EvictionByEvictionAPI", "Evicted"))
        self.cluster.delete_pod(pod)

    def lose_node(self, word: str) -> None:
        """As when it has no current: no process says a word, and the pod stays until an administrator comes."""
        pod = self._running(word)
        self.cluster.nodes_away.add(pod["metadata"]["uid"])
        kill(self.cluster.processes[pod["metadata"]["uid"]])
        pod["status"]["conditions"].append(condition("DisruptionTarget", "DeletionByTaintManager", "Taint manager"))
        pod["metadata"]["deletionTimestamp"] = stamp(-3600)

    def fail(self, word: str) -> None:
        """Fails the Job for a reason: a disruption's, in a cluster whose Jobs count those, or its time is over."""
        job = self._job()
        [pod] = [pod for pod in self.cluster.pods_of(job) if pod["status"]["phase"] == "Running"]
        if word != "DeadlineExceeded":
            pod["status"]["conditions"].append(condition("DisruptionTarget", word, "Preempted by another pod"))
        job["status"]["conditions"].append(
            condition("Failed", word if word == "DeadlineExceeded" else "BackoffLimitExceeded")
        )
        self.cluster.delete_pod(pod)

    def _running(self, index: str) -> dict:
        pods = [pod for pod in self.cluster.pods_of(self._job()) if pod["status"]["phase"] == "Running"]
        return next(pod for pod in pods if pod["metadata"]["annotations"][INDEX] == (index or "0"))

    def _job(self) -> dict:
        return list(self.cluster.jobs.values())[-1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster = Cluster()

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_PATCH(self) -> None:
        self._answer(self._patch)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, act) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = json.loads(self.rfile.read(length) or b"null")
        self.url = urlsplit(self.path)
        with LOCK:
            status, answer = self._refusal() or act(self.url.path.strip("/").split("/"))
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _refusal(self):
        if self.url.path.startswith("/test/"):
            return None
        self.cluster.requests.append(f"{self.command} {self.url.path}")
        if self.headers.get("Authorization") != "Bearer the-worker":
            return 401, refusal(401, "Unauthorized")
        return (
            (503, refusal(503, "the server is currently unable to handle the request")) if self.cluster.down else None
        )

    def _get(self, parts: list[str]):
        cluster = self.cluster
        match parts:
            case ["test", "state"]:
                about = {name: getattr(cluster, name) for name in STATE}
                return 200, about
            case ["apis", "batch", "v1", "namespaces", namespace, "jobs"]:
                return 200, {"items": self._selected(cluster.jobs, namespace)}
            case ["api", "v1", "namespaces", namespace, "pods"]:
                return 200, {"items": self._selected(cluster.pods, namespace)}
            case ["apis", "kueue.x-k8s.io", "v1beta1", "namespaces", _, "workloads"]:
                return 200, {"items": self._selected(cluster.workloads)}
        return 404, refusal(404, "the server could not find the requested resource")

    def _selected(self, things: dict[str, dict], namespace: str = "") -> list[dict]:
        [selector] = parse_qs(self.url.query)["labelSelector"]
        label, values = re.fullmatch(r"(\S+) in \((.*)\)", selector).groups()
        return [
            thing
            for thing in things.values()
            if thing["metadata"]["labels"].get(label) in values.split(",")
            and (not namespace or thing["metadata"]["namespace"] == namespace)
        ]

    def _post(self, parts: list[str]):
        match parts:
            case ["test", name, *word]:
                getattr(Tests(self.cluster), name)(*word or [""])
                return 200, {}
            case ["apis", "batch", "v1", "namespaces", namespace, "jobs"]:
                return self._create(namespace)
            case ["api", "v1", "namespaces", _, ("secrets" | "services") as kind]:
                things = getattr(self.cluster, kind)
                if self.body["metadata"]["name"] in things:
                    return 409, refusal(409, f"{kind} already exists")
                things[self.body["metadata"]["name"]] = self.body
                return 201, self.body
        return 404, refusal(404, "the server could not find the requested resource")

    def _create(self, namespace: str):
        name = self.body["metadata"]["name"]
        if parse_qs(self.url.query).get("fieldValidation") != ["Strict"]:
            return 400, refusal(400, "this server's tests want strict validation")
        if name in self.cluster.jobs:
            return 409, refusal(409, f'jobs.batch "{name}" already exists')
        if namespace != "podium":
            return 403, refusal(403, f'jobs.batch is forbidden: cannot create resource "jobs" in "{namespace}"')
        self.body["metadata"]["namespace"] = namespace
        self.cluster.create(self.body)
        return 201, self.body

    def _patch(self, parts: list[str]):
        assert self.headers["Content-Type"] == "application/merge-patch+json"
        thing = getattr(self.cluster, parts[-2])[parts[-1]]
        thing["metadata"] |= self.body["metadata"]
        return 200, thing

    def _delete(self, parts: list[str]):
        job = self.cluster.jobs.get(parts[-1])
        if job is None:
            return 404, refusal(404, f'jobs.batch "{parts[-1]}" not found')
        policy = (self.body or {}).get("propagationPolicy") or parse_qs(self.url.query).get("propagationPolicy", [""])[
            0
        ]
        if policy != "Foreground":
            return 400, refusal(400, "this server's tests want pods to end first")
        job["metadata"].setdefault("deletionTimestamp", stamp())
        return 200, job

    def log_message(self, *words: object) -> None:
        return


def container(pod: dict) -> dict:
    return pod["spec"]["containers"][0]


def condition(kind: str, reason: str, message: str = "", *, status: str = "True") -> dict:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp()}


def is_over(job: dict) -> bool:
    return any(each["type"] in ("Complete", "Failed") for each in job["status"]["conditions"])


def is_disrupted(pod: dict) -> bool:
    return any(each["type"] == "DisruptionTarget" for each in pod["status"]["conditions"])


def refusal(code: int, message: str) -> dict:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def stamp(seconds: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def end(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGTERM) if process.poll() is None else None
    try:
        process.wait(KILL_WAIT)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def control(parent: int) -> None:
    """Does what controllers do until the test has ended, then ends all pods."""
    while Path(f"/proc/{parent}").exists() and not (FOLDER / "over").exists():
        with LOCK:
            Handler.cluster.reconcile()
        time.sleep(0.05)
    for process in Handler.cluster.processes.values():
        kill(process)
    os._exit(0)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=control, args=(int(sys.argv[2]),), daemon=True).start()
    (FOLDER / "port.draft").write_text(str(server.server_port))
    os.replace(FOLDER / "port.draft", FOLDER / "port")
    server.serve_forever()
