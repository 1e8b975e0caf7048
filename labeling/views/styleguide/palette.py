"""The colours of static/css/tokens.css and how well they can be read: for the style page, held by a test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

READING, TEXT, LINE = 7.0, 4.5, 3.0  # WCAG 2.2: AAA for text that is read, AA for any, and for a control's edge

# Which named value stands on which, and how much contrast it must have. Everything a person reads is held to AAA.
_GROUNDS = ("paper", "paper-raised", "paper-sunken", "blue-wash", "green-wash", "amber-wash", "red-wash")
_STANDS_ON = {
    "ink": (_GROUNDS, READING),
    "ink-soft": (_GROUNDS, READING),
    "blue": (("paper", "paper-raised", "paper-sunken", "blue-wash"), READING),
    "blue-deep": (("paper", "paper-raised", "blue-wash"), READING),
    "on-blue": (("blue", "blue-deep"), READING),
    "green": (("paper", "paper-raised", "paper-sunken", "green-wash"), READING),
    "amber": (("paper", "paper-raised", "paper-sunken", "amber-wash"), READING),
    "red": (("paper", "paper-raised", "red-wash"), READING),
    "plum": (("paper-sunken",), READING),
    "teal": (("paper-sunken",), READING),
    "line-strong": (("paper", "paper-raised", "paper-sunken"), LINE),
}


@dataclass(frozen=True)
class Colour:
    name: str
    light: str
    dark: str


@dataclass(frozen=True)
class Pair:
    """One colour on another: the contrast in both themes, and the least that it may be."""

    ink: str
    ground: str
    light: float
    dark: float
    least: float

    @property
    def holds(self) -> bool:
        return min(self.light, self.dark) >= self.least


def colours(tokens: str) -> dict[str, Colour]:
    """Reads the named values: `--paper: light-dark(#faf7f1, #191714);`"""
    colours = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", tokens)
    return {name: Colour(name, light, dark) for name, light, dark in colours}


def meanings(tokens: str) -> dict[str, str]:
    """Reads what stands for what: `--ground: var(--paper);`"""
    return dict(re.findall(r"^  --([\w-]+): var\(--([\w-]+)\);", tokens.split("@media")[0], re.MULTILINE))


def pairs(named: Mapping[str, Colour]) -> list[Pair]:
    return [
        Pair(
            ink,
            ground,
            contrast(named[ink].light, named[ground].light),
            contrast(named[ink].dark, named[ground].dark),
            least,
        )
        for ink, (grounds, least) in _STANDS_ON.items()
        for ground in grounds
    ]


def contrast(one: str, other: str) -> float:
    """Computes WCAG's contrast ratio of two colours like '#faf7f1', from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
