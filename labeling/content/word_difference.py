"""Two texts word by word: what is in both, in the same order, and what only one of them has."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import groupby, pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from labeling import content

# Chinese and Japanese have no spaces: each character is a word there. Other words go on to a space or a punctuation
# mark, which is a word of its own; not so an apostrophe in a word and a point in a number.
_CHARACTER = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MARK = "!-/:-@\\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40"
_LETTERS = rf"[^\s{_CHARACTER}{_MARK}]+"
_WORD = re.compile(rf"[{_CHARACTER}]|{_LETTERS}(?:(?:['’]|(?<=\d)[.,](?=\d)){_LETTERS})*|\S")
MAX_PAIRS = 20_000
MAX_DEPTH = 12

Place = tuple[int, int]  # an index into each of the two


@dataclass(frozen=True)
class Run:
    """A part of a text; changed where the other text lacks it."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Comparison:
    one: tuple[Run, ...]
    two: tuple[Run, ...]
    common: float  # the share of both texts' words that is in both; 1 for equal words


@dataclass(frozen=True)
class Compared:
    """A comparison as the page shows it."""

    one: SafeString
    two: SafeString
    common: float
    differ: bool


def compared(one: str, two: str) -> Compared:
    comparison = compare(one, two)
    if comparison.common == 1 and one != two:  # in what is between the words alone
        return Compared(content.source(one, marks=True), content.source(two, marks=True), 1, differ=True)
    return Compared(_shown(comparison.one), _shown(comparison.two), comparison.common, one != two)


def compare(one: str, two: str) -> Comparison:
    """Compares word by word. The runs of a side joined are its text; a difference in spaces alone is none."""
    spans = [[match.span() for match in _WORD.finditer(text)] for text in (one, two)]
    words = [[text[start:end] for start, end in side] for text, side in zip((one, two), spans, strict=True)]
    blocks = _without_coincidences(_matches(*words))
    shared = sum(block.size for block in blocks)
    total = len(words[0]) + len(words[1])
    return Comparison(
        _runs(one, spans[0], {block.a + step for block in blocks for step in range(block.size)}),
        _runs(two, spans[1], {block.b + step for block in blocks for step in range(block.size)}),
        2 * shared / total if total else 1.0,
    )


def _shown(runs: Sequence[Run]) -> SafeString:
    """Writes it as marked, and names what can't be seen in a change."""
    parts = [
        format_html("<mark>{}</mark>", content.source(run.text, marks=True))
        if run.changed
        else format_html("{}", run.text)
        for run in runs
    ]
    return format_html_join("", "{}", ((part,) for part in parts))


def marked(runs: Sequence[Run]) -> SafeString:
    """Gives HTML with a <mark> around what changed. The texts keep their line breaks, so it is to be shown
    pre-wrapped."""
    parts = (format_html("<mark>{}</mark>" if run.changed else "{}", run.text) for run in runs)
    return format_html_join("", "{}", ((part,) for part in parts))


def _matches(one: Sequence[str], two: Sequence[str]) -> list[Match]:
    """Finds where the two agree, in order, the longest pieces there are; the last is empty and ends both."""
    blocks: list[Match] = []
    for match in [*_between(one, two, (0, 0), (len(one), len(two)), MAX_DEPTH), Match(len(one), len(two), 0)]:
        last = blocks[-1] if blocks else Match(0, 0, 0)
        if match.size and blocks and (last.a + last.size, last.b + last.size) == (match.a, match.b):
            blocks[-1] = Match(last.a, last.b, last.size + match.size)
        else:
            blocks.append(match)
    return blocks


def _between(one: Sequence[str], two: Sequence[str], start: Place, end: Place, depth: int) -> Iterator[Match]:
    """Compares as patience diff does: equal beginnings and ends, then the words that each side has once, then the same
    between those.

    What is left only repeats itself. It is compared exactly where it is short; where it is long, nothing in it tells
    which of the repeated words belong together. So the time grows with n log n, whatever the texts.
    """
    (a, b), (last_a, last_b) = start, end
    while a < last_a and b < last_b and one[a] == two[b]:
        a, b = a + 1, b + 1
    if a > start[0]:
        yield Match(*start, a - start[0])
    tail = 0
    while a < last_a and b < last_b and one[last_a - 1] == two[last_b - 1]:
        last_a, last_b, tail = last_a - 1, last_b - 1, tail + 1
    if anchors := _anchors(one[a:last_a], two[b:last_b]) if depth else []:
        places = [(a, b), *((a + step, b + other) for step, other in anchors), (last_a, last_b)]
        for place, following in pairwise(places):
            yield from _between(one, two, place, following, depth - 1)
    elif (last_a - a) * (last_b - b) <= MAX_PAIRS:
        exact = SequenceMatcher(None, one[a:last_a], two[b:last_b], autojunk=False).get_matching_blocks()
        yield from (Match(a + block.a, b + block.b, block.size) for block in exact[:-1])
    if tail:
        yield Match(last_a, last_b, tail)


def _anchors(one: Sequence[str], two: Sequence[str]) -> list[Place]:
    """Finds the places of words that both have exactly once; of pairs and fours of words, where there is no such
    word."""
    for width in (1, 2, 4):
        keys = [[tuple(side[at : at + width]) for at in range(len(side) - width + 1)] for side in (one, two)]
        times = [Counter(side) for side in keys]
        other = {key: at for at, key in enumerate(keys[1]) if times[1][key] == 1}
        places = [(at, other[key]) for at, key in enumerate(keys[0]) if times[0][key] == 1 and key in other]
        if places:
            return _in_order(places)
    return []


def _in_order(places: Sequence[Place]) -> list[Place]:
    """Keeps as many of the places as stand in the same order on both sides: the longest increasing subsequence."""
    ends: list[int] = []  # of the sequences of each length, the one that ends first: where, and at which place
    tops: list[int] = []
    before: list[int] = []
    for index, (_, other) in enumerate(places):
        length = bisect_left(ends, other)
        ends[length : length + 1], tops[length : length + 1] = [other], [index]
        before.append(tops[length - 1] if length else -1)
    chosen, index = list[Place](), tops[-1]
    while index >= 0:
        chosen.append(places[index])
        index = before[index]
    return chosen[::-1]


def _without_coincidences(blocks: list[Match]) -> list[Match]:
    """Drops the few words that two changed passages happen to share: marked through, such a passage reads better.

    The last block, of size 0, ends both texts and stays.
    """
    blocks_left = [Match(0, 0, 0), *blocks]
    while True:
        gaps = [max(two.a - one.a - one.size, two.b - one.b - one.size) for one, two in pairwise(blocks_left)]
        lonely = {
            index
            for index, (before, after) in enumerate(pairwise(gaps), start=1)
            if 2 * blocks_left[index].size < min(before, after)
        }
        if not lonely:
            return blocks_left
        blocks_left = [block for index, block in enumerate(blocks_left) if index not in lonely]


def _runs(text: str, spans: Sequence[tuple[int, int]], shared: set[int]) -> tuple[Run, ...]:
    """The space between two changed words is changed with them; any other is not."""
    runs: list[Run] = []
    at = 0
    for changed, group in groupby(range(len(spans)), key=lambda index: index not in shared):
        words = list(group)
        if changed:
            start, end = spans[words[0]][0], spans[words[-1]][1]
            runs += [Run(text[at:start], False), Run(text[start:end], True)]
            at = end
    runs.append(Run(text[at:], False))
    return tuple(run for run in runs if run.text)
