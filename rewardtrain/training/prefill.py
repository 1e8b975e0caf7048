"""Fills the cache of features ahead of the heads: while nothing else is to be done, and some prompts at a time.

Where it has got to is kept in the cache itself, so that who deletes the cache has it filled again. Completions that are
added to a prompt later are encoded by the first head that needs them.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

from labeling.errors import Invalid
from labeling.models import Project, Prompt
from rewardtrain.models import RetrainPolicy, TrainingRun
from rewardtrain.training import policy, run_settings, warm_process

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
    for project, mark in _behind():
        rest = Prompt.objects.filter(project=project, pk__gt=mark.prompt).order_by("pk")
        if prompts := list(rest.prefetch_related("completions")[: mark.size]):
            return Chunk(Project.objects.get(pk=project), mark.settings, prompts)
    return None


def is_behind() -> bool:
    """Whether there is a next chunk, in two statements."""
    return any(True for _ in _behind())


def _behind() -> Iterator[tuple[int, Mark]]:
    """Projects with prompts that are not encoded, and how far they are, with all settings of the training."""
    if TrainingRun.objects.filter(state__in=policy.ACTIVE).exists():
        return
    settings_of = cache(_settings)  # of equal policies: there may be thousands of projects with the default one
    marked = {file.name for file in _folder().iterdir()} if _folder().is_dir() else set()
    for row in _projects():
        settings = settings_of(row.kind, row.flags, row.training)
        if settings is None:
            continue
        mark = _mark(row.pk, settings) if _file(row.pk).name in marked else Mark(settings)
        if row.newest > mark.prompt:
            yield row.pk, replace(mark, settings=settings)


class _Row(NamedTuple):
    """A project whose heads are trained, and its newest prompt."""

    pk: int
    kind: str
    flags: str  # JSON, as training
    training: str
    newest: int


def _projects() -> list[_Row]:
    """All of them in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_PROJECTS, (RetrainPolicy().head_enabled,))
        return [_Row(*row) for row in cursor.fetchall()]


_PROJECTS = """
SELECT p.id, p.kind, p.flags::text, coalesce(r.training, '{}')::text, newest.id
FROM labeling_project p LEFT JOIN rewardtrain_retrainpolicy r ON r.project_id = p.id
CROSS JOIN LATERAL (SELECT id FROM labeling_prompt WHERE project_id = p.id ORDER BY id DESC LIMIT 1) newest
WHERE coalesce(r.head_enabled, %s) ORDER BY p.id
"""


def _settings(kind: str, flags: str, chosen: str) -> Settings | None:
    """None where the runs' page says what is wrong with them."""
    try:
        values = run_settings.settings_of(Project(kind=kind, flags=json.loads(flags)), json.loads(chosen))
        return run_settings.check_training(values, policy.Depth.HEAD).to_dict()
    except Invalid:
        return None


def encode(chunk: Chunk, process: warm_process.WarmProcess) -> None:
    """Does the chunk. After one that can't be done its project is left to its runs, until its prompts change."""
    try:
        config = run_settings.for_process(chunk.project, chunk.settings)
    except Invalid as error:
        logger.warning("no features ahead for %s: %s", chunk.project.slug, error.detail)
        _leave(chunk)
        return
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{chunk.project.pk}.jsonl"
    data.write_text("".join(f"{json.dumps(row)}\n" for row in _rows(chunk.prompts)), encoding="utf-8")
    began = time.monotonic()
    asked = process.ask({"command": "encode", "data": str(data), "config": config}, log=folder / "log.txt")
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
        _leave(chunk)


def _leave(chunk: Chunk) -> None:
    _note(chunk, Prompt.objects.filter(project=chunk.project).latest("pk").pk)


def next_size(size: int, seconds: float) -> int:
    """By how long this chunk took, but at most twice as many: the first ones of a text may be short."""
    return max(1, min(round(size * AIM_SECONDS / seconds), 2 * size, LARGEST_SIZE))


def _rows(prompts: Iterable[Prompt]) -> Iterable[dict[str, Any]]:
    for prompt in prompts:
        texts = [{"id": completion.external_id, "text": completion.text} for completion in prompt.completions.all()]
        yield {"id": prompt.external_id, "prompt": prompt.messages, "completions": texts}


def _mark(project: int, settings: Settings) -> Mark:
    try:
        mark = _read_mark(_file(project), _file(project).stat().st_mtime_ns)
    except FileNotFoundError:
        return Mark(settings)
    return mark if mark.settings == _reading(settings) else Mark(settings)


@lru_cache(maxsize=20_000)
def _read_mark(file: Path, changed: int) -> Mark:
    """changed: when the file was, for which alone it is remembered."""
    return Mark(**json.loads(file.read_text(encoding="utf-8")))


def _note(chunk: Chunk, prompt: int, *, size: int = FIRST_SIZE) -> None:
    mark = Mark(_reading(chunk.settings), prompt, size)
    _file(chunk.project.pk).write_text(json.dumps(asdict(mark)), encoding="utf-8")


def _folder() -> Path:
    return warm_process.cache() / "ahead"


def _file(project: int) -> Path:
    return _folder() / f"{project}.json"


def _reading(settings: Settings) -> Settings:
    """Those that decide what a completion's features are."""
    return {name: settings[name] for name in ("backbone", "max_length", "dtype")}
