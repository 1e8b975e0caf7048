"""What counts as the same prompt."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.prompts import normalised, prompt_key, split_of

PROMPT = "Why is the café\nclosed?"


@pytest.mark.parametrize(
    "twin",
    [
        PROMPT + " ",
        "\n" + PROMPT + "\r\n",
        PROMPT.replace("\n", "\r\n"),
        PROMPT.replace("\n", "\r"),
        PROMPT.replace("\n", " "),
        PROMPT.replace(" ", "\N{NO-BREAK SPACE}"),
        PROMPT.replace(" ", "\N{NARROW NO-BREAK SPACE}"),
        PROMPT.replace(" ", "\t  "),
        PROMPT.replace(" ", "\N{IDEOGRAPHIC SPACE}"),
        PROMPT.replace("\n", "\N{LINE SEPARATOR}"),
        "\ufeff" + PROMPT,
        PROMPT.replace("cl", "c\N{ZERO WIDTH SPACE}l"),
        PROMPT.replace("closed", "clo\N{SOFT HYPHEN}sed"),
        "\N{RIGHT-TO-LEFT MARK}" + PROMPT + "\N{POP DIRECTIONAL FORMATTING}",
        PROMPT + "\ufe0f",
        PROMPT + "\x00\x7f",
        unicodedata.normalize("NFD", PROMPT),
    ],
)
def test_white_space_composition_and_what_can_not_be_seen_do_not_count(twin: str) -> None:
    assert twin != PROMPT
    assert prompt_key([("user", twin)], []) == prompt_key([("user", PROMPT)], [])


@pytest.mark.parametrize(
    "other",
    [
        PROMPT.upper(),
        PROMPT.replace("é", "e"),
        PROMPT.removesuffix("?"),
        PROMPT.replace(" ", ""),
        PROMPT.replace("c", "с"),  # Cyrillic
        PROMPT.replace("?", "\N{FULLWIDTH QUESTION MARK}"),
    ],
)
def test_letters_case_and_signs_count(other: str) -> None:
    assert prompt_key([("user", other)], []) != prompt_key([("user", PROMPT)], [])


def test_of_a_dialogue_each_turn_counts_with_its_role() -> None:
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Why?")]
    key = prompt_key(turns, [])
    assert prompt_key([(role, f" {text}\n") for role, text in turns], []) == key
    assert prompt_key([("user", "Be brief."), *turns[1:]], []) != key
    assert prompt_key(turns[1:], []) != key
    assert prompt_key([("user", "Hi Why?")], []) != prompt_key([("user", "Hi"), ("user", "Why?")], [])


@pytest.mark.parametrize("empty", ["", " ", "\n\u200b"])
def test_without_a_dialogue_the_texts_count(empty: str) -> None:
    assert prompt_key([("user", empty)], ["one"]) == prompt_key([("user", "")], [" one\n"])
    assert prompt_key([("user", empty)], ["one"]) != prompt_key([("user", "")], ["two"])


def test_the_key_of_a_plain_prompt_is_what_it_was_before_there_was_a_key() -> None:
    """Else prompts would change sides between versions of Podium: of those without anything to normalise none does."""
    expected = hashlib.sha256('[{"content":"Grüß dich, 世界 👋","role":"user"}]'.encode()).hexdigest()
    assert prompt_key([("user", "Grüß dich, 世界 👋")], ["a", "b"]) == expected


@given(st.text())
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once


def test_a_tenth_is_test_and_a_tenth_validation() -> None:
    splits = [split_of(f"{part:04x}" + "0" * 60) for part in range(0, 2**16, 16)]
    assert splits[0] == "test"
    assert splits[-1] == "train"
    assert (splits.count("test"), splits.count("validation")) == (410, 410)
