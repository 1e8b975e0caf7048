"""What the runs of a project of rankings learn from: pairs, counted by what they are for."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.judgements.judgement import Flags
from labeling.models import DatasetVersion, Project, Split
from labeling.projects import counters
from rewardtrain.core.config import TrainConfig


def settings(flags: Flags, values: Mapping[str, object]) -> dict[str, object]:
    """Gives them as they are: a project that ranks may train any head."""
    return dict(values)


def new(project: Project, training: Mapping[str, object], after: int) -> int:
    """Counts the pairs of younger rankings. Only live rankings have pairs."""
    return counters.pairs_after(project, after)


def n_of(version: DatasetVersion) -> int:
    return version.n_pairs


def lacking(project: Project, config: TrainConfig) -> str:
    """Says what the pairs lack for a run, or ""."""
    counts, min_pairs = counters.of(project), config.least_pairs
    pairs = counts.of(Split.TRAIN).pairs
    if pairs < min_pairs:
        message = ngettext(
            "%(n)s pair in the train split; a run needs %(needed)s. Rank more prompts.",
            "%(n)s pairs in the train split; a run needs %(needed)s. Rank more prompts.",
            pairs,
        )
        return message % {"n": pairs, "needed": min_pairs}
    if not counts.of(Split.TEST).pairs:
        return _("No pairs in the test split, so a model can't be judged. Rank more prompts: a tenth are for tests.")
    return ""


_PAIRS = """(SELECT coalesce(sum(counter.pairs), 0) FROM labeling_counter counter
        WHERE counter.project_id = w.id AND counter.flag = '' AND counter.split = '{split}')"""

# New pairs since the last run's version, and what lacking asks.
DUE = f"""
    w.min_pairs <= {_PAIRS.format(split="train")}
    AND 0 < {_PAIRS.format(split="test")}
    AND w.needed <= podium_pairs_after(w.id, w.since)
"""
