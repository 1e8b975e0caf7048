"""Which retrainings the policies want now: of all projects together, one statement for each kind of project.

What policy.next_retrainings tells in words of one project is decided here in SQL for any number of them, for the sweep
asks every few seconds and a worker after rankings. Of what grows with the work a part is counted whose size is bounded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from labeling.errors import Invalid
from labeling.models import Project, imports
from rewardtrain.core.config import TrainConfig
from rewardtrain.evidence import EVIDENCE
from rewardtrain.models import RetrainPolicy
from rewardtrain.training import policy
from rewardtrain.training.run_settings import check_training, settings_of

MOST_PAIRS = 2**31 - 1


@dataclass(frozen=True)
class Due:
    """A run that the project's policy wants now."""

    project: Project
    depth: policy.Depth


def due(project: Project | None = None) -> list[Due]:
    """Lists those of one project, or of all in their order, heads before fine-tunings."""
    kinds = [project.kind] if project else list(EVIDENCE)
    waiting = [row for kind in kinds for row in _rows(kind, project)]
    projects = (
        {project.pk: project} if project else Project.objects.in_bulk({row[0] for row in waiting}) if waiting else {}
    )
    runs = []
    for key, depth, training in sorted(waiting, key=lambda row: (row[0], row[1] != policy.Depth.HEAD)):
        if key not in projects:  # it was deleted meanwhile
            continue
        wanted = Due(projects[key], policy.Depth(depth))
        if _can_be(wanted, training):
            runs.append(wanted)
    return runs


def _can_be(wanted: Due, training: dict[str, object]) -> bool:
    """A setting that no longer works is told on the runs' page, and asks the database nothing."""
    try:
        check_training(settings_of(wanted.project, training), wanted.depth)
    except Invalid:
        return False
    return True


def _rows(kind: str, project: Project | None) -> list[tuple[int, str, dict[str, object]]]:
    """Finds (project, depth, training) of each run of such projects that is due but for its settings."""
    statement = f"{_WAITING} SELECT w.id, w.depth, w.training::text FROM waiting w WHERE {EVIDENCE[kind].due}"
    now = timezone.now()
    values = {
        "now": now,
        "quiet_since": now - imports.QUIET,
        "project": project.pk if project else None,
        "most": MOST_PAIRS,
        "kind": kind,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values | _defaults())
        rows = cursor.fetchall()
    return [(key, depth, json.loads(training)) for key, depth, training in rows]


def _defaults() -> dict[str, Any]:
    """A project whose policy nobody has changed has no row."""
    names = ("head_enabled", "head_every_pairs", "enabled", "every_pairs", "first_minimum", "cooldown_minutes")
    row = RetrainPolicy()
    return {"min_pairs": TrainConfig().min_pairs, **{name: getattr(row, name) for name in names}}


# One row for each project of a kind and each depth whose rule is on, that has no run and no quiet time (rule_of),
# and no import that is at work or was a moment ago.
_WAITING = """
WITH rule AS (
    SELECT p.id, p.flags, d.depth, coalesce(r.training, '{}') AS training,
        CASE d.depth WHEN 'head' THEN coalesce(r.head_enabled, %(head_enabled)s)
            ELSE coalesce(r.enabled, %(enabled)s) END AS enabled,
        CASE d.depth WHEN 'head' THEN coalesce(r.head_every_pairs, %(head_every_pairs)s)
            ELSE coalesce(r.every_pairs, %(every_pairs)s) END AS every_pairs,
        CASE d.depth WHEN 'head' THEN coalesce(r.head_every_pairs, %(head_every_pairs)s)
            ELSE coalesce(r.first_minimum, %(first_minimum)s) END AS first_minimum,
        CASE d.depth WHEN 'head' THEN 0 ELSE coalesce(r.cooldown_minutes, %(cooldown_minutes)s) END AS cooldown_minutes
    FROM labeling_project p
    LEFT JOIN rewardtrain_retrainpolicy r ON r.project_id = p.id
    CROSS JOIN (VALUES ('head'), ('full')) AS d (depth)
    WHERE p.kind = %(kind)s AND p.deleted_at IS NULL AND (%(project)s::bigint IS NULL OR p.id = %(project)s)
), waiting AS (
    SELECT rule.id, rule.depth, rule.training,
        coalesce(last.last_ranking_id, 0) AS since,
        CASE WHEN last.state IS NULL THEN rule.first_minimum ELSE rule.every_pairs END AS needed,
        CASE jsonb_typeof(rule.training -> 'min_pairs')
            WHEN 'number' THEN greatest(0, least((rule.training ->> 'min_pairs')::numeric, %(most)s))::integer
            ELSE %(min_pairs)s END AS min_pairs,
        coalesce(rule.training ->> 'flag', rule.flags -> 0 ->> 'name') AS flag
    FROM rule
    LEFT JOIN LATERAL (
        SELECT run.state, run.finished_at, version.last_ranking_id
        FROM rewardtrain_trainingrun run JOIN labeling_datasetversion version ON version.id = run.dataset_version_id
        WHERE run.project_id = rule.id AND run.depth = rule.depth
        ORDER BY run.number DESC LIMIT 1
    ) last ON true
    WHERE rule.enabled
        AND (last.state IS NULL OR last.state NOT IN ('queued', 'running'))
        AND (last.finished_at IS NULL
            OR last.finished_at + rule.cooldown_minutes * interval '1 minute' <= %(now)s)
        AND rule.id NOT IN (
            SELECT project_id FROM labeling_import WHERE state IN ('queued', 'running')
            UNION ALL SELECT project_id FROM labeling_import WHERE finished_at > %(quiet_since)s)
)
"""
