"""What may be asked for over a page or the API, at its edges."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from typing import get_type_hints

import pytest

from labeling.errors import Invalid
from rewardtrain.core.config import TrainConfig
from rewardtrain.training.ranges import RANGES, Range, check, check_machine


def test_a_range_holds_its_ends_unless_it_is_said_to_be_open_there() -> None:
    assert [value in Range(1, 2) for value in (0.99, 1, 2, 2.01)] == [False, True, True, False]
    assert [value in Range(1, 2, above=True) for value in (1, 1.01, 2)] == [False, True, True]
    assert [value in Range(1, 2, below=True) for value in (1, 1.99, 2)] == [True, True, False]


def test_a_range_is_said_in_words() -> None:
    assert Range(8, 131_072).words() == "from 8 to 131072"
    assert Range(0, 1e9, above=True).words() == "above 0 and at most 1000000000"
    assert Range(0, 0.5, below=True).words() == "at least 0 and below 0.5"
    assert Range(0, 1, above=True, below=True).words() == "above 0 and below 1"


def test_every_number_has_a_range_and_the_default_lies_within() -> None:
    hints = get_type_hints(TrainConfig)
    numbers = {
        field.name for field in fields(TrainConfig) if hints[field.name] in (int, float, int | None, float | None)
    }
    assert numbers == RANGES.keys()
    check(TrainConfig())


@pytest.mark.parametrize("name", RANGES)
def test_what_lies_beyond_its_range_is_refused_by_name(name: str) -> None:
    """Checked as the sweep does too, which reads rows that were written before there was a range."""
    allowed = RANGES[name]
    inside = allowed.high if not allowed.below else (allowed.low + allowed.high) / 2
    config = TrainConfig()
    object.__setattr__(config, name, inside)
    check(config)
    object.__setattr__(config, name, allowed.high + (0 if allowed.below else 1))
    with pytest.raises(Invalid, match=rf"^{name} is .*; it must be ") as refused:
        check(config)
    assert (refused.value.code, refused.value.attr) == ("bad_setting", "training")
    assert allowed.words() in refused.value.detail


def test_more_processes_than_the_machine_has_cores_are_refused_there() -> None:
    cores = os.cpu_count() or 1
    check_machine(replace(TrainConfig(), processes=cores))
    with pytest.raises(Invalid, match=f"processes is {cores + 1}, but the machine that trains has {cores} cores"):
        check_machine(replace(TrainConfig(), processes=cores + 1))
