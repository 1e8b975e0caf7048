"""What pages say of pairs."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from rewardtrain.evidence.evidence import Words

WORDS = Words(
    column=_("Pairs"),
    column_of=_("Prompts"),
    column_baseline=_("Longer wins"),
    data_label=_("Pairs:"),
    new=ngettext_lazy("%(shown)s new pair", "%(shown)s new pairs", "n"),
    missing=ngettext_lazy(
        "Next retraining in <strong>%(shown)s pair</strong> "
        '<span class="soft">(%(there)s of %(needed)s new ones are there)</span>.',
        "Next retraining in <strong>%(shown)s pairs</strong> "
        '<span class="soft">(%(there)s of %(needed)s new ones are there)</span>.',
        "n",
    ),
    first_run=_(
        "No run yet. The first one starts by itself when %(number)s pairs are there; each ranking of 4 completions "
        "makes 6."
    ),
    new_that_start=_("New pairs that start it"),
    before_the_first=_("Pairs before the first one"),
    figures=(_("Accuracy on the test split"), _("Log loss"), _("People agree")),
    figures_about=_(
        "Every version was tested on the test prompts that were ranked when it was trained, so figures of two versions "
        "are not on the same pairs. Each model's page compares it with the champion on equal pairs."
    ),
    drift=_("The champion on what people rank now"),
    drift_about=_(
        "Rankings that are younger than its dataset version, of prompts it has not learnt from: how often it prefers "
        "what people preferred. The band is its 95 %% interval on the test pairs at its promotion; a hollow dot has "
        "too few pairs to say anything yet."
    ),
    drift_part=_(
        "Of %(there)s pairs since then %(n)s are drawn, from %(first)s to %(last)s: the latest in a row, and of the "
        "time before some of each of ten equal parts."
    ),
    drift_alarm=_(
        "Version %(version)s no longer agrees with people as it did: on %(share)s %(now)s of what they ranked last, "
        "where it had %(before)s %(then)s at its promotion. Retrain on the new rankings, or see whether prompts, "
        "people or guidelines have changed."
    ),
)
