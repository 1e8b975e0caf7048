"""The Markdown that people and models write, as HTML. All that is written is shown: nothing hides or is dropped."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from itertools import pairwise
from time import thread_time
from typing import Any

from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import escapedSplit, getLine, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from labeling.content import formulas, inline
from labeling.content.directions import give_directions
from labeling.content.highlight import highlighted
from labeling.content.unseen import without_overrides

Env = MutableMapping[str, Any]

# Colours and formulas stop, and their sources are shown, once a text has cost this thread so many CPU seconds.
PATIENCE = 0.25
_LINK = re.compile(r"(https?|mailto):", re.IGNORECASE)


def to_html(text: str) -> str:
    html: str = _markdown().render(text, {"deadline": thread_time() + PATIENCE})
    return html


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        """A link that leads nowhere else is shown as the text it is."""
        return len(url) <= inline.MAX_URL and _LINK.match(url) is not None


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False, "breaks": True})
    # A definition of a reference shows nothing itself, so words could hide in it; as text they are all seen.
    markdown.enable(["table", "strikethrough"]).disable(["reference", "html_block", "html_inline"])
    markdown.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    markdown.block.ruler.before("table", "too_deep", _too_deep)
    markdown.core.ruler.after("block", "indents", _indents)
    inline.install(markdown)
    formulas.install(markdown)
    markdown.core.ruler.push("directions", give_directions)
    markdown.core.ruler.push("alignments", _alignments)
    for name, rule in {
        "list_item_open": _list_item_open,
        "fence": _fence,
        "code_block": _fence,
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


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A row may have more cells than the head, and the parser drops them. They go on in its last one."""
    known = len(state.tokens)
    if not table(state, start, end, silent):
        return False
    columns = sum(token.type == "th_open" for token in state.tokens[known:])
    last: Token | None = None
    for token in state.tokens[known:]:
        if token.type == "inline":
            last = token
        elif token.type == "tr_close" and last is not None and last.map is not None:
            line = getLine(state, last.map[0]).strip().removeprefix("|")
            if more := escapedSplit(line.removesuffix("|"))[columns:]:
                last.content = " | ".join([last.content, *(cell.strip() for cell in more)])
    return True


def _indents(state: StateCore) -> None:
    """A paragraph keeps the spaces that it begins with: what follows may be set in from there."""
    lines = state.src.split("\n")
    for token, following in pairwise(state.tokens):
        if token.type == "paragraph_open" and token.level == 0 and token.map:
            line = lines[token.map[0]]
            following.content = line[: len(line) - len(line.lstrip(" \t"))] + following.content


def _alignments(state: StateCore) -> None:
    for token in state.tokens:
        if style := token.attrs.pop("style", None):  # of a cell, "text-align:right"
            token.attrSet("class", str(style).removeprefix("text-align:"))


def _list_item_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    """Keeps the number that was written: Markdown would count on from the first."""
    number = tokens[index].info
    return f'<li value="{int(number)}">' if number else "<li>"


def _fence(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    token = tokens[index]
    name = token.info.strip()
    language = name.split(maxsplit=1)[0].lower() if name else ""
    if language == "math" and (formula := formulas.block(token.content, env)):
        return formula
    code = without_overrides(highlighted(token.content, language, deadline=env["deadline"]) or escape(token.content))
    label = f'<p class="code__name">{without_overrides(escape(name))}</p>' if name else ""
    # Code scrolls sideways, so a keyboard must be able to get into it.
    return f'<div class="code">{label}<pre dir="ltr" tabindex="0"><code dir="ltr">{code}</code></pre></div>\n'


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    direction = ' dir="rtl"' if tokens[index].attrGet("dir") else ""
    return f'<div class="scroll" tabindex="0"{direction}>{renderer.renderToken(tokens, index, options, env)}'


def _table_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Env) -> str:
    return "</table></div>\n"
