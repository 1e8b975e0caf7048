"""The Markdown that people and models write, as HTML. All that is written is shown: nothing hides or is dropped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from time import thread_time
from typing import Any

from django.utils.html import escape
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from labeling.content import formulas
from labeling.content.highlight import highlighted

Env = MutableMapping[str, Any]

# Colours and formulas stop, and their sources are shown, once a text has cost this thread so many CPU seconds.
PATIENCE = 0.25
MAX_URL = 2_000
_LINK = re.compile(r"(https?|mailto):", re.IGNORECASE)
_SCHEME = re.compile(r"(?<![A-Za-z0-9.+-])https?$", re.IGNORECASE)
# To the next space, quote or bracket; CJK text has no space after an address, but punctuation of its own.
_ADDRESS = re.compile(r"://[^\s<>\"`\\^{}|\[\]\u3000-\u303f\uff00-\uff60\x00-\x1f]*[\w/=#-]\)*")
_BLOCKS = {"paragraph_open", "heading_open", "td_open", "th_open"}
_CONTAINERS = {"bullet_list_open", "ordered_list_open", "blockquote_open", "table_open"}


def to_html(text: str) -> str:
    html: str = _markdown().render(text, {"deadline": thread_time() + PATIENCE})
    return html


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        """A link that leads nowhere else is shown as the text it is."""
        return len(url) <= MAX_URL and _LINK.match(url) is not None


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False, "breaks": True})
    # A definition of a reference shows nothing itself, so words could hide in it; as text they are all seen.
    markdown.enable(["table", "strikethrough"]).disable(["reference", "html_block", "html_inline"])
    markdown.inline.ruler.after("text", "bare_link", _bare_link)
    markdown.block.ruler.before("table", "too_deep", _too_deep)
    formulas.install(markdown)
    markdown.core.ruler.push("directions", _directions)
    for name, rule in {
        "link_open": _link_open,
        "link_close": _link_close,
        "image": _image,
        "fence": _fence,
        "code_block": _fence,
        "code_inline": _code_inline,
        "table_open": _table_open,
        "table_close": _table_close,
    }.items():
        markdown.add_render_rule(name, rule)
    return markdown


def _too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The parser drops what lies deeper than it goes. This shows the rest as it was written."""
    if state.level < state.md.options.maxNesting - 2:
        return False
    line = start + 1
    while line < end and (state.isEmpty(line) or state.sCount[line] < 0 or state.sCount[line] >= state.blkIndent):
        line += 1
    token = state.push("code_block", "code", 0)
    token.content = state.getLines(start, line, state.blkIndent, False)
    state.line = line
    return True


def _bare_link(state: StateInline, silent: bool) -> bool:
    """An address with its scheme, and nothing else: main.py and README.md are no hosts, though both have a country."""
    if state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    scheme = _SCHEME.search(state.pending[-6:])
    rest = _ADDRESS.match(state.src, state.pos, state.pos + MAX_URL)
    if scheme is None or rest is None:
        return False
    tail = rest[0]
    while tail.endswith(")") and tail.count(")") > tail.count("("):  # (see https://example.org)
        tail = tail[:-1]
    if not silent:
        state.pending = state.pending[: -len(scheme[0])]
        url = scheme[0] + tail
        state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(url)}
        state.push("text", "", 0).content = url
        state.push("link_close", "a", -1)
    state.pos += len(tail)
    return True


def _directions(state: StateCore) -> None:
    """Each block finds its direction by itself; lists, quotes and tables take that of the first words in them.

    `dir=auto` doesn't do for those: it skips every child that has a direction of its own. And a list item has none,
    because its number stands where the list's are; prose.css turns its lines.
    """
    upcoming = ""
    for token in reversed(state.tokens):
        if token.type == "inline":
            upcoming = token.content
        elif token.type in _BLOCKS:
            token.attrSet("dir", "auto")
        elif token.type in {"bullet_list_open", "ordered_list_open", "blockquote_open", "table_open"} and _rtl(
            upcoming
        ):
            token.attrSet("dir", "rtl")
        if style := token.attrs.pop("style", None):  # a cell's alignment, "text-align:right"
            token.attrSet("class", str(style).removeprefix("text-align:"))


def _rtl(text: str) -> bool:
    strong = (kind for kind in map(unicodedata.bidirectional, text[:1000]) if kind in {"L", "R", "AL"})
    return next(strong, "L") != "L"


def _link_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    env["in_link"] = True
    tokens[index].attrSet("target", "_blank")
    return renderer.renderToken(tokens, index, options, env)


def _link_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    env["in_link"] = False
    return renderer.renderToken(tokens, index, options, env)


def _image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    # An image would tell its server who reads what and when; the reader decides whether to open it.
    token = tokens[index]
    words = renderer.renderInlineAsText(token.children, options, env)
    text = escape(_("image: %(words)s") % {"words": words} if words else _("image"))
    if env.get("in_link"):
        return text
    link = Token("link_open", "a", 1, attrs={"href": token.attrs["src"], "target": "_blank"})
    if title := token.attrs.get("title"):
        link.attrSet("title", str(title))
    return f"{renderer.renderToken([link], 0, options, env)}{text}</a>"


def _fence(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    token = tokens[index]
    name = token.info.strip()
    language = name.split(maxsplit=1)[0].lower() if name else ""
    if language == "math" and (formula := formulas.block(token.content, env)):
        return formula
    code = highlighted(token.content, language, deadline=env["deadline"]) or escape(token.content)
    label = f'<p class="code__name">{escape(name)}</p>' if name else ""
    # Code scrolls sideways, so a keyboard must be able to get into it.
    return f'<div class="code">{label}<pre dir="ltr" tabindex="0"><code dir="ltr">{code}</code></pre></div>\n'


def _code_inline(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return f'<code dir="ltr">{escape(tokens[index].content)}</code>'


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    direction = ' dir="rtl"' if tokens[index].attrGet("dir") else ""
    return f'<div class="scroll" tabindex="0"{direction}>{renderer.renderToken(tokens, index, options, env)}'


def _table_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return "</table></div>\n"
