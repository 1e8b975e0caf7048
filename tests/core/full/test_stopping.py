"""When a run ends and which step it keeps."""

import pytest

from rewardtrain.core.full.stopping import EarlyStopping


def observe(patience: int, losses: list[float | None]) -> tuple[EarlyStopping, list[bool], list[bool]]:
    """One validation every ten steps."""
    stopping = EarlyStopping(patience)
    better, over = [], []
    for step, loss in enumerate(losses, start=1):
        better.append(stopping.observe(10 * step, loss))
        over.append(stopping.is_over)
    return stopping, better, over


def test_it_ends_after_so_many_validations_without_a_lower_log_loss() -> None:
    stopping, better, over = observe(2, [0.7, 0.6, 0.6, 0.65])
    assert better == [True, True, False, False]  # an equal one is not lower
    assert over == [False, False, False, True]
    assert stopping.kept(40) == {
        "step": 20, "last_step": 40, "log_loss": 0.6, "reason": "the lowest log loss of the validations"
    }  # fmt: skip


def test_a_lower_log_loss_gives_it_all_its_patience_again() -> None:
    _, _, over = observe(2, [0.7, 0.8, 0.6, 0.7, 0.5, 0.6, 0.6])
    assert over == [False] * 6 + [True]


@pytest.mark.parametrize(
    ("patience", "losses", "reason"),
    [(0, [0.5, 0.9, 0.9], "the last step, as patience is 0"), (1, [None, None, None], "the last step: no pair to")],
)
def test_it_goes_to_the_last_step_and_says_why(patience: int, losses: list[float | None], reason: str) -> None:
    stopping, better, over = observe(patience, losses)
    assert not any(better)
    assert not any(over)
    kept = stopping.kept(30)
    assert kept["step"] == 30
    assert kept["reason"].startswith(reason)
