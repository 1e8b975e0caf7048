"""What the runs of a classification learn from: labels, each one person's yes or no to a flag about one text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.errors import Invalid
from labeling.judgements.judgement import Flags
from labeling.models import DatasetVersion, Project, RankedCompletion, Split
from rewardtrain.core.config import TrainConfig


@dataclass(frozen=True)
class Labels:
    """Of one split."""

    texts: int = 0  # with at least one label
    labels: int = 0
    yes: int = 0


def labels_of(project: Project, flag: str) -> QuerySet[RankedCompletion]:
    """Finds the standing labels, imported ones too."""
    return RankedCompletion.objects.filter(prompt__project=project, ranking__live=True, flags__has_key=flag)


def by_split(project: Project, flag: str) -> dict[str, Labels]:
    rows = (
        labels_of(project, flag)
        .values("prompt__split")
        .annotate(
            texts=Count("completion", distinct=True), n=Count("pk"), yes=Count("pk", Q(flags__contains={flag: True}))
        )
        .order_by()
    )
    return dict.fromkeys(Split.values, Labels()) | {
        row["prompt__split"]: Labels(row["texts"], row["n"], row["yes"]) for row in rows
    }


def settings(flags: Flags, values: Mapping[str, object]) -> dict[str, object]:
    """Adds a binary head on one of the flags, the first where none is named. Raises Invalid for what can't be."""
    settings = {"head": "binary", "flag": flags[0]["name"], **values}
    names = [flag["name"] for flag in flags]
    if settings["head"] != "binary":
        message = _("head is %(value)r; a project that classifies trains a 'binary' head.")
        raise Invalid("bad_setting", message % {"value": settings["head"]}, attr="training")
    if settings["flag"] not in names:
        message = _("flag is %(value)r; the project asks: %(known)s.")
        raise Invalid("bad_setting", message % {"value": settings["flag"], "known": ", ".join(names)}, attr="training")
    return settings


def new(project: Project, training: Mapping[str, object], after: int) -> int:
    """Counts the labels of younger rankings for the flag that these settings learn."""
    flag = str(training.get("flag") or project.flags[0]["name"])
    return labels_of(project, flag).filter(ranking_id__gt=after).count()


def n_of(version: DatasetVersion) -> int:
    return version.n_labels


def lacking(project: Project, config: TrainConfig) -> str:
    """Says what the labels lack for a run, or ""."""
    flag, least = config.flag or project.flags[0]["name"], config.min_pairs
    labels = by_split(project, flag)
    train = labels[Split.TRAIN]
    if train.texts < least:
        message = ngettext(
            "%(n)s labeled text in the train split; a run needs %(needed)s. Label more texts.",
            "%(n)s labeled texts in the train split; a run needs %(needed)s. Label more texts.",
            train.texts,
        )
        return message % {"n": train.texts, "needed": least}
    if train.yes in (0, train.labels):
        message = _(
            "All %(n)s labels of “%(flag)s” in the train split say the same, so there is nothing to tell apart. "
            "Label more texts."
        )
        return message % {"n": train.labels, "flag": flag}
    if not labels[Split.TEST].texts:
        return _("No labels in the test split, so a model can't be judged. Label more texts: a tenth are for tests.")
    return ""


_LABELS = """FROM labeling_prompt prompt JOIN labeling_rankedcompletion said ON said.prompt_id = prompt.id
        JOIN labeling_ranking ranking ON ranking.id = said.ranking_id AND ranking.live
        WHERE prompt.project_id = w.id AND jsonb_exists(said.flags, w.flag)"""

# New labels since the last run's version, and then what lacking asks: enough texts, a yes and a no, and something to
# judge a model on.
DUE = f"""
    w.needed <= (SELECT count(*) FROM (
        SELECT FROM labeling_prompt prompt
        JOIN labeling_rankedcompletion said ON said.prompt_id = prompt.id AND said.ranking_id > w.since
        JOIN labeling_ranking ranking ON ranking.id = said.ranking_id AND ranking.live
        WHERE prompt.project_id = w.id AND jsonb_exists(said.flags, w.flag) LIMIT w.needed) new)
    AND w.min_pairs <= (SELECT count(*) FROM (
        SELECT DISTINCT said.completion_id {_LABELS} AND prompt.split = 'train' LIMIT w.min_pairs) train)
    AND EXISTS (SELECT {_LABELS} AND prompt.split = 'train' AND said.flags -> w.flag = 'true')
    AND EXISTS (SELECT {_LABELS} AND prompt.split = 'train' AND said.flags -> w.flag = 'false')
    AND EXISTS (SELECT {_LABELS} AND prompt.split = 'test')
"""
