"""Reads the intervals that a page shows, each with its value and its n, out of sentences and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

NUMBER = r"[+\N{MINUS SIGN}-]?\d[\d,]*(?:\.\d+)?(?:\N{NO-BREAK SPACE}%)?"
SPAN = re.compile(rf"({NUMBER}) to ({NUMBER})")
IN_BRACKETS = re.compile(rf"({NUMBER}) \(({NUMBER}) to ({NUMBER})(?:, n = ([^;)]*))?[;)]")
VALUES = {"Right on", "Value", "F1", "Log loss", "Gain in reward"}


@dataclass(frozen=True)
class Shown:
    value: str
    low: str
    high: str
    n: str  # "48 pairs of 3 prompts", or "48 3" of a table's columns; empty where the page says it elsewhere


class _Page(HTMLParser):
    """The words of a page outside its tables, and the tables' cells."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
            self.inside = True
        elif tag == "tr" and self.inside:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.inside:
            self.tables[-1][-1].append("")
            self.words.append(" | ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data
        self.words.append(data)


def shown_figures(html: str) -> list[Shown]:
    page = _Page()
    page.feed(html)
    # not str.split, for which a no-break space is one too
    sentences = re.sub(r"[ \n]+", " ", "".join(page.words))
    found = [Shown(*(part or "" for part in each)) for each in IN_BRACKETS.findall(sentences)]
    return found + [each for table in page.tables for each in _of_table(table)]


def _of_table(table: list[list[str]]) -> list[Shown]:
    if not table:
        return []
    head, *rows = ([re.sub(r"[ \n]+", " ", cell).strip() for cell in row] for row in table)
    names = [name for name in ("Pairs", "Labels", "Votes", "Prompts", "Texts") if name in head] or ["n"]
    counts = [head.index(name) for name in names if name in head]
    found, value = [], ""
    for row in rows:
        for name, cell in zip(head, row, strict=False):
            if name in VALUES:
                value = cell
            elif name == "95 % interval" and (span := SPAN.fullmatch(cell)):
                n = " ".join(row[place] for place in counts if place < len(row))
                found.append(Shown(value, *span.groups(), n))
    return found
