"""A gate's rules and their figures, in words."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import get_format
from django.utils.translation import gettext as _

from formats.evaluation_report.figures import Estimate, ShareEstimate


@dataclass(frozen=True)
class Check:
    """One rule of a gate: whether the model passed it, in words with the numbers, and whom it was held against."""

    passed: bool
    words: str
    beside: str = ""  # the report's part with the other model: champion or head_rival


def with_range(estimate: Estimate | ShareEstimate, *, sign: str = "") -> str:
    if estimate["low"] is None or estimate["high"] is None:
        return _("%(value)s (too few for an interval)") % {"value": number(estimate["value"], sign)}
    low, value, high = (number(each, sign) for each in (estimate["low"], estimate["value"], estimate["high"]))
    return _("%(value)s (%(low)s to %(high)s)") % {"value": value, "low": low, "high": high}


def number(value: float, sign: str = "") -> str:
    """Writes four digits, of which a negative zero is none."""
    return f"{value:{sign}z.4f}".replace(".", get_format("DECIMAL_SEPARATOR"))
