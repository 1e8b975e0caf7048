"""Reckoned figures in words."""

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

register = template.Library()
MINUTE, HOUR, DAY = 60, 3600, 86_400


@register.filter
def roughly(seconds: float) -> str:
    """Writes a time that is no better than a guess: minutes, hours or days."""
    if seconds < HOUR:
        return _("%(n)s min") % {"n": max(1, round(seconds / MINUTE))}
    if seconds < DAY:
        return _("%(n)s h") % {"n": round(seconds / HOUR)}
    return _("%(n)s days") % {"n": number_format(round(seconds / DAY, 1), 1)}


@register.filter
def gigabytes(n_bytes: int) -> str:
    """Writes bytes in units of 10^9, as disks and graphics cards are sold."""
    return _("%(n)s GB") % {"n": number_format(round(n_bytes / 10**9, 1), 1)}


@register.filter
def millions(n: int) -> str:
    return _("%(n)s million parameters") % {"n": round(n / 10**6)}


@register.filter
def operations(speed: float) -> str:
    """Writes operations a second in billions."""
    return _("%(n)s billion operations a second") % {"n": round(speed / 10**9)}
