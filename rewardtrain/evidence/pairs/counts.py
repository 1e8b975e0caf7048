"""What the runs of a project of rankings learn from: pairs, counted by what they are for."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.judgements.judgement import Flags
from labeling.models import DatasetVersion, PreferencePair, Project, Split
from rewardtrain.core.config import TrainConfig


def settings(flags: Flags, values: Mapping[str, object]) -> dict[str, object]:
    """Gives them as they are: a project that ranks may train any head."""
    return dict(values)


def new(project: Project, training: Mapping[str, object], after: int) -> int:
    """Counts the pairs of younger rankings. Only live rankings have pairs."""
    return PreferencePair.objects.filter(project=project, ranking_id__gt=after).count()


def n_of(version: DatasetVersion) -> int:
    return version.n_pairs


def by_split(project: Project) -> dict[str, int]:
    counts = PreferencePair.objects.filter(project=project).values("prompt__split").annotate(n=Count("pk")).order_by()
    return dict.fromkeys(Split.values, 0) | {row["prompt__split"]: row["n"] for row in counts}


def lacking(project: Project, config: TrainConfig) -> str:
    """Says what the pairs lack for a run, or ""."""
    pairs, min_pairs = by_split(project), config.min_pairs
    if pairs[Split.TRAIN] < min_pairs:
        message = ngettext(
            "%(n)s pair in the train split; a run needs %(needed)s. Rank more prompts.",
            "%(n)s pairs in the train split; a run needs %(needed)s. Rank more prompts.",
            pairs[Split.TRAIN],
        )
        return message % {"n": pairs[Split.TRAIN], "needed": min_pairs}
    if not pairs[Split.TEST]:
        return _("No pairs in the test split, so a model can't be judged. Rank more prompts: a tenth are for tests.")
    return ""


# New pairs since the last run's version, and then what lacking asks.
DUE = """
    w.needed <= (SELECT count(*) FROM (
        SELECT FROM labeling_preferencepair pair
        WHERE pair.project_id = w.id AND pair.ranking_id > w.since LIMIT w.needed) new)
    AND w.min_pairs <= (SELECT count(*) FROM (
        SELECT FROM labeling_preferencepair pair JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
        WHERE pair.project_id = w.id AND prompt.split = 'train' LIMIT w.min_pairs) train)
    AND EXISTS (
        SELECT FROM labeling_preferencepair pair JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
        WHERE pair.project_id = w.id AND prompt.split = 'test')
"""
