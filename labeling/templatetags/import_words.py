"""How far an import is, in words."""

from __future__ import annotations

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from labeling.data.importing.background.import_progress import Progress
from labeling.templatetags.podium import percent

register = template.Library()


@register.simple_tag
def import_pace(progress: Progress) -> str:
    """Writes '41 %, 3.1 MB of 7.4 MB, 2,100 rows a second, about 20 s left'."""
    words = [percent(progress.percent / 100)]
    if progress.is_of_bytes:
        sizes = {"done": filesizeformat(progress.done), "all": filesizeformat(progress.total)}
        words.append(_("%(done)s of %(all)s") % sizes)
    if progress.rows_a_second:
        n = progress.rows_a_second
        rate = ngettext("%(n)s row a second", "%(n)s rows a second", n)
        words.append(rate % {"n": number_format(n, force_grouping=True)})
    if progress.seconds_left is not None:
        words.append(_time_left(progress.seconds_left))
    return ", ".join(words)


def _time_left(seconds: int) -> str:
    if seconds < 60:
        return _("about %(n)s s left") % {"n": max(1, seconds)}
    if seconds < 60 * 60:
        return _("about %(n)s min left") % {"n": round(seconds / 60)}
    return _("about %(n)s h left") % {"n": number_format(round(seconds / 3600, 1))}
