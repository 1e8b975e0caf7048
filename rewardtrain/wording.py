"""Figures as the gate's sentences have them."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.formats import get_format
from django.utils.translation import gettext as _


def with_range(estimate: Mapping[str, float], *, sign: str = "") -> str:
    low, value, high = (number(estimate[key], sign) for key in ("low", "value", "high"))
    return _("%(value)s (%(low)s to %(high)s)") % {"value": value, "low": low, "high": high}


def number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.4f}".replace(".", get_format("DECIMAL_SEPARATOR"))
