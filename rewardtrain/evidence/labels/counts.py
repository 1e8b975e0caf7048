"""What the runs of a classification learn from: labels, each one person's yes or no to a flag about one text."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.models import Project, RankedCompletion, Split


@dataclass(frozen=True)
class Labels:
    """Of one split."""

    texts: int = 0  # with at least one label
    labels: int = 0
    yes: int = 0


def labels_of(project: Project, flag: str) -> QuerySet[RankedCompletion]:
    """The standing ones, imported ones too."""
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


def lacking(project: Project, flag: str, least: int) -> str:
    """What the labels lack for a run, in words, or ""."""
    found = by_split(project, flag)
    train = found[Split.TRAIN]
    if train.texts < least:
        words = ngettext(
            "%(n)s labeled text in the train split; a run needs %(needed)s. Label more texts.",
            "%(n)s labeled texts in the train split; a run needs %(needed)s. Label more texts.",
            train.texts,
        )
        return words % {"n": train.texts, "needed": least}
    if train.yes in (0, train.labels):
        words = _(
            "All %(n)s labels of “%(flag)s” in the train split say the same, so there is nothing to tell apart. "
            "Label more texts."
        )
        return words % {"n": train.labels, "flag": flag}
    if not found[Split.TEST].texts:
        return _("No labels in the test split, so a model can't be judged. Label more texts: a tenth are for tests.")
    return ""
