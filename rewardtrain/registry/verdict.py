"""What a model is worth in a few words: said first wherever a model is spoken of, before its figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rewardtrain.registry import flag_gate
from rewardtrain.registry.gate import MIN_TEST_PAIRS, MIN_TEST_PROMPTS, Report, against_chance, counts, gate


class Worth(TextChoices):
    """From nothing to as good as people. The API gives these names."""

    UNJUDGED = "unjudged"
    COIN = "coin"
    BASE_RATE = "base_rate"
    BELOW_LONGER = "below_longer"
    LIKE_LONGER = "like_longer"
    USEFUL = "useful"
    BELOW_PEOPLE = "below_people"
    LIKE_PEOPLE = "like_people"


BETTER = (Worth.USEFUL, Worth.BELOW_PEOPLE, Worth.LIKE_PEOPLE)  # than the best that needs no model


@dataclass(frozen=True)
class Verdict:
    """What a model is worth, whether its gate let it through, and both in words."""

    worth: Worth
    passed: bool
    words: str

    @property
    def state(self) -> str:
        """Green only where the gate let it through and a model is worth having: the pages' badges by name."""
        return "good" if self.passed and self.worth in BETTER else "waiting"


def verdict(report: Report, *, passed: bool, classifies: bool = False) -> Verdict:
    """Says of a report on the test split what the model is worth. `passed`: what its gate decided when it was made.

    A difference that counts is one beyond noise: see apart.
    """
    worth, words = _of_flag(report["flags"]) if classifies else _of_pairs(report)
    if not passed and worth in BETTER and (behind := _behind(report, classifies=classifies)):
        words = f"{words}. {behind}"
    return Verdict(worth, passed, words)


def apart(own: tuple[float, float, float], other: tuple[float, float, float]) -> int:
    """Compares two shares (value, low, high): 1 where the first is higher beyond noise, -1 where it is lower, else 0.

    Their difference's interval is made of both their intervals (Newcombe 1998, method 10: square and add). That takes
    them for independent; of shares on the same pairs, which mostly rise and fall together, it is the wider one.
    """
    difference = own[0] - other[0]
    if difference > 0:
        return int(difference > math.hypot(own[0] - own[1], other[2] - other[0]))
    return -int(-difference > math.hypot(own[2] - own[0], other[0] - other[1]))


# --- Of pairs ---------------------------------------------------------------------------------------------------------


def _of_pairs(report: Report) -> tuple[Worth, str]:
    if missing := _missing_pairs(*counts(report)):
        return Worth.UNJUDGED, missing
    if not all(check.passed for check in against_chance(report)):
        return Worth.COIN, _("No better than a coin")
    own, longer = _ends(report["accuracy"], "value"), _ends(report["baseline_longer"], "accuracy")
    match apart(own, longer):
        case -1:
            return Worth.BELOW_LONGER, _("Below longer-wins")
        case 0:
            return Worth.LIKE_LONGER, _("No better than longer-wins")
    if not (people := report.get("human_ceiling")):
        return Worth.USEFUL, _("Better than longer-wins; how far people agree is not known")
    if apart(own, _ends(people, "agreement")) < 0:
        return Worth.BELOW_PEOPLE, _("Better than longer-wins, below people")
    return Worth.LIKE_PEOPLE, _("Better than longer-wins, not told apart from people")


def _missing_pairs(pairs: int, prompts: int) -> str:
    """Prompts first: a further one brings pairs, while further pairs of the same few prompts bring no prompt."""
    if prompts < MIN_TEST_PROMPTS:
        n = MIN_TEST_PROMPTS - prompts
        words = ngettext(
            "Not judged yet: needs %(n)d more test prompt", "Not judged yet: needs %(n)d more test prompts", n
        )
        return words % {"n": n}
    if pairs < MIN_TEST_PAIRS:
        n = MIN_TEST_PAIRS - pairs
        words = ngettext("Not judged yet: needs %(n)d more test pair", "Not judged yet: needs %(n)d more test pairs", n)
        return words % {"n": n}
    return ""


def _ends(share: Report, value: str) -> tuple[float, float, float]:
    """A share with its interval; without one it is taken as exact."""
    own = share[value]
    low, high = share.get("low"), share.get("high")
    return own, own if low is None else low, own if high is None else high


# --- Of a flag --------------------------------------------------------------------------------------------------------


def _of_flag(flags: dict[str, Any] | None) -> tuple[Worth, str]:
    labels, prompts = (flags["n_votes"], flags["n_prompts"]) if flags else (0, 0)
    if prompts < flag_gate.MIN_TEST_PROMPTS:
        n = flag_gate.MIN_TEST_PROMPTS - prompts
        words = ngettext("Not judged yet: needs %(n)d more test text", "Not judged yet: needs %(n)d more test texts", n)
        return Worth.UNJUDGED, words % {"n": n}
    if labels < flag_gate.MIN_TEST_LABELS:
        n = flag_gate.MIN_TEST_LABELS - labels
        words = ngettext(
            "Not judged yet: needs %(n)d more test label", "Not judged yet: needs %(n)d more test labels", n
        )
        return Worth.UNJUDGED, words % {"n": n}
    assert flags is not None
    if flags["roc_auc"] is None:
        return Worth.UNJUDGED, _("Not judged yet: all test labels say the same")
    if not flag_gate.against_chance(flags).passed:
        return Worth.COIN, _("No better than a coin")
    if not flag_gate.against_base_rate(flags).passed:
        return Worth.BASE_RATE, _("No better than the base rate")
    return Worth.USEFUL, _("Better than the base rate")


# --- Beside other models ----------------------------------------------------------------------------------------------


def _behind(report: Report, *, classifies: bool) -> str:
    """Which model kept this one from passing."""
    failed = {check.beside for check in gate(report, classifies=classifies).checks if not check.passed}
    if "champion" in failed:
        return _("Not better than the champion of that day")
    if "head_rival" in failed:
        return _("Not better than the newest head of that day")
    return ""
