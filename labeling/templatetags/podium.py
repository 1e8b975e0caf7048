"""What every page needs: the theme, the project's navigation, times, shares and intervals in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.template import Context
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from labeling.judgements.phrases import say
from labeling.models import Project, Role
from labeling.people import access
from labeling.projects import navigation

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

register = template.Library()

THEMES = ("light", "dark")
THEME_COOKIE = "podium_theme"


@dataclass(frozen=True)
class NavLink:
    label: StrOrPromise
    url: str
    current: bool


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """Gives the theme that the person chose; empty means the system's."""
    request = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE, "") if isinstance(request, HttpRequest) else ""
    return chosen if chosen in THEMES else ""


@register.simple_tag
def csrf_cookie() -> str:
    """Gives the name of the cookie that holds the token: another one for each copy below a path of its own."""
    return settings.CSRF_COOKIE_NAME


@register.inclusion_tag("_fragments/project_nav.html", takes_context=True)
def project_nav(context: Context, project: Project) -> dict[str, object]:
    request: HttpRequest = context["request"]
    role = access.role_in(request.user, project) or Role.LABELER
    here = request.resolver_match.url_name if request.resolver_match else None
    links = []
    for page in navigation.pages_of(role):
        label = project.judgement.words.act if page.address == "rank" else page.label
        url = reverse(page.address, args=[project.slug])
        links.append(NavLink(label, url, current=here in (page.address, *page.belonging)))
    return {"project": project, "links": links}


@register.simple_tag(name="say")
def say_phrase(phrase: StrOrPromise, **values: object) -> SafeString | str:
    """Fills a phrase that Python holds, `{% say words.found n=3 asked=asked %}`; see phrases.say."""
    return say(phrase, **values)


@register.simple_block_tag
def part(content: str) -> str:
    """Makes, by `{% part as name %}...{% endpart %}`, a piece of a page that a translated sentence puts where it wants
    it.

    Without the spaces around it, so that it may stand on lines of its own and still be followed by a full stop.
    """
    return mark_safe(content.strip())


@register.filter
def earlier(turns: Sequence[Any]) -> list[Any]:
    """Gives the turns that may be folded away: neither the last one nor what the assistant was told, which holds for
    all."""
    return [turn for turn in turns[:-1] if turn.role != "system"]


@register.simple_block_tag
def sentence(content: str) -> str:
    """Ends with one full stop, though its last word may be an abbreviation that has one."""
    text = content.strip()
    plain = strip_tags(text).rstrip()
    if plain.endswith("..") and text.endswith(".") and not plain.endswith("..."):
        text = text[:-1]
    return mark_safe(text if plain.endswith(".") else f"{text}.")


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """Writes '3 min ago', with the exact time on hover."""
    if moment is None:
        return ""
    exact = timezone.localtime(moment)
    shown = _ago_words(timezone.now() - moment, exact)
    title = f"{date_format(exact, 'DATETIME_FORMAT')} {exact:%Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', exact.isoformat(), title, shown)


@register.filter
def lasted(start: datetime, end: datetime) -> str:
    """Writes '7 s', and as Django words it from a minute on: a head is trained in less."""
    seconds = (end - start).total_seconds()
    return _("%(seconds)s s") % {"seconds": max(1, round(seconds))} if seconds < 60 else timesince(start, end)


@register.filter
def percent(value: float | None) -> str:
    """Writes 0.7134 as '71 %', with a no-break space."""
    if value is None:
        return ""
    words = _("%(number)s %%") % {"number": number_format(round(100 * value))}
    return words.replace(" ", "\N{NO-BREAK SPACE}")


@register.filter
def up_to(n: int, most: int) -> str:
    """Writes a number that was counted as far as `most`: '12', and '1,000+' of more."""
    return f"{number_format(min(n, most), force_grouping=True)}{'+' * (n > most)}"


