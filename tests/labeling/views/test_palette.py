"""The colours can be read, stand in one file, and everything mirrors for a language that is read from the right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labeling.views.styleguide import palette

CSS = Path(__file__).resolve().parents[3] / "static" / "css"
TOKENS = (CSS / "tokens.css").read_text()
FILES = sorted(path for path in CSS.rglob("*.css") if path.name != "tokens.css")
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl|oklch|light-dark)\(")
PHYSICAL = re.compile(
    r"^\s*(?:(?:margin|padding|border)-(?:left|right|top|bottom)\b.*"
    r"|(?:left|right|top|bottom)|text-align: (?:left|right)|float: (?:left|right))[:;]",
    re.MULTILINE,
)


@pytest.mark.parametrize(
    "pair", palette.pairs(palette.colours(TOKENS)), ids=lambda pair: f"{pair.ink} on {pair.ground}"
)
def test_everything_read_has_a_contrast_of_seven_in_both_themes(pair: palette.Pair) -> None:
    assert pair.light >= pair.least
    assert pair.dark >= pair.least


def test_contrast_is_that_of_wcag() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
    assert palette.contrast("#2c4a8f", "#2c4a8f") == 1


def test_every_meaning_has_a_value() -> None:
    names = set(re.findall(r"^  --([\w-]+):", TOKENS, re.MULTILINE))
    assert set(palette.meanings(TOKENS).values()) <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_colour_stands_outside_the_tokens(path: Path) -> None:
    assert COLOUR.findall(path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_token_that_is_used_is_there(path: Path) -> None:
    text = path.read_text()
    known = set(re.findall(r"--([\w-]+):", TOKENS + text))
    assert set(re.findall(r"var\(--([\w-]+)[,)]", text)) - known <= {"start", "end"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_sides_are_called_start_and_end(path: Path) -> None:
    assert PHYSICAL.findall(path.read_text()) == []
