"""Text from anywhere as HTML that is safe anywhere: Markdown with code and mathematics, no raw HTML, no images.

Two locks: the renderer escapes whatever it doesn't make itself, and the sanitiser lets through only what it makes.
"""

from __future__ import annotations

import logging
from functools import lru_cache

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from formats.messages import as_text as messages_as_text
from labeling.content import highlight, tex, unseen
from labeling.content.alike import look_alike
from labeling.content.directions import direction, lines_html
from labeling.content.markdown import to_html

__all__ = ["as_written", "direction", "look_alike", "messages_as_text", "render", "source"]

logger = logging.getLogger(__name__)

# Nobody compares texts of 100,000 characters; a megabyte of nested lists would keep a server busy for ten seconds.
MAX_RENDERED = 100_000
# A completion is shown to several people, on the board, in the history and again after an undo. The cache holds 512
# texts of at most this length, so 40 MB of HTML at the very worst and 5 MB of what people write.
MAX_CACHED = 20_000

_TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_WITH_DIRECTION = _TAGS - {"a", "br", "em", "hr", "li", "s", "span", "strong", "tbody", "thead", "tr"}
_sanitiser = nh3.Cleaner(
    tags=_TAGS | tex.TAGS,
    attributes={
        **{tag: {"dir"} for tag in _WITH_DIRECTION},
        **{tag: set(tex.ATTRIBUTES) for tag in tex.TAGS},
        "a": {"href", "target"},
        "div": {"dir", "tabindex"},
        "math": {"alttext", "display"},
        "li": {"value"},
        "ol": {"start", "dir"},
        "pre": {"dir", "tabindex"},
        "span": {"data-name", "dir", "tabindex"},
    },
    allowed_classes={
        "div": {"code", "scroll"},
        "p": {"code__name", "source"},
        "span": {"scroll", "target", *unseen.CLASSES, *highlight.CLASSES},
        "td": {"left", "center", "right"},
        "th": {"left", "center", "right"},
    },
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
)


def render(text: str) -> SafeString:
    """Turns Markdown into safe HTML. Raw HTML is shown as the text it is; an image becomes a link to it."""
    if len(text) > MAX_RENDERED:
        return as_written(text)
    return _cached(text, get_language()) if len(text) <= MAX_CACHED else _rendered(text)


@lru_cache(maxsize=512)
def _cached(text: str, language: str | None) -> SafeString:
    return _rendered(text)


def _rendered(text: str) -> SafeString:
    try:
        return mark_safe(_sanitiser.clean(to_html(text)))
    except Exception:  # no known text does this, and one that did would keep its prompt from everyone, for ever
        logger.exception("a text of %d characters can't be rendered; it is shown as it was written", len(text))
        return as_written(text)


def as_written(text: str) -> SafeString:
    """Shows a text as it was written where it would have been rendered."""
    return format_html('<p class="source" dir="{}">{}</p>', direction(text), source(text))


def source(text: str, *, marks: bool = False) -> SafeString:
    """Shows a text as it was written, to be shown pre-wrapped; with `marks` what can't be seen in it has a name."""
    html = unseen.marked(text) if marks else unseen.without_overrides(escape(text))
    return mark_safe(lines_html(html, text))
