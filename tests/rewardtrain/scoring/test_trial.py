"""The numbers behind the page where a model is tried, by hand."""

from typing import Any

import pytest

from rewardtrain.charts import trial
from rewardtrain.charts.word_rewards import words


def answer(*rewards: float, **more: Any) -> dict[str, Any]:
    n = len(rewards)
    pairwise = [[0.9 if one > other else 0.1 for other in rewards] for one in rewards]
    return {
        "rewards": list(rewards),
        "logits": [[reward] for reward in rewards],
        "probabilities": [1 / n] * n,
        "best": max(range(n), key=lambda index: rewards[index]),
        "truncated": [False] * n,
        "pairwise": pairwise,
        **more,
    }


def test_rewards_hang_on_a_zero_line_with_room_for_the_whiskers() -> None:
    """From -1 - 1.96 * 0.5 = -1.98 to 3, and a 25th of that more at either end: 4.98 * 1.08 = 5.3784 wide."""
    told = answer(-1.0, 3.0, uncertainty=[0.5, 0.0])
    on = trial.axis([told])
    assert (on.low, on.high) == pytest.approx((-1.98 - 0.1992, 3.1992))
    rows = trial.scored(told, ["a", "b"], on)
    assert rows[0].bar == trial.Bar(zero=40.5, x=21.9, x_low=3.7, x_high=40.1)
    assert [row.letter for row in rows] == ["A", "B"]
    assert [row.best for row in rows] == [False, True]
    assert rows[0].spread == pytest.approx(0.98)


def test_rewards_that_are_all_zero_still_have_an_axis() -> None:
    assert trial.axis([answer(0.0)]).zero == 50.0


def test_one_completion_alone_is_not_called_the_best() -> None:
    told = answer(0.3)
    (row,) = trial.scored(told, ["a"], trial.axis([told]))
    assert not row.best
    assert row.bar.x_low is None
    assert trial.difference(told, told) is None


def test_two_models_differ_on_the_pairs_that_they_order_differently() -> None:
    """C > B > A and B > C = A: only B and C are ordered both ways; a tie contradicts nobody."""
    seen = trial.difference(answer(1, 2, 3), answer(1, 2, 1))
    assert seen is not None
    assert seen.best == ("C", "B")
    assert not seen.same_best
    assert (seen.n_disputed, seen.n_pairs) == (1, 3)
    assert seen.disputed == [(trial.Preference("C", 0.9), trial.Preference("B", 0.9))]
    assert [pair for pair, *_ in seen.rows] == ["B or C"]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ((1, 2), (3, 4), "they agree on the only pair."),
        ((1, 2), (2, 1), "they disagree on the only pair."),
        ((1, 2, 3), (1, 2, 3), "they agree on all 3 pairs."),
        ((1, 2, 3), (1, 2, 1), "they disagree on 1 of 3 pairs."),
    ],
)
def test_two_models_are_told_apart_in_words(first: tuple[float, ...], second: tuple[float, ...], words: str) -> None:
    seen = trial.difference(answer(*first), answer(*second))
    assert seen is not None
    assert seen.in_words == words


def test_a_whisker_is_a_line_between_two_strokes_where_there_is_an_interval() -> None:
    assert trial.Bar(zero=40.5, x=21.9, x_low=3.7, x_high=40.1).whisker == "M3.7 5H40.1M3.7 3V7M40.1 3V7"
    assert trial.Bar(zero=40.5, x=21.9, x_low=None, x_high=None).whisker == ""


def taken_apart(*tokens: tuple[str, str, float]) -> Any:
    told = [{"text": text, "part": part, "value": value} for text, part, value in tokens]
    return words({"tokens": told, "reward": 1.0, "baseline": 0.5, "gap": 0.0, "truncated": False})


def test_pieces_of_a_word_are_put_together_and_their_values_added() -> None:
    seen = taken_apart(
        ("[CLS]", "special", 0.0),
        ("un", "prompt", 0.1),
        ("believ", "prompt", 0.2),
        ("able", "prompt", 0.4),
        ("!", "prompt", -0.1),
        ("[SEP]", "special", 0.0),
        ("Don", "completion", 0.0),
        ("\N{RIGHT SINGLE QUOTATION MARK}", "completion", 0.0),
        ("t", "completion", -0.35),
        ("\n\n go", "completion", 0.0),
    )
    assert [(word.space, word.text) for word in seen.prompt] == [("", "unbelievable"), ("", "!")]
    assert [(word.space, word.text) for word in seen.completion] == [
        ("", "Don\N{RIGHT SINGLE QUOTATION MARK}t"),
        ("\n\n ", "go"),
    ]
    assert seen.prompt[0].value == pytest.approx(0.7)


def test_strength_has_seven_steps_of_the_strongest_words_and_a_sign() -> None:
    seen = taken_apart(
        ("a", "prompt", 0.7), (" b", "prompt", -0.3), (" c", "prompt", 0.04), (" d", "completion", -0.69)
    )
    assert [word.step for word in [*seen.prompt, *seen.completion]] == [7, 3, 0, 7]
    assert [(word.text, word.sign, word.shown) for word in seen.strongest] == [
        ("a", "up", "+0.700"),
        ("d", "down", "\N{MINUS SIGN}0.690"),
        ("b", "down", "\N{MINUS SIGN}0.300"),
    ]


def test_scripts_without_spaces_are_tinted_sign_by_sign_and_the_rest_of_a_character_stays_with_it() -> None:
    seen = taken_apart(("世", "completion", 0.1), ("", "completion", 0.2), ("界", "completion", 0.3))
    assert [(word.text, pytest.approx(word.value)) for word in seen.completion] == [("世", 0.3), ("界", 0.3)]


def test_words_of_no_value_at_all_have_no_tint() -> None:
    seen = taken_apart(("a", "prompt", 0.0))
    assert seen.prompt[0].step == 0
    assert seen.prompt[0].tinted == "a"
    assert seen.strongest == []


def test_a_tint_holds_its_word_alone_and_markup_that_someone_typed_stays_text() -> None:
    seen = taken_apart(("a", "prompt", 0.1), ("\n <b>", "prompt", 0.7))
    assert seen.prompt[0].tinted == '<span class="word" data-sign="up" data-step="1" title="+0.100">a</span>'
    tinted = '<span class="word" data-sign="up" data-step="7" title="+0.700">&lt;b&gt;</span>'
    assert seen.prompt[1].tinted == "\n " + tinted
