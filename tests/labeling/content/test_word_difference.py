"""Two texts, word by word."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from django.template.loader import render_to_string
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.content.word_difference import Run, compare, compared, marked

TEXTS = st.text(alphabet="ab ,.\n中文é<", max_size=60) | st.text(max_size=60)


def text_of(runs: Iterable[Run]) -> str:
    return "".join(run.text for run in runs)


def changed(runs: Iterable[Run]) -> list[str]:
    return [run.text for run in runs if run.changed]


def shared_words(runs: Iterable[Run]) -> str:
    """What stands unmarked, without the spaces, which don't count."""
    return "".join("".join(run.text.split()) for run in runs if not run.changed)


@settings(deadline=None)  # a busy machine is no failure
@given(TEXTS, TEXTS)
def test_the_runs_of_a_side_are_its_text(one: str, two: str) -> None:
    comparison = compare(one, two)
    assert text_of(comparison.one) == one
    assert text_of(comparison.two) == two


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_what_is_unmarked_is_the_same_on_both_sides(one: str, two: str) -> None:
    comparison = compare(one, two)
    assert shared_words(comparison.one) == shared_words(comparison.two)
    assert 0 <= comparison.common <= 1


@settings(deadline=None)
@given(TEXTS)
def test_a_text_has_all_words_in_common_with_itself(text: str) -> None:
    comparison = compare(text, text)
    assert changed(comparison.one) == changed(comparison.two) == []
    assert comparison.common == 1


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), max_size=300), st.lists(st.sampled_from("abcdefgh"), max_size=300))
def test_words_that_repeat_are_matched_in_order(one: list[str], two: list[str]) -> None:
    comparison = compare(" ".join(one), " ".join(two))
    assert text_of(comparison.one) == " ".join(one)
    assert shared_words(comparison.one) == shared_words(comparison.two)


@pytest.mark.parametrize(
    ("one", "two", "of_one", "of_two"),
    [
        ("I like big red cars", "I love big blue cars", ["like", "red"], ["love", "blue"]),
        ("It costs 3.14, doesn't it?", "It costs 3.15, doesn't it?", ["3.14"], ["3.15"]),
        ("list.sort(x)", "list.pop(x)", ["sort"], ["pop"]),
        ("a b c", "a c", ["b"], []),
        ("", "new words", [], ["new words"]),
        ("first\n\nsecond", "first\nsecond", [], []),
        ("今天天气很好", "今天空气很好", ["天"], ["空"]),
        ("東京に行きました。", "大阪に行きました。", ["東京"], ["大阪"]),
        ("हिन्दी में", "हिन्दी से", ["में"], ["से"]),
        ("Good 👩‍💻.", "Good 👨‍💻.", ["👩‍💻"], ["👨‍💻"]),
    ],
)
def test_only_what_differs_is_marked(one: str, two: str, of_one: list[str], of_two: list[str]) -> None:
    comparison = compare(one, two)
    assert changed(comparison.one) == of_one
    assert changed(comparison.two) == of_two


def test_the_share_in_common_counts_the_words_of_both() -> None:
    assert compare("a b c d", "a b x").common == pytest.approx(2 * 2 / 7)
    assert compare("", "").common == 1
    assert compare("a", "b").common == 0


def test_a_word_that_two_changed_passages_happen_to_share_is_marked_with_them() -> None:
    comparison = compare("one two three four of five six seven", "red green blue black of white grey pink")
    assert changed(comparison.one) == ["one two three four of five six seven"]
    assert comparison.common == 0


def test_a_passage_that_moved_is_marked_where_it_is_not() -> None:
    first, second = "The sun rises in the east every day.", "Water is wet, and fire burns."
    comparison = compare(f"{first} {second} End", f"{second} {first} End")
    assert len(changed(comparison.one)) == len(changed(comparison.two)) == 1
    assert shared_words(comparison.one).endswith("End")


def test_long_texts_of_few_words_are_compared_at_the_places_that_are_told_apart() -> None:
    one = " ".join(f"{number} {number} x" for number in range(2000))
    comparison = compare(one, one.replace("x", "y"))
    assert comparison.common == pytest.approx(2 / 3)
    chosen = random.Random(0)
    noise = [" ".join(chosen.choice("ab") for _ in range(5000)) for _ in range(2)]
    assert text_of(compare(*noise).one) == noise[0]


def test_marks_are_html_and_the_texts_in_them_are_not() -> None:
    assert marked(compare("<b> & x", "<b> & y").one) == "&lt;b&gt; &amp; <mark>x</mark>"
    result = compared("<script>a</script>", "<script>b</script>")
    assert result.one == "&lt;script&gt;<mark>a</mark>&lt;/script&gt;"
    assert result.two == "&lt;script&gt;<mark>b</mark>&lt;/script&gt;"
    assert result.common == pytest.approx(6 / 7, abs=0.02)


def test_two_completions_stand_side_by_side_under_their_letters() -> None:
    context = {"one": "A", "two": "C", "comparison": compared("<b> same one", "<b> same two")}
    html = render_to_string("labeling/content/_compare.html", context)
    assert "Completions A and C, word by word" in html
    assert "80\N{NO-BREAK SPACE}% of their words are the same" in html
    assert "&lt;b&gt; same <mark>one</mark></div>" in html
    assert "&lt;b&gt; same <mark>two</mark></div>" in html
