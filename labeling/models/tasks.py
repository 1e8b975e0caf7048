"""A task: an assignment with its prompt, its project and the texts, read by one statement."""

from __future__ import annotations

import json
from typing import Any

from labeling.models.assignments import Assignment
from labeling.models.functions import Row, loaded, query
from labeling.models.projects import Project
from labeling.models.prompts import Prompt


def read_task(key: int, labeler: int, *, texts: bool = False) -> Assignment:
    """Finds a labeler's own task in a project that they are in. Raises Assignment.DoesNotExist for any other.

    texts: reads those of its completions too, which are else read when they are asked for.
    """
    rows = query("SELECT * FROM podium_task(%s, %s, %s)", (key, labeler, texts))
    if not rows:
        raise Assignment.DoesNotExist("no such task of yours")
    return task_of(rows[0])


def task_of(row: Row) -> Assignment:
    """Makes a task of a row of podium_task (sql/task.sql)."""
    assignment = loaded(Assignment, row)
    prompt = loaded(Prompt, _part(row, "prompt_", id=row["prompt_id"]))
    prompt.project = loaded(Project, _part(row, "project_", id=row["prompt_project_id"]))
    assignment.prompt = prompt
    if row["texts"] is not None:
        assignment.texts = {int(key): text for key, text in json.loads(row["texts"]).items()}
    return assignment


def _part(row: Row, prefix: str, **more: Any) -> Row:
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)} | more
