"""Fills the cache of features ahead of the heads: while nothing else is to be done, and some prompts at a time.

Where it has got to is kept in the cache itself, so that who deletes the cache has it filled again. Completions that are
added to a prompt later are encoded by the first head that needs them.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labeling.errors import Invalid
from labeling.models import Project, Prompt
from rewardtrain import policy, resident
from rewardtrain.models import TrainingRun

AIM_SECONDS = 0.5  # of a chunk: a head that is asked for meanwhile waits for its end
FIRST_SIZE, LARGEST_SIZE = 4, 512  # prompts; in between as many as the aim allows

logger = logging.getLogger(__name__)

Settings = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """How far a project is."""

    settings: Settings  # with which it was encoded
    prompt: int = 0  # the last one that was
    size: int = FIRST_SIZE  # prompts to take next


@dataclass(frozen=True)
class Chunk:
    """Prompts of a project whose completions are to be encoded next."""

    project: Project
    settings: Settings  # of the training
    prompts: list[Prompt]


def next_chunk() -> Chunk | None:
    """None where all is encoded, where heads are not trained, or while a run wants the machine."""
    if TrainingRun.objects.filter(state__in=policy.ACTIVE).exists():
        return None
    for project in Project.objects.order_by("pk"):
        chosen = policy.get_policy(project)
        if not chosen.head_enabled:
            continue
        try:
            values = policy.settings_of(project, chosen.training)
            settings = policy.check_training(values, policy.Depth.HEAD).to_dict()
        except Invalid:  # the runs' page says it
            continue
        mark = _mark(project, settings)
        rest = Prompt.objects.filter(project=project, pk__gt=mark.prompt).order_by("pk")
        if prompts := list(rest.prefetch_related("completions")[: mark.size]):
            return Chunk(project, settings, prompts)
    return None


def encode(chunk: Chunk, process: resident.Resident) -> None:
    """Does the chunk. After one that can't be done its project is left to its runs, until its prompts change."""
    folder = resident.cache() / "ahead"
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{chunk.project.pk}.jsonl"
    data.write_text("".join(f"{json.dumps(row)}\n" for row in _rows(chunk.prompts)), encoding="utf-8")
    began = time.monotonic()
    asked = process.ask({"command": "encode", "data": str(data), "config": chunk.settings}, log=folder / "log.txt")
    try:
        while (code := asked.poll()) is None:
            asked.wait(1.0)
    finally:
        asked.close()
        data.unlink()
    if code == 0:
        _note(chunk, chunk.prompts[-1].pk, size=next_size(len(chunk.prompts), time.monotonic() - began))
    elif code > 0:  # else it was killed, and comes again
        logger.warning("no features ahead for %s: see %s", chunk.project.slug, folder / "log.txt")
        _note(chunk, Prompt.objects.filter(project=chunk.project).latest("pk").pk)


def next_size(size: int, seconds: float) -> int:
    """By how long this chunk took, but at most twice as many: the first ones of a text may be short."""
    return max(1, min(round(size * AIM_SECONDS / seconds), 2 * size, LARGEST_SIZE))


def _rows(prompts: Iterable[Prompt]) -> Iterable[dict[str, Any]]:
    for prompt in prompts:
        texts = [{"id": completion.external_id, "text": completion.text} for completion in prompt.completions.all()]
        yield {"id": prompt.external_id, "prompt": prompt.messages, "completions": texts}


def _mark(project: Project, settings: Settings) -> Mark:
    try:
        mark = Mark(**json.loads(_file(project).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Mark(settings)
    return mark if mark.settings == _reading(settings) else Mark(settings)


def _note(chunk: Chunk, prompt: int, *, size: int = FIRST_SIZE) -> None:
    mark = Mark(_reading(chunk.settings), prompt, size)
    _file(chunk.project).write_text(json.dumps(asdict(mark)), encoding="utf-8")


def _file(project: Project) -> Path:
    return resident.cache() / "ahead" / f"{project.pk}.json"


def _reading(settings: Settings) -> Settings:
    """Those that decide what a completion's features are."""
    return {name: settings[name] for name in ("backbone", "max_length", "dtype")}
