"""What every page needs: the theme, the project's navigation, times and percentages in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from labeling import access
from labeling.models import Project, Role

register = template.Library()

THEMES = ("light", "dark")
THEME_COOKIE = "podium_theme"

# Each role's pages, in the order shown: (label, URL name, other URL names that belong to it).
_LABELER = (
    ("Rank", "rank", ("practice",)),
    ("History", "history", ("history_edit",)),
    ("Guidelines", "guidelines", ()),
)
_REVIEWER = (
    ("Overview", "project", ()),
    ("Rank", "rank", ("practice", "history", "history_edit", "guidelines")),
    ("Prompts", "prompts", ("prompt",)),
)
_MANAGER = (
    *_REVIEWER,
    ("Training", "runs", ("run",)),
    ("Models", "models", ("model",)),
    ("People", "people", ()),
    ("Export", "export", ()),
    ("Settings", "project_settings", ()),
)
_PAGES = {Role.LABELER: _LABELER, Role.REVIEWER: _REVIEWER, Role.MANAGER: _MANAGER}


@dataclass(frozen=True)
class NavLink:
    label: str
    url: str
    current: bool


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """The theme that the person chose; empty means the system's."""
    request = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE, "") if isinstance(request, HttpRequest) else ""
    return chosen if chosen in THEMES else ""


@register.inclusion_tag("_fragments/project_nav.html", takes_context=True)
def project_nav(context: Context, project: Project) -> dict[str, object]:
    request: HttpRequest = context["request"]
    role = access.role_in(request.user, project) or Role.LABELER
    here = request.resolver_match.url_name if request.resolver_match else None
    links = []
    for label, name, others in _PAGES[role]:
        try:
            url = reverse(name, args=[project.slug])
        except NoReverseMatch:  # a page of an app that is not installed here
            continue
        links.append(NavLink(label, url, current=here == name or here in others))
    return {"project": project, "links": links}


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """'3 min ago', with the exact time on hover."""
    if moment is None:
        return ""
    exact = timezone.localtime(moment)
    words = _ago_words(timezone.now() - moment, exact)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', exact.isoformat(), f"{exact:%d %B %Y, %H:%M %Z}", words
    )


@register.filter
def percent(value: float | None) -> str:
    """0.7134 -> '71 %', with a no-break space."""
    return "" if value is None else f"{100 * value:.0f}\N{NO-BREAK SPACE}%"


def _ago_words(age: timedelta, moment: datetime) -> str:
    seconds = age.total_seconds()
    if seconds < 45:
        return "just now"
    if seconds < 60 * 60:
        return f"{max(1, round(seconds / 60))} min ago"
    if seconds < 24 * 60 * 60:
        return f"{round(seconds / 3600)} h ago"
    if seconds < 30 * 24 * 60 * 60:
        days = round(seconds / 86400)
        return "yesterday" if days == 1 else f"{days} days ago"
    return f"{moment:%d %B %Y}"
