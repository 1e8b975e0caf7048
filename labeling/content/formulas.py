r"""Where formulas are in Markdown, $..$, $$..$$, \(..\), \[..\], \begin{..}, and what stands in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from time import thread_time
from typing import Any

from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from labeling.content.tex import MAX_TEX, mathml
from labeling.content.unseen import without_overrides

MAX_LINES = 100
MAX_NARROW = 30  # a longer formula may be wider than a phone
_CLOSING = {"$$": "$$", r"\[": r"\]", r"\(": r"\)"}
_ENVIRONMENT = re.compile(r"\\begin\{((?:align|alignat|displaymath|eqnarray|equation|gather|math|multline)\*?)\}")
# Money is no formula: `$5 and $6`, `$5-$10, or 5$ to 10$`. One has a command, a power, an index or a brace in it, or
# else nothing but single letters, numbers and the signs between them.
_MARKS = re.compile(r"[\\^_{}]")
_PLAIN = re.compile(
    r"-?\d+([.,]\d+)*|[^\W\d_]|(?=.*[^\W\d_])(?=.*[-+*/=<>|(\[])(?!.*[^\W\d_]{3})(?!.*[\s,][^\W\d_]{2}[\s,])[^#@%&$!?;]+"
)
_SIDES = re.compile(r"[^\W_]|\$")  # what stands beside a dollar that neither opens nor closes a formula
# \[sic\] and \(optional\) are brackets that somebody escaped.
_WORDS_ONLY = re.compile(r"[^\\^_=<>+]*[^\W\d_]{3,}[^\\^_=<>+]*")


def install(markdown: MarkdownIt) -> None:
    ends = ["paragraph", "reference", "blockquote", "list"]
    markdown.block.ruler.before("fence", "math_block", _block, {"alt": ends})
    markdown.inline.ruler.before("escape", "math_dollars", _dollars)
    markdown.inline.ruler.before("escape", "math_brackets", _brackets)
    for name in ("math_inline", "math_inline_double", "math_block"):
        markdown.add_render_rule(name, _render)


def block(source: str, env: Mapping[str, Any]) -> str | None:
    """Renders a formula on lines of its own; None where it can't be shown."""
    formula = _formula(source, env, display=True)
    # A formula doesn't break, so it scrolls sideways, and a keyboard must be able to get into it.
    return formula and f'<div class="scroll" tabindex="0">{formula}</div>\n'


def _formula(source: str, env: Mapping[str, Any], *, display: bool) -> str | None:
    return mathml(source, display=display) if thread_time() < env["deadline"] else None


def _render(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Mapping[str, Any]) -> str:
    token = tokens[index]
    source = without_overrides(escape(f"{token.markup}{token.content}{_CLOSING.get(token.markup, token.markup)}"))
    if token.type == "math_block":
        shown = block(token.content, env)
        return shown or f'<div class="code"><pre dir="ltr" tabindex="0">{source}</pre></div>\n'
    formula = _formula(token.content, env, display=token.type == "math_inline_double")
    if formula is None:
        return f'<code dir="ltr">{source}</code>'
    return f'<span class="scroll" tabindex="0">{formula}</span>' if len(token.content) > MAX_NARROW else formula


def _dollars(state: StateInline, silent: bool) -> bool:
    """Parses $a$ and $$a$$ within a line."""
    start = state.pos
    if state.src[start] != "$" or _SIDES.match(state.src[start - 1 : start]):
        return False
    dollars = "$$" if state.src.startswith("$$", start) else "$"
    start += len(dollars)
    end = _end_of(state.src, dollars, start)
    source = state.src[start:end]
    if end < 0 or _SIDES.match(state.src, end + len(dollars)) or not _is_formula(source):
        return False
    if dollars == "$" and (source != source.strip() or not _is_meant(source)):
        return False
    if not silent:
        token = state.push("math_inline" if dollars == "$" else "math_inline_double", "math", 0)
        token.content, token.markup = source, dollars
    state.pos = end + len(dollars)
    return True


def _end_of(text: str, dollars: str, start: int) -> int:
    end = text.find(dollars, start, start + MAX_TEX)
    while end > 0 and (end - len(text[start:end].rstrip("\\")) - start) % 2:  # an escaped dollar
        end = text.find(dollars, end + 1, start + MAX_TEX)
    return end


def _is_meant(source: str) -> bool:
    return _MARKS.search(source) is not None or _PLAIN.fullmatch(source) is not None


def _brackets(state: StateInline, silent: bool) -> bool:
    r"""Parses \(a\) and \[a\] within a line."""
    opening = state.src[state.pos : state.pos + 2]
    if opening not in (r"\(", r"\["):
        return False
    start = state.pos + 2
    end = state.src.find(_CLOSING[opening], start, start + MAX_TEX)
    if end < 0 or not _is_formula(state.src[start:end]):
        return False
    if not silent:
        token = state.push("math_inline" if opening == r"\(" else "math_inline_double", "math", 0)
        token.content, token.markup = state.src[start:end], opening
    state.pos = end + 2
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""Parses a formula that begins a line with $$, \[ or \begin{..} and ends one."""
    if state.is_code_block(start):
        return False
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    environment = _ENVIRONMENT.match(first)
    opening = "" if environment else first[:2]
    closing = rf"\end{{{environment[1]}}}" if environment else _CLOSING.get(opening, "")
    if not closing or opening == r"\(":
        return False
    lines = [first[len(opening) :].rstrip()]
    while not lines[-1].endswith(closing):
        line = start + len(lines)
        # Bounded, because a text of opening brackets would be read to its end from each of them.
        if closing in lines[-1] or len(lines) == MAX_LINES or _over(state, line, end):
            return False
        if state.src.startswith(r"\[", state.bMarks[line] + state.tShift[line]):
            return False  # a formula in a formula
        lines.append(state.getLines(line, line + 1, state.blkIndent, False).rstrip())
    source = "\n".join(lines)
    if not environment:
        source = source.removesuffix(closing)
    if not _is_formula(source):
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.block, token.content, token.markup = True, source, opening
        token.map = [start, start + len(lines)]
        state.line = start + len(lines)
    return True


def _over(state: StateBlock, line: int, end: int) -> bool:
    return line >= end or state.isEmpty(line) or state.sCount[line] < state.blkIndent


def _is_formula(source: str) -> bool:
    return bool(source.strip()) and not _WORDS_ONLY.fullmatch(source)
