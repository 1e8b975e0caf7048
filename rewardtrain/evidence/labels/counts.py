"""What the runs of a classification learn from: labels, each one person's yes or no to a flag about one text."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.errors import Invalid
from labeling.judgements.judgement import Flags
from labeling.models import DatasetVersion, Project, Split
from labeling.projects import counters
from rewardtrain.core.config import TrainConfig


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
    return counters.labels_after(project, str(training.get("flag") or project.flags[0]["name"]), after)


def n_of(version: DatasetVersion) -> int:
    return version.n_labels


def lacking(project: Project, config: TrainConfig) -> str:
    """Says what the labels lack for a run, or ""."""
    flag, least = config.flag or project.flags[0]["name"], config.least_pairs
    texts = counters.labeled_texts(project, flag, Split.TRAIN, most=least)
    labels = counters.labels_of(project, flag)  # in any case: no page asks more often because there are more
    if texts < least:
        message = ngettext(
            "%(n)s labeled text in the train split; a run needs %(needed)s. Label more texts.",
            "%(n)s labeled texts in the train split; a run needs %(needed)s. Label more texts.",
            texts,
        )
        return message % {"n": texts, "needed": least}
    train = labels[Split.TRAIN]
    if config.depth != "none" and train.yes in (0, train.labels):
        message = _(
            "All %(n)s labels of “%(flag)s” in the train split say the same, so there is nothing to tell apart. "
            "Label more texts."
        )
        return message % {"n": train.labels, "flag": flag}
    if not labels[Split.TEST].labels:
        return _("No labels in the test split, so a model can't be judged. Label more texts: a tenth are for tests.")
    return ""


_LABELS = """(SELECT coalesce(bool_and({asked}), false) FROM (
        SELECT sum(counter.labels) AS labels, sum(counter.yes) AS yes FROM labeling_counter counter
        WHERE counter.project_id = w.id AND counter.flag = w.flag AND counter.split = '{split}') said)"""

# New labels since the last run's version, and what lacking asks: a yes and a no, something to judge a model on, and
# enough texts.
DUE = f"""
    {_LABELS.format(asked="yes > 0 AND yes < labels", split="train")}
    AND {_LABELS.format(asked="labels > 0", split="test")}
    AND w.needed <= podium_labels_after(w.id, w.flag, w.since)
    AND w.min_pairs <= podium_labeled_texts(w.id, w.flag, 'train', w.min_pairs)
"""
