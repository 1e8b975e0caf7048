"""Kubernetes as it is asked by its official client, and the Job that it is given."""

import http.server
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from config.servers.deployment import site
from rewardtrain.training.executors import offered, template_file
from rewardtrain.training.executors.executor import Job, Resources, SchedulerAway, Seen, State
from rewardtrain.training.executors.kubernetes import connection
from rewardtrain.training.executors.kubernetes.executor import AT_ONCE, Kubernetes
from rewardtrain.training.executors.kubernetes.job_object import job_object
from rewardtrain.training.executors.site_check import check_executors, check_schedulers
from tests.kubernetes import cluster as stub

ARGUMENTS = ["job", "/srv/a folder; rm -rf ~", "it's", "$(HOME)", "$(whoami) $$"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[stub.Kubernetes]:
    with stub.kubernetes_in(tmp_path / "kubernetes") as cluster:
        yield cluster


def job(name: str = "podium-1-1-1-0-0a0a", *, queue: str = "gpu", gpus: int = 2, nodes: int = 1) -> Job:
    return Job(name, ARGUMENTS, Resources(queue, gpus, 8, nodes), Path("/dev/null"))


def test_a_job_is_submitted_once_with_what_its_project_asked_for(cluster: stub.Kubernetes, model_dir: Path) -> None:
    cluster.hold()
    kubernetes = Kubernetes()
    assert kubernetes.submit(job()) == kubernetes.submit(job()) == "podium/podium-1-1-1-0-0a0a"
    [submitted] = cluster.state()["jobs"].values()
    spec, template = submitted["spec"], submitted["spec"]["template"]
    assert submitted["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpu"
    assert (spec["completionMode"], spec["completions"], spec["suspend"]) == ("Indexed", 1, True)
    assert (spec["activeDeadlineSeconds"], spec["backoffLimit"]) == (8 * 3600, 0)
    [container] = template["spec"]["containers"]
    assert container["resources"] == {"limits": {"nvidia.com/gpu": "2"}}
    assert container["image"] == "registry.example/podium:1"
    assert container["command"] == ["python", "-m", "rewardtrain.core"]
    assert container["volumeMounts"][2] == {"name": "podium-models", "mountPath": str(model_dir), "subPath": "models"}
    assert template["spec"]["volumes"][2]["persistentVolumeClaim"] == {"claimName": "podium-data"}
    assert template["spec"]["securityContext"]["runAsUser"] == os.geteuid()
    assert template["spec"]["automountServiceAccountToken"] is False
    assert "secret" not in str(submitted).lower()
    seen = kubernetes.look([job().name, "another"])
    assert seen.keys() == {job().name}
    assert (seen[job().name].state, seen[job().name].is_alive) == (State.PENDING, True)
    assert seen[job().name].reason.startswith("Pending: couldn't assign flavors to pod set main: insufficient")
    assert kubernetes.look([]) == {}


def test_a_look_asks_three_questions_however_many_jobs_there_are(cluster: stub.Kubernetes) -> None:
    cluster.hold()
    names = [f"podium-1-{number}-1-0-0a0a" for number in range(20)]
    for name in names:
        Kubernetes().submit(job(name))
    Kubernetes().look(names)  # which also learns which version of its API Kueue serves
    before = cluster.state()["requests"]
    assert len(Kubernetes().look([*names, *(f"none-{number}" for number in range(AT_ONCE - 20))])) == 20
    asked = cluster.state()["requests"][len(before) :]
    assert [address.rpartition("/")[2] for address in asked] == ["jobs", "pods", "workloads"]
    Kubernetes().look(["none"])
    assert len(cluster.state()["requests"]) == len(before) + 4


def test_a_job_in_no_queue_begins_at_once_and_what_is_cancelled_is_gone(cluster: stub.Kubernetes) -> None:
    body = job_object(job(queue="", gpus=0))
    assert body["spec"]["suspend"] is False
    assert "kueue.x-k8s.io/queue-name" not in body["metadata"]["labels"]
    assert "limits" not in body["spec"]["template"]["spec"]["containers"][0]["resources"]
    seen = Seen("podium/never-there", State.RUNNING)
    Kubernetes().cancel(seen)
    cluster.hold()
    Kubernetes().submit(job())
    [found] = Kubernetes().look([job().name]).values()
    Kubernetes().cancel(found)
    Kubernetes().cancel(found)
    left = Kubernetes().look([job().name])
    assert not any(each.is_alive for each in left.values())


def test_what_is_secret_is_in_a_secret_of_the_job_alone(cluster: stub.Kubernetes, tmp_path: Path) -> None:
    template = tmp_path / "pod.yaml"
    told = tmp_path / "told"
    command = f'["/bin/sh", "-c", "echo $TOKEN >{told}; exec sleep 600"]'
    template.write_text(f"spec: {{containers: [{{name: podium, command: {command}}}]}}")
    secretive = replace(job(), secrets={"TOKEN": "s3cr3t"})
    with override_settings(KUBERNETES_TEMPLATE=str(template)):
        Kubernetes().submit(secretive)
        Kubernetes().submit(secretive)  # as one does who was killed half-way
    until(lambda: told.exists() and told.read_text())
    assert told.read_text() == "s3cr3t\n"
    state = cluster.state()
    assert "s3cr3t" not in str((state["jobs"], state["pods"]))
    [secret] = state["secrets"].values()
    assert secret["immutable"] is True
    [seen] = Kubernetes().look([job().name]).values()
    Kubernetes().cancel(seen)
    until(lambda: not cluster.state()["jobs"])
    assert not cluster.state()["secrets"]


def test_pods_of_several_nodes_find_the_first_by_a_service_of_the_job(cluster: stub.Kubernetes) -> None:
    cluster.hold()
    several = job(nodes=3)
    Kubernetes().submit(several)
    Kubernetes().submit(several)  # as one does who was killed half-way
    state = cluster.state()
    [submitted], [service] = state["jobs"].values(), state["services"].values()
    spec = submitted["spec"]["template"]["spec"]
    assert (submitted["spec"]["completions"], submitted["spec"]["parallelism"]) == (3, 3)
    assert service["spec"]["selector"].items() <= submitted["spec"]["template"]["metadata"]["labels"].items()
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert spec["subdomain"] == service["metadata"]["name"] == several.name
    [first] = [each["value"] for each in spec["containers"][0]["env"] if each["name"] == "PODIUM_FIRST_NODE"]
    assert first == f"{several.name}-0.{several.name}"
    Kubernetes().cancel(Kubernetes().look([several.name])[several.name])
    until(lambda: not cluster.state()["jobs"])
    assert not cluster.state()["services"]


def test_where_a_bucket_keeps_the_files_no_volume_is_needed(cluster: stub.Kubernetes, settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, "models": {"BACKEND": "artifacts.bucket.Bucket", "OPTIONS": {}}}
    settings.KUBERNETES_VOLUME = ""
    spec = job_object(job())["spec"]["template"]["spec"]
    assert [volume["name"] for volume in spec["volumes"]] == ["podium-scratch", "podium-shm"]
    assert [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]] == ["/scratch", "/dev/shm"]
    assert Kubernetes().missing() == []


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_no_argument_is_read_as_a_variable_of_the_container(cluster: stub.Kubernetes) -> None:
    [container] = job_object(job())["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["job", "/srv/a folder; rm -rf ~", "it's", "$$(HOME)", "$$(whoami) $$"]


@pytest.mark.parametrize("name", ["Podium-1", "podium_1", "-podium", "podium-", "podium.1", "p" * 62, "", "pödium"])
def test_a_name_that_no_pod_can_have_is_refused(cluster: stub.Kubernetes, name: str) -> None:
    with pytest.raises(ValueError, match="can't be a Job's name"):
        job_object(job(name))
    assert job_object(job("p" * 61))


def test_what_the_server_says_of_its_trouble_is_told(cluster: stub.Kubernetes) -> None:
    cluster.down()
    with pytest.raises(SchedulerAway, match="Kubernetes answers 503: the server is currently unable to handle"):
        Kubernetes().look(["n"])
    cluster.down(False)
    with (
        override_settings(KUBERNETES_NAMESPACE="other"),
        pytest.raises(SchedulerAway, match=r'answers 403: jobs.batch is forbidden: cannot create .* in "other"'),
    ):
        Kubernetes().submit(job())
    config = Path(cluster.folder / "config")
    config.write_text(config.read_text().replace("the-worker", "nobody"))
    connection.connect.cache_clear()
    with pytest.raises(SchedulerAway, match="Kubernetes answers 401: Unauthorized"):
        Kubernetes().look(["n"])
    config.write_text(config.read_text().replace("nobody", "the-worker"))
    assert Kubernetes().look(["n"]) == {}  # new credentials are read without a start


class _Other(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *words: object) -> None:
        return


def look_at(port: int, folder: Path) -> str:
    """Looks at a port that no Kubernetes has, and gives what is told of it."""
    config = folder / f"config-{port}"
    config.write_text(stub.CONFIG.format(port=port))
    with override_settings(KUBERNETES_CONFIG=str(config)), pytest.raises(SchedulerAway) as away:
        Kubernetes().look(["n"])
    return str(away.value)


def test_whoever_else_answers_is_told(tmp_path: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        assert "What answers is no Kubernetes" in look_at(other.server_port, tmp_path)
        other.shutdown()
    assert "Kubernetes doesn't answer" in look_at(other.server_port, tmp_path)  # it is closed by now


def test_one_that_says_nothing_is_left_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SECONDS", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "Kubernetes doesn't answer" in look_at(silent.getsockname()[1], tmp_path)


@pytest.mark.parametrize("text", ["", "- a", "{", "current-context: none", None])
def test_a_kubeconfig_that_leads_nowhere_is_named(tmp_path: Path, text: str | None) -> None:
    config = tmp_path / "config"
    if text is not None:
        config.write_text(text)
    with (
        override_settings(KUBERNETES_CONFIG=str(config)),
        pytest.raises(SchedulerAway, match="PODIUM_KUBERNETES_CONFIG"),
    ):
        Kubernetes().look(["n"])


def test_a_pod_reads_its_own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    connection.connect.cache_clear()
    with pytest.raises(SchedulerAway, match="Service token file does not exist"):
        Kubernetes().look(["n"])


def test_a_site_is_told_what_its_cluster_lacks(tmp_path: Path) -> None:
    template = tmp_path / "pod.yaml"
    template.write_text("spec: {}")
    with override_settings(EXECUTORS=["local", "kubernetes"], KUBERNETES_TEMPLATE=str(template)):
        said = [message.msg for message in check_executors()]
    assert [line.split()[0] for line in said] == [
        "PODIUM_KUBERNETES_IMAGE",
        "PODIUM_KUBERNETES_VOLUME",
        "PODIUM_KUBERNETES_TEMPLATE",
    ]
    with override_settings(EXECUTORS=["local", "kubernetes"], KUBERNETES_TEMPLATE=str(tmp_path / "none")):
        assert "No such file" in offered.missing()[2]
    template.write_bytes(b"#" * (template_file.LARGEST + 1))
    with override_settings(EXECUTORS=["local", "kubernetes"], KUBERNETES_TEMPLATE=str(template)):
        assert "more than 100000 bytes" in offered.missing()[2]
    with pytest.raises(ValueError, match="PODIUM_KUBERNETES_IMAGE is empty"):
        job_object(job())


def test_a_site_is_told_whether_its_clusters_answer(cluster: stub.Kubernetes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_schedulers() == []
    monkeypatch.setenv("PATH", "/nowhere")
    with override_settings(EXECUTORS=["slurm", "kubernetes", "local"]):
        [slurm] = check_schedulers()
        assert slurm.msg.startswith("Slurm can't be asked: squeue is not on the PATH")
        cluster.down()
        [_, kubernetes] = check_schedulers()
        assert kubernetes.msg.startswith("Kubernetes can't be asked: Kubernetes answers 503")
        found = list(site.clusters())
    assert [level for level, _ in found] == ["warning", "warning"]
    assert "take the cluster out of PODIUM_EXECUTORS" in found[1][1]
    assert list(site.clusters()) == []
