"""Reports on models name labelers, each with the model's accuracy on theirs: of an erased person the name gives way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeling.models import User
from rewardtrain.models import Evaluation, TrainingRun
from rewardtrain.training.run_files import files_of

ROWS_AT_ONCE = 100


def replace(person: User, pseudonym: str) -> None:
    """Writes the pseudonym in the person's place: in stored evaluations, and in files of runs. Twice is harmless."""
    names = {"by_labeler": [{"labeler": person.username}]}
    found = Evaluation.objects.filter(report__contains=names).order_by("pk")
    last = 0
    while rows := list(found.filter(pk__gt=last).only("pk", "report")[:ROWS_AT_ONCE]):
        last = rows[-1].pk
        for row in rows:
            Evaluation.objects.filter(pk=row.pk).update(report=_replaced(row.report, person.username, pseudonym))
    for run in _runs():
        files = files_of(run)
        for path in (files.report, files.head_report):
            _replace_in_file(path, person.username, pseudonym)


def _runs() -> Iterator[TrainingRun]:
    """Yields all by their keys, some at a time: behind a pooler no cursor stays open between statements."""
    last, runs = 0, TrainingRun.objects.only("pk", "folder").order_by("pk")
    while rows := list(runs.filter(pk__gt=last)[:ROWS_AT_ONCE]):
        yield from rows
        last = rows[-1].pk


def _replace_in_file(path: Path, name: str, pseudonym: str) -> None:
    try:
        report = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return
    changed = _replaced(report, name, pseudonym)
    if changed != report:
        draft = path.with_suffix(".erasing")
        draft.write_text(json.dumps(changed, ensure_ascii=False), "utf-8")
        os.replace(draft, path)


def _replaced(report: Any, name: str, pseudonym: str) -> Any:
    if not isinstance(report, dict) or not report.get("by_labeler"):
        return report
    parts = [{**part, "labeler": pseudonym} if part["labeler"] == name else part for part in report["by_labeler"]]
    return {**report, "by_labeler": parts}
