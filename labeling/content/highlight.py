"""Code as spans of six classes, which code.css colours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from time import thread_time

from django.utils.html import escape
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import (
    Comment,
    Generic,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    String,
    _TokenType,
)

# Only what a fence names is coloured, never a guess. Some of Pygments' lexers take quadratic time on a single match,
# where no deadline helps (ini, matlab, console); they are not here.
_LANGUAGES = {
    "bash", "c", "clojure", "cpp", "csharp", "css", "dart", "diff", "docker", "elixir", "go", "graphql", "haskell",
    "html", "java", "javascript", "json", "jsx", "julia", "kotlin", "lua", "make", "nginx", "objective-c", "perl",
    "php", "powershell", "python", "r", "ruby", "rust", "scala", "scss", "sql", "swift", "toml", "tsx", "typescript",
    "xml", "yaml",
}  # fmt: skip
_OTHER_NAMES = {
    "c#": "csharp", "c++": "cpp", "console": "bash", "cs": "csharp", "dockerfile": "docker", "golang": "go",
    "hs": "haskell", "js": "javascript", "jsonc": "json", "kt": "kotlin", "makefile": "make", "node": "javascript",
    "objc": "objective-c", "patch": "diff", "pl": "perl", "ps1": "powershell", "py": "python", "python3": "python",
    "rb": "ruby", "rs": "rust", "sh": "bash", "shell": "bash", "svg": "xml", "ts": "typescript", "yml": "yaml",
    "zsh": "bash",
}  # fmt: skip
MAX_CODE = 10_000

_CLASS_OF = {
    Comment: "comment",
    Generic.Deleted: "removed",
    Generic.Inserted: "added",
    Generic.Heading: "name",
    Generic.Subheading: "name",
    Keyword: "keyword",
    Keyword.Constant: "value",
    Literal: "value",
    Name.Attribute: "value",
    Name.Class: "name",
    Name.Decorator: "name",
    Name.Function: "name",
    Name.Tag: "name",
    Number: "value",
    Operator.Word: "keyword",
    String: "string",
    String.Doc: "comment",
}
CLASSES = frozenset(_CLASS_OF.values())


def highlighted(code: str, language: str, *, deadline: float) -> str | None:
    """Gives the HTML of the code, or None where it stays plain: no such language, too long, or past the deadline.

    The deadline is in this thread's CPU seconds: hostile code costs a lexer seconds, and a busy machine costs nobody
    their colours.
    """
    name = _OTHER_NAMES.get(language.lower(), language.lower())
    if name not in _LANGUAGES or len(code) > MAX_CODE:
        return None
    parts: list[tuple[str, str]] = []
    for token, words in _lexer(name).get_tokens(code):
        if thread_time() > deadline:
            return None
        parts.append((_class_of(token), words))
    # A lexer may tidy up what it reads; a labeler judges what the model wrote.
    return "".join(_spans(parts)) if "".join(words for _, words in parts) == code else None


@lru_cache(maxsize=len(_LANGUAGES))
def _lexer(name: str) -> Lexer:
    return get_lexer_by_name(name, stripnl=False, ensurenl=False)


def _spans(parts: list[tuple[str, str]]) -> Iterator[str]:
    for css_class, run in groupby(parts, key=lambda part: part[0]):
        text = escape("".join(text for _, text in run))
        yield f'<span class="{css_class}">{text}</span>' if css_class else text


@lru_cache(maxsize=512)
def _class_of(token: _TokenType) -> str:
    for kind in reversed(token.split()):
        if kind in _CLASS_OF:
            return _CLASS_OF[kind]
    return ""
