"""A run's job as Kubernetes is given it: an Indexed Job of a pod for each node, with what its project may use.

Secrets are in an object of their own, that the Job has the names of. Pods of one Job find the first of them by a
Service without an address of its own.

https://kubernetes.io/docs/concepts/workloads/controllers/job/ and https://kueue.sigs.k8s.io/docs/tasks/run/jobs/
"""

from __future__ import annotations

import os
import re
from typing import Any

from django.conf import settings

from artifacts import store
from rewardtrain.training.executors.executor import Job, Resources
from rewardtrain.training.executors.kubernetes import pod_template
from rewardtrain.training.executors.kubernetes.pod_template import COMMAND, OURS, Fields

JOB = "podium-job"  # the label, of Job and pod, that has the job's name
QUEUE = "kueue.x-k8s.io/queue-name"
SCRATCH = "/scratch"  # where a job works: its node's own disk
FIRST = "PODIUM_FIRST_NODE"  # as in rewardtrain/core/job/place.py
NAMED = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)  # a label of DNS, RFC 1123
LONGEST_NAME = 61  # of 63: a pod's host name adds its index
CHECKPOINT_SECONDS = 120  # from SIGTERM to SIGKILL
KEPT_SECONDS = 86_400  # for which a Job that has ended can be looked at


def job_object(job: Job) -> Fields:
    """Gives the Job. Raises OSError, ValueError: what the operator has set can't be.

    One attempt: Podium begins the next itself. A pod that made way, or was lost with its node, counts for none, and
    the next of the same Job begins when it has ended.
    """
    if len(job.name) > LONGEST_NAME or not NAMED.fullmatch(job.name):
        raise ValueError(f"{job.name[:80]!r} can't be a Job's name: at most {LONGEST_NAME} of a-z, 0-9 and -")
    needed = {"IMAGE": settings.KUBERNETES_IMAGE, "VOLUME": settings.KUBERNETES_VOLUME or store.bucket()}
    for name, value in needed.items():
        if not value:
            raise ValueError(f"PODIUM_KUBERNETES_{name} is empty; the administrator has to set it")
    template = _pod(job)
    queue = job.resources.queue
    labels = template["metadata"]["labels"] | ({QUEUE: queue} if queue else {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job.name, "labels": labels},
        "spec": {
            "completionMode": "Indexed",
            "completions": job.resources.nodes,
            "parallelism": job.resources.nodes,
            "suspend": bool(queue),  # Kueue lets it begin
            "backoffLimit": 0,
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": job.resources.hours * 3600,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": template,
        },
    }


def model_dir() -> str:
    """Names the folder of all artifacts as pods see it."""
    return str(settings.KUBERNETES_MODEL_DIR or store.root())


def _pod(job: Job) -> Fields:
    template = pod_template.read()
    about, spec = template.get("metadata") or {}, template["spec"]
    about["labels"] = (about.get("labels") or {}) | _labels(job)
    volumes = {
        SCRATCH: {"name": f"{OURS}scratch", "emptyDir": {}},
        "/dev/shm": {"name": f"{OURS}shm", "emptyDir": {"medium": "Memory"}},  # processes of a training talk through it
    }
    mounts = [{"name": volume["name"], "mountPath": path} for path, volume in volumes.items()]
    if store.bucket() is None:
        claim, _, folder = str(settings.KUBERNETES_VOLUME).partition("/")
        models = {"name": f"{OURS}models", "persistentVolumeClaim": {"claimName": claim}}
        volumes[model_dir()] = models
        mounts.append({"name": models["name"], "mountPath": model_dir()} | ({"subPath": folder} if folder else {}))
    spec["volumes"] = [*(spec.get("volumes") or ()), *volumes.values()]
    _fill_container(spec["containers"][0], job, mounts)
    for name, value in _safe_defaults().items():
        spec.setdefault(name, value)
    if job.resources.nodes > 1:
        spec["subdomain"] = job.name
    return template | {"metadata": about, "spec": spec | {"restartPolicy": "Never"}}


def service_object(job: Job) -> Fields:
    """Gives the Service by which a Job's pods have names: NAME-INDEX.NAME, from their beginning on.

    https://kubernetes.io/docs/tasks/job/job-with-pod-to-pod-communication/
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": job.name, "labels": _labels(job)},
        "spec": {"clusterIP": "None", "selector": {JOB: job.name}, "publishNotReadyAddresses": True},
    }


def secret_object(job: Job) -> Fields:
    """Gives the Secret that a job's secrets are in, and nowhere else."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": job.name, "labels": _labels(job)},
        "immutable": True,
        "stringData": dict(job.secrets),
    }


def _labels(job: Job) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "podium",
        "app.kubernetes.io/component": "training",
        "app.kubernetes.io/managed-by": "podium",
        JOB: job.name,
    }


def _fill_container(container: Fields, job: Job, mounts: list[Fields]) -> None:
    container |= {
        "image": settings.KUBERNETES_IMAGE,
        "args": [word.replace("$(", "$$(") for word in job.arguments],  # Kubernetes would fill in a variable
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    container.setdefault("command", list(COMMAND))
    named = {each.get("name") for each in container.get("env") or ()}
    first = {FIRST: f"{job.name}-0.{job.name}"} if job.resources.nodes > 1 else {}
    ours = first | {"HOME": SCRATCH, "TMPDIR": SCRATCH, "USER": "podium"}  # a user by number has neither home nor name
    env: list[Fields] = [{"name": name, "value": value} for name, value in ours.items() if name not in named]
    env += [{"name": name, "valueFrom": {"secretKeyRef": {"name": job.name, "key": name}}} for name in job.secrets]
    container["env"] = [*(container.get("env") or ()), *env]
    container["volumeMounts"] = [*(container.get("volumeMounts") or ()), *mounts]
    container["resources"] = _resources(container.get("resources") or {}, job.resources)
    container.setdefault("securityContext", {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}})


def _resources(given: Fields, wanted: Resources) -> Fields:
    """Adds the GPUs to what the template gives. Its numbers become texts, as quantities are."""
    texts = {kind: {name: str(amount) for name, amount in (given.get(kind) or {}).items()} for kind in _QUANTITIES}
    if wanted.gpus:
        texts["limits"][settings.KUBERNETES_GPU] = str(wanted.gpus)
    return {**given, **{kind: amounts for kind, amounts in texts.items() if amounts}}


_QUANTITIES = ("limits", "requests")


def _safe_defaults() -> dict[str, Any]:
    """Gives what a pod has whose template says nothing of it: the user whose files it shares, and no right at all."""
    user = {"runAsUser": os.geteuid(), "runAsGroup": os.getegid(), "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": CHECKPOINT_SECONDS,
        "securityContext": user | ({"runAsNonRoot": True} if os.geteuid() else {}),
    }
