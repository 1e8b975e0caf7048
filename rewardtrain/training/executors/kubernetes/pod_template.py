"""The pod of a job, from a template that an administrator may write: what surrounds Podium's container on a node.

A file of YAML with the fields of a PodTemplateSpec: node selector, tolerations, requests, secrets for a registry, a
command of its own. What Podium gives itself is refused there by name, and so is a field that no pod has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.conf import settings

from rewardtrain.training.executors.template_file import text_of, yaml_of

Fields = dict[str, Any]

CONTAINER = "podium"  # the one that works
OURS = "podium-"  # begins the names of volumes of ours
COMMAND = ("python", "-m", "rewardtrain.core")
DEFAULT = f"""\
spec:
  containers:
    - name: {CONTAINER}
      command: [{", ".join(COMMAND)}]
"""
GIVEN = {
    "image": "set PODIUM_KUBERNETES_IMAGE",
    "args": "they are what Podium has a job do, and follow the command",
    "terminationMessagePolicy": "Podium reads a job's last words by it",
}
_MANY = re.compile(r"(List|Dict)\[(?:str, )?(.+)\]")
_PLAIN: dict[str, tuple[type, str]] = {
    "str": (str, "a text (in quotes, where YAML would read a number or a switch)"),
    "int": (int, "a whole number"),
    "bool": (bool, "true or false"),
}


def read() -> Fields:
    """Reads the administrator's, or gives ours. Raises OSError, ValueError."""
    return parse(text_of(settings.KUBERNETES_TEMPLATE) if settings.KUBERNETES_TEMPLATE else DEFAULT)


def parse(text: str) -> Fields:
    """Reads a template. Raises ValueError, which says what is wrong and what may be there instead."""
    template = yaml_of(text)
    check(template)
    return dict(template)


def check(template: Any) -> None:
    """Raises ValueError as parse() does."""
    _check_fields(template, "V1PodTemplateSpec", "")
    spec = template.get("spec") or {}
    containers = [container.get("name") for container in spec.get("containers") or ()]
    if containers != [CONTAINER]:
        raise ValueError(
            f"spec.containers has {containers or 'none'}; it has to be one of the name {CONTAINER}. What works beside "
            "it belongs to initContainers, with restartPolicy: Always, or the job would wait for its end"
        )
    container = spec["containers"][0]
    for name in sorted(container.keys() & GIVEN.keys()):
        raise ValueError(f"spec.containers[0] has {name}; {GIVEN[name]}")
    if "subdomain" in spec:
        raise ValueError("spec has subdomain; Podium names the pods of a Job of several")
    if "restartPolicy" in spec:
        raise ValueError("spec has restartPolicy; a Job of Podium's has Never")
    limits = (container.get("resources") or {}).get("limits") or {}
    if settings.KUBERNETES_GPU in limits:
        raise ValueError(f"spec.containers[0].resources.limits has {settings.KUBERNETES_GPU}; a project says how many")
    names = [str(volume.get("name")) for volume in spec.get("volumes") or ()]
    for name in names:
        if name.startswith(OURS):
            raise ValueError(f"spec.volumes has {name!r}; such names are Podium's own")


def _check_fields(value: Any, kind: str, path: str) -> None:
    """Raises ValueError for what an object of this kind can't hold, by the client's own models."""
    if plain := _PLAIN.get(kind):
        if not isinstance(value, plain[0]) or (isinstance(value, bool) and kind != "bool"):
            raise ValueError(f"{path} is {value!r:.80}; {plain[1]} belongs there")
        return
    if (kinds := _kinds(kind)) is None:
        return
    if not isinstance(value, dict):
        fields = ", ".join(list(kinds)[:3])
        raise ValueError(f"{path or 'the file'} is {value!r:.80}; fields belong there, as {fields}")
    for name, content in value.items():
        here = f"{path}.{name}" if path else str(name)
        if name not in kinds:
            raise ValueError(f"{here!r:.120} is no field of a pod; there are {', '.join(sorted(kinds))}"[:1000])
        for at, part, of in _parts(content, kinds[name], here):
            _check_fields(part, of, at)


def _parts(content: Any, kind: str, path: str) -> Iterator[tuple[str, Any, str]]:
    """Lists what a field holds: where, what, and of which kind. Raises ValueError for one of another shape."""
    found = _MANY.fullmatch(kind)
    if content is None or found is None:
        yield from ((path, content, kind),) if content is not None else ()
        return
    shape, words = (list, "a list") if found[1] == "List" else (dict, "names with their values")
    if not isinstance(content, shape):
        raise ValueError(f"{path} is {content!r:.80}; {words} belongs there")
    for key, part in content.items() if isinstance(content, dict) else enumerate(content):
        yield f"{path}[{key}]", part, found[2]


@lru_cache(maxsize=500)
def _kinds(kind: str) -> dict[str, str] | None:
    """Gives the kinds of the fields that objects of this kind have; None of what is no object."""
    from kubernetes import client

    model = getattr(client, kind, None) if kind.isidentifier() else None
    if model is None or not hasattr(model, "attribute_map"):
        return None
    quantities = kind in ("V1ResourceRequirements", "V1VolumeResourceRequirements")  # numbers as well: cpu: 4
    return {model.attribute_map[name]: "object" if quantities else of for name, of in model.openapi_types.items()}
