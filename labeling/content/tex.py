"""TeX as MathML. What can't be understood is None, and its source is shown instead."""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import Element

from django.utils.html import escape
from latex2mathml.commands import FUNCTIONS, MATRICES
from latex2mathml.converter import convert_to_element

# The elements of MathML that hold nothing but mathematics and text: no links, no actions, no foreign markup.
TAGS = frozenset({
    "math", "menclose", "mfrac", "mi", "mn", "mo", "mover", "mroot", "mrow", "mspace", "msqrt", "mstyle", "msub",
    "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover",
})  # fmt: skip
# A colour or a length could hide words, or move them over someone else's.
_LENGTH = r"(-0?|[0-3]?)(\.\d+)?(em|ex)|0"
ATTRIBUTES = {
    "accent": "true|false",
    "columnalign": "left|center|right",
    "displaystyle": "true|false",
    "fence": "true|false",
    "form": "prefix|infix|postfix",
    "largeop": "true|false",
    "linethickness": "0",
    "mathvariant": "[a-z-]+",
    "maxsize": _LENGTH,
    "minsize": _LENGTH,
    "movablelimits": "true|false",
    "notation": "box|[a-z]+strike( [a-z]+strike)?",
    "scriptlevel": "[0-2]",
    "stretchy": "true|false",
    "width": _LENGTH,
}
MAX_TEX = 2_000
MAX_DEPTH = 60

# A formula that defines commands grows without end in a few characters; nested, \sideset doubles at every level.
_GROWS = re.compile(r"\\(def|newcommand|newenvironment|DeclareMathOperator|sideset)(?![a-zA-Z])")
# latex2mathml's gaps, each filled with what it does know.
_KNOWN_AS = (
    (re.compile(r"\\(begin|end)\{(?:align|aligned|alignedat|eqnarray|split)\*?\}"), r"\\\1{align*}"),
    (re.compile(r"\\(begin|end)\{(?:gather|gathered|multline)\*?\}"), r"\\\1{matrix}"),
    (re.compile(r"\\(begin|end)\{[dr]cases\*?\}"), r"\\\1{cases}"),
    (re.compile(r"\\(?:begin|end)\{(?:equation|displaymath|math)\*?\}|\\label\{[^}]*\}"), ""),
    (re.compile(r"\\not\s*="), r"\\neq "),
    (re.compile(r"\\arg(?![a-zA-Z])"), r"\\operatorname{arg}"),
)
_ENVIRONMENT = re.compile(r"\\begin\s*\{([^}]*)\}")
_REFERENCE = re.compile(r"&#x[0-9A-Fa-f]+;")
_NOT_UNDERSTOOD = re.compile(r"\\[a-zA-Z]|^&$")


# How many children an element must have to be drawn as what it means.
_ARITY = {
    "mfrac": 2, "mover": 2, "mroot": 2, "msub": 2, "msubsup": 3, "msup": 2, "munder": 2, "munderover": 3,
}  # fmt: skip
_SCRIPTS = {"mover", "msub", "msubsup", "msup", "munder", "munderover"}
_BARS = {"|", "\N{DIVIDES}", "\N{PARALLEL TO}", "\N{DOUBLE VERTICAL LINE}"}
_SPACE = '<mspace width="0.167em"></mspace>'


class _NotUnderstoodError(Exception):
    """The converter made something of the formula that nobody should be shown."""


def mathml(source: str, *, display: bool) -> str | None:
    """Makes a <math> element with the source as its text for those who don't see it, or None."""
    if len(source) > MAX_TEX or _GROWS.search(source) or not _balanced(source):
        return None
    shown_as = "block" if display else "inline"
    known = _known(source)
    if not all(rf"\{name}" in MATRICES for name in _ENVIRONMENT.findall(known)):
        return None
    try:
        inside = _children(convert_to_element(known, display=shown_as), depth=0)
    except Exception:  # the converter raises whatever comes, a RecursionError or an IndexError among it
        return None
    return f'<math display="{shown_as}" alttext="{escape(source.strip())}">{inside}</math>'


def _balanced(source: str) -> bool:
    braces = re.sub(r"\\.", "", source)
    return braces.count("{") == braces.count("}")


def _known(source: str) -> str:
    for pattern, replacement in _KNOWN_AS:
        source = pattern.sub(replacement, source)
    lines = r"\\" in source and r"\begin" not in source
    return rf"\begin{{align*}}{source}\end{{align*}}" if lines else source


def _html(element: Element, depth: int) -> str:
    """Writes the element anew, from the lists above and escaped text; the converter escapes nothing itself."""
    tag = "mrow" if element.tag == "mpadded" else element.tag
    text = _text(element)
    if depth > MAX_DEPTH or tag not in TAGS or len(element) != _ARITY.get(tag, len(element)):
        raise _NotUnderstoodError
    if _NOT_UNDERSTOOD.search(text):
        raise _NotUnderstoodError
    attributes = "".join(
        f' {name}="{value}"'
        for name, value in element.attrib.items()
        if name in ATTRIBUTES and re.fullmatch(ATTRIBUTES[name], value)
    )
    return f"<{tag}{attributes}>{escape(text)}{_children(element, depth)}</{tag}>"


def _text(element: Element) -> str:
    text = _REFERENCE.sub(lambda match: html.unescape(match[0]), element.text or "")
    return re.sub(r"\\([%$#&_{} ])", r"\1", text) if element.tag == "mtext" else text


def _children(element: Element, depth: int) -> str:
    """Puts a thin space around log and its like, which MathML's own spacing forgets: n log n, but sin(x)."""
    parts: list[str] = []
    before: Element | None = None
    matrix = element.find("mtable") is not None
    for child in element:
        if child.tag == "mo" and not matrix and _text(child) in _BARS:
            child.attrib.setdefault("stretchy", "false")  # else the two bars of a norm stretch to two heights
        if before is not None and element.tag in {"mrow", "msqrt", "mstyle", "mtd"} and _apart(before, child):
            parts.append(_SPACE)
        parts.append(_html(child, depth + 1))
        before = child
    return "".join(parts)


def _apart(one: Element, two: Element) -> bool:
    return (_is_function(one) or _is_function(two)) and "mo" not in (one.tag, two.tag)


def _is_function(element: Element) -> bool:
    while element.tag in _SCRIPTS and len(element):
        element = element[0]
    return element.tag == "mi" and rf"\{element.text}" in FUNCTIONS
