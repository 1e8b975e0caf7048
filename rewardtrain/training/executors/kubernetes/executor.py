"""The executor of Kubernetes: makes Jobs, reads how they and their pods are, deletes them. It watches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from django.conf import settings

from artifacts import store
from rewardtrain.training.executors.executor import NOTHING, Job, Limits, Seen
from rewardtrain.training.executors.kubernetes import pod_template
from rewardtrain.training.executors.kubernetes.connection import Connection, asking
from rewardtrain.training.executors.kubernetes.job_object import (
    JOB,
    job_object,
    model_dir,
    secret_object,
    service_object,
)
from rewardtrain.training.executors.kubernetes.states import seen, waits_for_kueue

ALREADY_THERE, GONE = 409, 404
AT_ONCE = 100  # names in one question: an address has to stay below 8 kB
OF_JOB = "kueue.x-k8s.io/job-uid"  # a label of Kueue's workloads


class Kubernetes:
    """Jobs of one namespace, by their names, which nobody else has."""

    title = "Kubernetes"

    def submit(self, job: Job) -> str:
        body, namespace = job_object(job), str(settings.KUBERNETES_NAMESPACE)
        owned = [secret_object(job)] if job.secrets else []
        owned += [service_object(job)] if job.resources.nodes > 1 else []
        with asking() as api:
            for each in owned:  # first: a pod that has begun waits for it, and we may be killed in between
                with _unless(ALREADY_THERE):
                    api.create(namespace, each)
            with _unless(ALREADY_THERE):
                api.create_job(namespace, body)
            if owned:
                [made] = api.jobs(namespace, f"{JOB} in ({job.name})")
                owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job.name, "uid": made["metadata"]["uid"]}
                for each in owned:
                    api.own(namespace, each, owner)
        return f"{namespace}/{job.name}"

    def look(self, names: Sequence[str], ids: Mapping[str, str] = NOTHING) -> Mapping[str, Seen]:
        found: dict[str, Seen] = {}
        for start in range(0, len(names), AT_ONCE):
            with asking() as api:
                found |= {one.id.partition("/")[2]: one for one in _look(api, names[start : start + AT_ONCE])}
        return found

    def cancel(self, job: Seen) -> None:
        namespace, _, name = job.id.partition("/")
        with asking() as api, _unless(GONE):
            api.delete_job(namespace, name)

    def missing(self) -> list[str]:
        words = [] if find_spec("kubernetes") else ["The Python package kubernetes is missing; pip install kubernetes."]
        if not settings.KUBERNETES_IMAGE:
            words.append("PODIUM_KUBERNETES_IMAGE is empty; name the image with Podium's code, e.g. ghcr.io/us/podium.")
        if not settings.KUBERNETES_VOLUME and store.bucket() is None:
            words.append("PODIUM_KUBERNETES_VOLUME is empty; name the volume claim that holds PODIUM_MODEL_DIR.")
        try:
            pod_template.read()
        except (ImportError, OSError, ValueError) as error:
            words.append(f"PODIUM_KUBERNETES_TEMPLATE is {settings.KUBERNETES_TEMPLATE!r}, but {error}")
        return words

    def limits(self) -> Limits:
        queues, nodes = settings.KUBERNETES_QUEUES, settings.KUBERNETES_NODES
        queue = queues[0] if queues else ""
        return Limits(queues, settings.KUBERNETES_GPUS, settings.KUBERNETES_HOURS, nodes, queue)

    def model_dir(self) -> str:
        return model_dir()


@contextmanager
def _unless(status: int) -> Iterator[None]:
    """Takes this answer for a good one."""
    from kubernetes.client.exceptions import ApiException

    try:
        yield
    except ApiException as error:
        if error.status != status:
            raise


def _look(api: Connection, names: Sequence[str]) -> Iterator[Seen]:
    """Asks for the jobs, their pods, and, where any is held back, for Kueue's reasons: three questions at most."""
    namespace, selector = str(settings.KUBERNETES_NAMESPACE), f"{JOB} in ({','.join(names)})"
    jobs = api.jobs(namespace, selector)
    pods = _by_label(api.pods(namespace, selector), JOB) if jobs else {}
    held = [job["metadata"]["uid"] for job in jobs if job["spec"].get("suspend")]
    workloads = _by_label(api.workloads(namespace, f"{OF_JOB} in ({','.join(held)})"), OF_JOB) if held else {}
    for job in jobs:
        about = job["metadata"]
        reason = waits_for_kueue(workloads.get(about["uid"], []))
        yield seen(job, pods.get(about["labels"][JOB], []), suspended_for=reason)


def _by_label(things: list[dict[str, Any]], label: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for thing in things:
        found.setdefault(thing["metadata"].get("labels", {}).get(label, ""), []).append(thing)
    return found
