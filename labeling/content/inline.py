"""What stands within a line: text with its spaces, emphasis that is none in a word, links that say where they lead."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from typing import Any

from django.utils.html import escape
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize
from markdown_it.token import Token

from labeling.content.unseen import text_html, without_overrides

Env = MutableMapping[str, Any]

MAX_URL = 2_000
_SCHEME = re.compile(r"(?<![A-Za-z0-9.+-])https?$", re.IGNORECASE)
# To the next space, quote or bracket; CJK text has no space after an address, but punctuation of its own.
_ADDRESS = re.compile(r"://[^\s<>\"`\\^{}|\[\]\u3000-\u303f\uff00-\uff60\x00-\x1f]*[\w/=#-]\)*")
_BREAKS = {"softbreak", "hardbreak"}
_CLOSED, _OPENING = ")]}", "([{"


def install(markdown: MarkdownIt) -> None:
    # An entity is shown as it was written, or &lt; and < would be the same.
    markdown.inline.ruler.disable("entity")
    markdown.inline.ruler.at("newline", _newline)
    markdown.inline.ruler.at("emphasis", _emphasis)
    markdown.inline.ruler.after("text", "bare_link", _bare_link)
    for name, rule in {
        "text": _text,
        "code_inline": _code_inline,
        "link_open": _link_open,
        "link_close": _link_close,
        "image": _image,
    }.items():
        markdown.add_render_rule(name, rule)


def _newline(state: StateInline, silent: bool) -> bool:
    """A line ends where it was ended, and the next one keeps the spaces that it begins with."""
    if state.src[state.pos] != "\n":
        return False
    if not silent:
        state.push("softbreak", "br", 0)
    state.pos += 1
    return True


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Does as CommonMark has it, but 5*3*2 and (a)*(b)*(c) are products, as snake_case_names are names; and what begins
    with a slash is no emphasis, nor what ends with one: /* a comment */ and **/a/** keep their marks. **a**/**b** is
    it.
    """
    start, known = state.pos, len(state.delimiters)
    if not tokenize(state, silent):
        return False
    before, after = state.src[start - 1 : start], state.src[state.pos : state.pos + 1]
    single = state.pos - start == 1
    if (_in_word(before) or (single and before in _CLOSED)) and (_in_word(after) or (single and after in _OPENING)):
        for delimiter in state.delimiters[known:] if before and after else ():
            delimiter.open = delimiter.close = False
    for delimiter in state.delimiters[known:]:
        delimiter.open &= after != "/"
        delimiter.close &= before != "/"
    return True


def _in_word(character: str) -> bool:
    """Looks for a script that puts spaces between its words: in others emphasis has nothing else beside it."""
    return character.isalnum() and character < "\u0590"


def _bare_link(state: StateInline, silent: bool) -> bool:
    """Links an address with its scheme, and nothing else: main.py and README.md are no hosts, though both have a
    country."""
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
        opening = state.push("link_open", "a", 1)
        opening.attrs, opening.info = {"href": state.md.normalizeLink(url)}, "auto"
        state.push("text", "", 0).content = url
        state.push("link_close", "a", -1)
    state.pos += len(tail)
    return True


def _text(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return text_html(tokens[index].content, first=index == 0 or tokens[index - 1].type in _BREAKS)


def _code_inline(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return f'<code dir="ltr">{without_overrides(escape(tokens[index].content))}</code>'


def _link_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    token = tokens[index]
    # An address that was written out leads where it says.
    env["target"] = "" if token.info == "auto" else _target(token, "href")
    return _opening(renderer, str(token.attrs["href"]), options, env)


def _link_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return f"</a>{env.pop('target')}"


def _image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    # An image would tell its server who reads what and when; the reader decides whether to open it.
    token = tokens[index]
    alternative = renderer.renderInlineAsText(token.children, options, env)
    text = text_html(_("image: %(words)s") % {"words": alternative} if alternative else _("image"))
    target = _target(token, "src")
    if "target" in env:  # a link may not be in a link
        return text + target
    return f"{_opening(renderer, str(token.attrs['src']), options, env)}{text}</a>{target}"


def _opening(renderer: RendererHTML, href: str, options: Any, env: Env) -> str:
    link = Token("link_open", "a", 1, attrs={"href": href, "target": "_blank"})
    return renderer.renderToken([link], 0, options, env)


def _target(token: Token, attribute: str) -> str:
    """Shows where it leads, and its title, to be read without a mouse: two links may have the same words."""
    title = token.attrs.get("title")
    shown = f"{token.attrs[attribute]} “{title}”" if title else str(token.attrs[attribute])
    return f' <span class="target" dir="ltr">{text_html(shown)}</span>'