@register.filter
def points(value: float) -> str:
    """Writes a difference of shares in percentage points: 0.0859 -> '+9'."""
    return f"{round(100 * value):+d}".replace("-", "\N{MINUS SIGN}")


@register.simple_tag
def between(low: float | None, high: float | None) -> str:
    """Writes two shares as '60 % to 80 %'."""
    return _("%(low)s to %(high)s") % {"low": percent(low), "high": percent(high)}


@register.simple_tag
def interval(low: float | None, high: float | None, n: int, n_prompts: int | None = None, kind: str = "pairs") -> str:
    """Writes an interval of shares with the number behind it: '(60 % to 80 %, n = 1,200 pairs of 40 prompts)'."""
    return f"({within(low, high, n, n_prompts, kind)})"


@register.simple_tag
def within(low: float | None, high: float | None, n: int, n_prompts: int | None = None, kind: str = "pairs") -> str:
    """Writes the same without brackets."""
    span = _TOO_FEW if low is None or high is None else between(low, high)
    return _("%(interval)s, n = %(n)s") % {"interval": span, "n": counted(n, n_prompts, kind)}


@register.filter
def ends(estimate: Any, digits: int = 3) -> str:
    """Writes the interval of a figure that is no share, whose low and high are keys or attributes: '0.894 to 0.938'."""
    low, high = (estimate[end] if isinstance(estimate, Mapping) else getattr(estimate, end) for end in ("low", "high"))
    if low is None or high is None:
        return str(_TOO_FEW)
    return _("%(low)s to %(high)s") % {"low": floatformat(low, digits), "high": floatformat(high, digits)}


_TOO_FEW = gettext_lazy("too few for an interval")


@register.simple_tag
def counted(n: int, n_prompts: int | None = None, kind: str = "pairs") -> str:
    """Says what a figure is of: '48 pairs of 3 prompts', or 'labels' of texts, 'rankings', 'ties'.

    Figures over pairs are as sure as their prompts are many. Older reports know of no prompts.
    """
    judged = _JUDGED[kind](n) % {"n": number_format(n, force_grouping=True)}
    if not n_prompts:
        return judged
    prompts = counted(n_prompts, kind="texts" if kind == "labels" else "prompts")
    return _("%(judged)s of %(prompts)s") % {"judged": judged, "prompts": prompts}


_JUDGED: dict[str, Callable[[int], str]] = {
    "pairs": lambda n: ngettext("%(n)s pair", "%(n)s pairs", n),
    "labels": lambda n: ngettext("%(n)s label", "%(n)s labels", n),
    "rankings": lambda n: ngettext("%(n)s ranking", "%(n)s rankings", n),
    "ties": lambda n: ngettext("%(n)s tie", "%(n)s ties", n),
    "comparisons": lambda n: ngettext("%(n)s comparison", "%(n)s comparisons", n),
    "tasks": lambda n: ngettext("%(n)s task", "%(n)s tasks", n),
    "prompts": lambda n: ngettext("%(n)s prompt", "%(n)s prompts", n),
    "answers": lambda n: ngettext("%(n)s answer", "%(n)s answers", n),
    "texts": lambda n: ngettext("%(n)s text", "%(n)s texts", n),
}


def _ago_words(age: timedelta, moment: datetime) -> str:
    seconds = age.total_seconds()
    if seconds < 45:
        return _("just now")
    if seconds < 60 * 60:
        minutes = max(1, round(seconds / 60))
        return ngettext("%(n)s min ago", "%(n)s min ago", minutes) % {"n": minutes}
    if seconds < 24 * 60 * 60:
        hours = round(seconds / 3600)
        return ngettext("%(n)s h ago", "%(n)s h ago", hours) % {"n": hours}
    if seconds < 30 * 24 * 60 * 60:
        days = round(seconds / 86400)
        return _("yesterday") if days == 1 else ngettext("%(n)s day ago", "%(n)s days ago", days) % {"n": days}
    return date_format(moment)
