"""The words that a reward came from: a tokenizer's pieces put together again, each with how strongly it is tinted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

STEPS = 7  # of strength, for each sign
MOST_LISTED = 12
Token = Mapping[str, Any]  # {"text", "part", "value"}, as the scoring service tells it

_LETTER = re.compile(r"[\w'’]")
_UNSPACED = "\u2e80"  # from here on: scripts that write words without spaces between them, and signs


@dataclass(frozen=True)
class Word:
    space: str  # before it
    text: str
    part: str  # prompt or completion
    value: float  # by how much it raises the reward
    step: int = 0  # of strength, up to STEPS; 0 is nothing to speak of

    @property
    def sign(self) -> str:
        return "up" if self.value > 0 else "down"

    @property
    def shown(self) -> str:
        """Writes '+0.123'."""
        sign = "+" if self.value > 0 else "\N{MINUS SIGN}"
        return sign + number_format(abs(self.value), 3)

    @property
    def tinted(self) -> SafeString:
        """Writes the word as HTML: not in a template, where a space more between two words would be seen."""
        if not self.step:
            return format_html("{}{}", self.space, self.text)
        tint = '<span class="word" data-sign="{}" data-step="{}" title="{}">{}</span>'
        return format_html("{}" + tint, self.space, self.sign, self.step, self.shown, self.text)


@dataclass(frozen=True)
class Words:
    prompt: list[Word]
    completion: list[Word]
    strongest: list[Word]  # by size, the first MOST_LISTED
    reward: float
    baseline: float  # the reward of the same frame without words
    gap: float  # what the words together say too much; the integral is not exact
    cut: bool


def words(answer: Mapping[str, Any]) -> Words:
    """Makes them of the answer of rewardtrain.core.score.Scorer.tokens.

    Special tokens have no value, and are left out.
    """
    merged = _merged([token for token in answer["tokens"] if token["part"] != "special"])
    most = max((abs(word.value) for word in merged), default=0.0)
    placed = [_placed(word, most) for word in merged]
    return Words(
        prompt=[word for word in placed if word.part == "prompt"],
        completion=[word for word in placed if word.part == "completion"],
        strongest=sorted((word for word in placed if word.step), key=lambda word: -abs(word.value))[:MOST_LISTED],
        reward=answer["reward"],
        baseline=answer["baseline"],
        gap=answer["gap"],
        cut=answer["truncated"],
    )


def _placed(word: Word, most: float) -> Word:
    step = round(STEPS * abs(word.value) / most) if most else 0
    return Word(word.space, word.text, word.part, word.value, step)


def _merged(tokens: Sequence[Token]) -> list[Word]:
    made: list[Word] = []
    for token in tokens:
        text, part, value = token["text"], token["part"], token["value"]
        if made and made[-1].part == part and _goes_on(made[-1].text, text):
            last = made.pop()
            made.append(Word(last.space, last.text + text, part, last.value + value))
        else:
            bare = text.lstrip()
            made.append(Word(text[: len(text) - len(bare)], bare, part, value))
    return made


def _goes_on(before: str, text: str) -> bool:
    """Tells whether a piece belongs to the word before it. One without text is the rest of a character."""
    if not text or not before:
        return True
    return all(_LETTER.match(char) and char < _UNSPACED for char in (before[-1], text[0]))
