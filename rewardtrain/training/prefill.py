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

from artifacts.errors import StorageAway
from jobs.pacing import next_size
from labeling.errors import Invalid
from labeling.models import Project, Prompt
from rewardtrain.models import RetrainPolicy, TrainingRun
from rewardtrain.registry.model_files import model_folder
from rewardtrain.training import backbones, policy, run_settings, warm_process

AIM_SECONDS = 0.5  # of a batch: a head that is asked for meanwhile waits for its end
FIRST_SIZE, GROWTH, LARGEST_SIZE = 4, 2, 512  # prompts; in between as many as the aim allows

logger = logging.getLogger(__name__)

Settings = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """How far a project is."""

    settings: Settings  # with which it was encoded
    prompt: int = 0  # the last one that was
    size: int = FIRST_SIZE  # prompts to take next


@dataclass(frozen=True)
class Batch:
    """Prompts of a project whose completions are to be encoded next."""

    project: Project
    settings: Settings  # of the training
    prompts: list[Prompt]


def next_batch() -> Batch | None:
    """Finds the next batch; None where all is encoded, where heads are not trained, or while a run wants the
    machine."""
    for project, mark in _behind():
        rest = Prompt.objects.filter(project=project, pk__gt=mark.prompt).order_by("pk")
        if prompts := list(rest.prefetch_related("completions")[: mark.size]):
            return Batch(Project.objects.get(pk=project), mark.settings, prompts)
    return None


def is_behind() -> bool:
    """Tells whether there is a next batch, in two statements."""
    return any(True for _ in _behind())


def _behind() -> Iterator[tuple[int, Mark]]:
    """Finds projects with prompts that are not encoded, and how far they are, with all settings of the training."""
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
    """Finds all of them in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_PROJECTS, (RetrainPolicy().head_enabled,))
        return [_Row(*row) for row in cursor.fetchall()]


_PROJECTS = """
SELECT p.id, p.kind, p.flags::text, coalesce(r.training, '{}')::text, newest.id
FROM labeling_project p LEFT JOIN rewardtrain_retrainpolicy r ON r.project_id = p.id
CROSS JOIN LATERAL (SELECT id FROM labeling_prompt WHERE project_id = p.id ORDER BY id DESC LIMIT 1) newest
WHERE coalesce(r.head_enabled, %s) AND p.deleted_at IS NULL ORDER BY p.id
"""


def _settings(kind: str, flags: str, chosen: str) -> Settings | None:
    """Gives a project's settings; None where the runs' page says what is wrong with them."""
    try:
        values = run_settings.settings_of(Project(kind=kind, flags=json.loads(flags)), json.loads(chosen))
        return run_settings.check_training(values, policy.Depth.HEAD).to_dict()
    except Invalid:
        return None


def forget(project: int) -> None:
    """Forgets how far the project was: it is gone. Features are no texts, and make room for others by themselves."""
    _file(project).unlink(missing_ok=True)
    forget_texts(project)


def forget_texts(project: int) -> None:
    """Deletes the texts of a batch, which a process that was killed leaves. One that reads them is left to the runs."""
    _texts(project).unlink(missing_ok=True)


def encode(batch: Batch, process: warm_process.WarmProcess) -> None:
    """Does the batch. After one that can't be done its project is left to its runs, until its prompts change."""
    try:
        config = run_settings.for_process(batch.project, batch.settings)
        if model := backbones.own(batch.project, str(batch.settings["backbone"])):
            model_folder(model)
    except StorageAway as error:
        logger.warning("no features ahead for %s now: %s", batch.project.slug, error)
        return
    except Invalid as error:
        logger.warning("no features ahead for %s: %s", batch.project.slug, error.detail)
        _leave(batch)
        return
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    data = _texts(batch.project.pk)
    data.write_text("".join(f"{json.dumps(row)}\n" for row in _rows(batch.prompts)), encoding="utf-8")
    began = time.monotonic()
    request = process.ask({"command": "encode", "data": str(data), "config": config}, log=folder / "log.txt")
    try:
        while (code := request.poll()) is None:
            request.wait(1.0)
    finally:
        request.close()
        data.unlink(missing_ok=True)
    if code == 0:
        seconds = time.monotonic() - began
        size = next_size(len(batch.prompts), seconds, aim=AIM_SECONDS, growth=GROWTH, largest=LARGEST_SIZE)
        _note(batch, batch.prompts[-1].pk, size=size)
    elif code > 0:  # else it was killed, and comes again
        logger.warning("no features ahead for %s: see %s", batch.project.slug, folder / "log.txt")
        _leave(batch)


def _leave(batch: Batch) -> None:
    _note(batch, Prompt.objects.filter(project=batch.project).latest("pk").pk)


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
    """Reads the mark. changed: when the file was, for which alone it is remembered."""
    return Mark(**json.loads(file.read_text(encoding="utf-8")))


def _note(batch: Batch, prompt: int, *, size: int = FIRST_SIZE) -> None:
    mark = Mark(_reading(batch.settings), prompt, size)
    _file(batch.project.pk).write_text(json.dumps(asdict(mark)), encoding="utf-8")


def _folder() -> Path:
    return warm_process.cache() / "ahead"


def _file(project: int) -> Path:
    return _folder() / f"{project}.json"


def _texts(project: int) -> Path:
    return _folder() / f"{project}.jsonl"


def _reading(settings: Settings) -> Settings:
    """Keeps those that decide what a completion's features are."""
    return {name: settings[name] for name in ("backbone", "max_length", "dtype")}
