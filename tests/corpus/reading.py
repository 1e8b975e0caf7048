"""What is left of a text: the markup that rendered text may have, and the words that somebody reads."""

from __future__ import annotations

from html.parser import HTMLParser

# Written down once more, so that a wider list in the code is a decision here as well.
HARMLESS = {
    "a", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
    "math", "menclose", "mfrac", "mi", "mn", "mo", "mover", "mroot", "mrow", "mspace", "msqrt", "mstyle", "msub",
    "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover",
}  # fmt: skip
ATTRIBUTES = {
    "alttext", "class", "columnalign", "data-name", "dir", "display", "displaystyle", "fence", "form", "href",
    "mathvariant", "rel",
    "scriptlevel", "start", "stretchy", "tabindex", "target", "title", "value", "width", "movablelimits",
}  # fmt: skip
CLASSES = {
    "added", "center", "code", "code__name", "comment", "gap", "keyword", "left", "name", "removed", "right", "scroll",
    "source", "string", "target", "unseen", "value",
}  # fmt: skip


class Reader(HTMLParser):
    """The tags of a text with their attributes, and what is left to read."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag in {"p", "li", "td", "th", "pre", "br", "div"}:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())
