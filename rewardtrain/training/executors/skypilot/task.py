"""A run's job as SkyPilot is given it: a task, from a template that an administrator may write.

A file of YAML with the fields of a task: what machine, where, spot or not, what is set up first. What Podium gives
itself is refused there by name. https://docs.skypilot.co/en/latest/reference/yaml-spec.html
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.conf import settings

from artifacts import store
from rewardtrain.training.executors.executor import Job, Resources
from rewardtrain.training.executors.template_file import text_of, yaml_of

Fields = dict[str, Any]

CHECKPOINT_SECONDS = 120  # from SIGTERM to SIGKILL
DEFAULT = """\
resources:
  use_spot: true
run: |
  cd /podium
  exec /usr/local/bin/python -m rewardtrain.core {{ arguments }}
"""
TEXTS = ("setup", "run")
NAMED = ("resources", "envs", "secrets", "file_mounts", "volumes", "config", "workdir")
GIVEN = {
    "name": "Podium names its jobs",
    "num_nodes": "it follows from a run's processes and PODIUM_SKYPILOT_NODES",
    "accelerators": "PODIUM_SKYPILOT_ACCELERATORS lists what projects may choose",
    "image_id": "set PODIUM_SKYPILOT_IMAGE",
}
PLACEHOLDERS = ("arguments", "name")
_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")


def task_of(job: Job) -> str:
    """Gives the task, as YAML. Raises OSError, ValueError: what the operator has set can't be.

    Its time is a limit of each start: SkyPilot has none of its own. Secrets are what its pages don't show.
    """
    import yaml

    if store.bucket() is None:
        raise ValueError("PODIUM_STORAGE is no bucket; SkyPilot's machines share no folder with this one")
    task, wanted = read(), job.resources
    task["name"] = job.name
    task["resources"] = {**(task.get("resources") or {}), **_given(wanted)}
    if wanted.nodes > 1:
        task["num_nodes"] = wanted.nodes
    task["secrets"] = {**(task.get("secrets") or {}), **job.secrets}
    values = {"arguments": shlex.join(job.arguments), "name": shlex.quote(job.name)}
    script = _PLACEHOLDER.sub(lambda found: values[found[1]], task["run"])
    limit = ["timeout", "--signal=TERM", f"--kill-after={CHECKPOINT_SECONDS}", f"{wanted.hours}h"]
    task["run"] = shlex.join([*limit, "bash", "-c", script])
    return str(yaml.safe_dump(task, sort_keys=False))


def _given(wanted: Resources) -> Fields:
    if wanted.gpus and not wanted.queue:
        raise ValueError("PODIUM_SKYPILOT_ACCELERATORS is empty; name kinds of GPU, or set PODIUM_SKYPILOT_GPUS to 0")
    accelerators = {"accelerators": {wanted.queue: wanted.gpus}} if wanted.gpus else {}
    return accelerators | ({"image_id": f"docker:{settings.SKYPILOT_IMAGE}"} if settings.SKYPILOT_IMAGE else {})


def read() -> Fields:
    """Reads the administrator's, or gives ours. Raises OSError, ValueError."""
    return parse(text_of(settings.SKYPILOT_TEMPLATE) if settings.SKYPILOT_TEMPLATE else DEFAULT)


def parse(text: str) -> Fields:
    """Reads a template. Raises ValueError, which says what is wrong and what may be there instead."""
    task = yaml_of(text)
    if not isinstance(task, dict):
        raise ValueError(f"the file is {task!r:.80}; fields belong there, as resources, run")
    for name, value in task.items():
        _check_field(name, value)
    resources = task.get("resources") or {}
    lists = [resources[many] for many in ("any_of", "ordered") if isinstance(resources.get(many), list)]
    names = {name for each in (resources, *chain(*lists)) if isinstance(each, dict) for name in each}
    for given in sorted(names & GIVEN.keys()):
        raise ValueError(f"resources has {given}; {GIVEN[given]}")
    for path in _local_paths(task):
        raise ValueError(f"it has the path {path!r:.80}; Podium sends no files along, so name a bucket, as s3://bucket")
    _check_run(task.get("run"))
    return task


def _check_field(name: Any, value: Any) -> None:
    if name in GIVEN:
        raise ValueError(f"it has {name}; {GIVEN[name]}")
    if name not in (*NAMED, *TEXTS):
        raise ValueError(f"{name!r:.80} is no field of a task here; there are {', '.join((*NAMED, *TEXTS))}")
    if name in TEXTS and not isinstance(value, str):
        raise ValueError(f"{name} is {value!r:.80}; a text belongs there")
    if name in NAMED and not isinstance(value, dict | None) and name != "workdir":
        raise ValueError(f"{name} is {value!r:.80}; names with their values belong there")


def _local_paths(task: Fields) -> Iterator[str]:
    """Lists what SkyPilot's own client would send from this machine."""
    if isinstance(task.get("workdir"), str):
        yield task["workdir"]
    for mount in (task.get("file_mounts") or {}).values():
        source = mount.get("source") if isinstance(mount, dict) else mount
        for path in source if isinstance(source, list) else [source]:
            if isinstance(path, str) and "://" not in path:
                yield path


def _check_run(script: str | None) -> None:
    names = _PLACEHOLDER.findall(script or "")
    if unknown := sorted(set(names) - set(PLACEHOLDERS)):
        raise ValueError(f"run has {{{{ {unknown[0]:.80} }}}}; there are {', '.join(PLACEHOLDERS)}")
    if "arguments" not in names:
        raise ValueError("run has no {{ arguments }}, so nothing would be trained")
