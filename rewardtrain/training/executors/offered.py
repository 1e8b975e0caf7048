"""Which executors this site offers, by the operator's settings, and what a project may ask of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from rewardtrain.models import RetrainPolicy, TrainingRun
from rewardtrain.training.executors.executor import Executor, Limits, Resources
from rewardtrain.training.executors.kubernetes.executor import Kubernetes
from rewardtrain.training.executors.skypilot.executor import SkyPilot
from rewardtrain.training.executors.slurm import Slurm

LOCAL = TrainingRun.LOCAL
KNOWN: Mapping[str, Executor] = {"slurm": Slurm(), "kubernetes": Kubernetes(), "skypilot": SkyPilot()}

FIELDS = frozenset(("executor", "queue", "gpus", "hours"))  # of a policy


def names() -> list[str]:
    """Lists them; where it is the machine alone, there is nothing to choose."""
    return list(settings.EXECUTORS)


def clusters() -> dict[str, Executor]:
    """Gives those that are offered beside this machine, by their names."""
    return {name: KNOWN[name] for name in names() if name != LOCAL}


def title(name: str) -> str:
    """Names it for people."""
    return _("This machine") if name == LOCAL else executor(name).title


def ranges(limits: Limits) -> dict[str, tuple[int, int]]:
    """Gives what a project may ask of a cluster: by the field of a policy, the least and the most."""
    return {"gpus": (0, limits.gpus), "hours": (1, limits.hours)}


def default(limits: Limits, field: str) -> int:
    """Gives what a project has that asked for nothing."""
    return min(1, limits.gpus) if field == "gpus" else limits.hours


def chosen(policy: RetrainPolicy) -> str:
    """Gives what the project chose, or what the site has for those that chose none."""
    return policy.executor or names()[0]


def executor(name: str) -> Executor:
    """Gives the one of this name, offered still or not: its jobs are followed to their end."""
    return KNOWN[name]


def check(policy: RetrainPolicy, name: str) -> None:
    """Raises Invalid, naming the setting, for what this site doesn't offer. A machine is asked for nothing."""
    if name not in names():
        message = _("executor is %(value)r; choose one of %(known)s. An administrator adds others to PODIUM_EXECUTORS.")
        raise _refused("executor", message % {"value": name[:50], "known": ", ".join(names())})
    if name == LOCAL:
        return
    limits = executor(name).limits()
    if policy.queue and policy.queue not in limits.queues:
        message = _("queue is %(value)r; leave it empty, or choose one of %(known)s")
        raise _refused("queue", message % {"value": policy.queue, "known": ", ".join(limits.queues) or "-"})
    for field, (least, most) in ranges(limits).items():
        value = getattr(policy, field)
        if value is not None and not least <= value <= most:
            message = _("%(field)s is %(value)s; it must be from %(least)s to %(most)s")
            raise _refused(field, message % {"field": field, "value": value, "least": least, "most": most})


def of_run(policy: RetrainPolicy, depth: str, *, processes: int, wanted: str = "") -> dict[str, Any]:
    """Says where a run of this depth goes, and with what, as fields of its row. Raises Invalid.

    processes: as its settings say. wanted: the executor of this run alone. A head takes a second: it is never worth a
    wait in a queue.
    """
    if depth == TrainingRun.Depth.HEAD:
        if wanted not in ("", LOCAL):
            message = _("executor is %(value)r, but a head is fitted here: leave executor out, or ask for depth full")
            raise _refused("executor", message % {"value": wanted})
        return {}
    name = wanted or chosen(policy)
    check(policy, name)
    if name == LOCAL:
        return {}
    limits = executor(name).limits()
    gpus = default(limits, "gpus") if policy.gpus is None else policy.gpus
    nodes, gpus = _shared_out(processes, gpus, limits.nodes)
    resources = Resources(policy.queue or limits.queue, gpus, policy.hours or default(limits, "hours"), nodes)
    return {"executor": name, "resources": asdict(resources)}


def _shared_out(processes: int, gpus: int, most: int) -> tuple[int, int]:
    """Gives the fewest nodes that have a GPU for each process, as many on each, and how many. Raises Invalid.

    gpus: that a node has for us. most: nodes that a job may have.
    """
    if gpus == 0 or processes <= gpus:
        return 1, gpus
    for nodes in range(-(-processes // gpus), most + 1):
        if processes % nodes == 0:
            return nodes, processes // nodes
    values = {"value": processes, "gpus": gpus, "nodes": most}
    message = _("processes is %(value)d, but a job has %(gpus)d GPUs; lower it, or give such jobs more")
    if most > 1:
        message = _(
            "processes is %(value)d, which up to %(nodes)d nodes of up to %(gpus)d GPUs can't share out evenly; "
            "change it, or give such jobs more"
        )
    raise Invalid("bad_setting", message % values, attr="training")


def missing() -> list[str]:
    """Says what keeps the executors that are offered from working on this machine, each in a sentence."""
    return [words for cluster in clusters().values() for words in cluster.missing()]


def _refused(field: str, message: str) -> Invalid:
    return Invalid("bad_setting", message, attr=field)
