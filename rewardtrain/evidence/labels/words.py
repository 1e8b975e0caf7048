"""What pages say of labels."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from rewardtrain.evidence.evidence import Words

WORDS = Words(
    column=_("Labels"),
    column_of=_("Texts"),
    column_baseline=_("Commoner answer"),
    data_label=_("Labels:"),
    new=ngettext_lazy("%(shown)s new label", "%(shown)s new labels", "n"),
    missing=ngettext_lazy(
        "Next retraining in <strong>%(shown)s label</strong> "
        '<span class="soft">(%(there)s of %(needed)s new ones are there)</span>.',
        "Next retraining in <strong>%(shown)s labels</strong> "
        '<span class="soft">(%(there)s of %(needed)s new ones are there)</span>.',
        "n",
    ),
    first_run=_("No run yet. The first one starts by itself when %(number)s labels are there."),
    new_that_start=_("New labels that start it"),
    before_the_first=_("Labels before the first one"),
    figures=(_("ROC AUC on the test split"), _("Log loss"), _("F1"), _("Calibration error")),
    figures_about=_(
        "Every version was tested on the test texts that were labeled when it was trained, so figures of two versions "
        "are not on the same labels. Each model's gate compares it with the champion on equal ones."
    ),
    drift=_("The champion on what people answer now"),
    drift_about=_(
        "Labels that are younger than its dataset version, of texts it has not learnt from: how often it answers as "
        "people did. The band is the 95 %% interval of its accuracy on the test labels when it was judged; a hollow "
        "dot has too few labels to say anything yet."
    ),
    drift_part=_(
        "Of %(there)s labels since then %(n)s are drawn, from %(first)s to %(last)s: the latest in a row, and of the "
        "time before some of each of ten equal parts."
    ),
    drift_alarm=_(
        "Version %(version)s no longer answers as people do: on %(share)s %(now)s of the labels they gave last, where "
        "it had %(before)s %(then)s when it was judged. Retrain on the new labels, or see whether texts, people or "
        "guidelines have changed."
    ),
)
