"""Figures of a gate's rules in words."""

import pytest
from django.utils import translation

from rewardtrain.evidence.figures import number, with_range


@pytest.mark.parametrize(
    ("value", "sign", "words"),
    [
        (0.12345, "", "0.1235"),
        (-0.00004, "", "0.0000"),
        (0.5, "+", "+0.5000"),
        (-0.5, "+", "-0.5000"),
        (-0.00004, "+", "+0.0000"),
    ],
)
def test_a_figure_has_four_digits_and_zero_no_sign(value: float, sign: str, words: str) -> None:
    assert number(value, sign) == words


def test_a_figure_has_the_readers_decimal_sign() -> None:
    with translation.override("de"):
        assert number(0.5) == "0,5000"
        assert with_range({"value": 0.5, "low": 0.4, "high": 0.6}).startswith("0,5000 (0,4000 ")


@pytest.mark.parametrize("missing", ["low", "high"])
def test_an_interval_is_said_or_why_there_is_none(missing: str) -> None:
    figure = {"value": 0.1, "low": -0.2, "high": 0.4}
    assert with_range(figure) == "0.1000 (-0.2000 to 0.4000)"
    assert with_range(figure, sign="+") == "+0.1000 (-0.2000 to +0.4000)"
    assert with_range({**figure, missing: None}) == "0.1000 (too few for an interval)"
