"""How much a job takes at once."""

import pytest

from jobs.pacing import next_size


def paced(size: int, seconds: float) -> int:
    return next_size(size, seconds, aim=5.0, growth=4, largest=512)


@pytest.mark.parametrize(
    ("size", "seconds", "following"),
    [
        (16, 5.0, 16),
        (16, 2.5, 32),
        (16, 10.0, 8),
        (16, 0.1, 64),
        (16, 0.0, 64),
        (400, 1.0, 512),
        (512, 5.0, 512),
        (1, 1000.0, 1),
        (3, 4.9, 3),
    ],
)
def test_the_next_chunk_takes_about_as_long_as_is_aimed_at(size: int, seconds: float, following: int) -> None:
    """By the last one's time; four times as many at most, 512 at most, one at least."""
    assert paced(size, seconds) == following


def test_texts_of_any_length_come_to_the_aim_within_a_few_chunks() -> None:
    """Each row takes a tenth of a second: 50 take five."""
    size, sizes = 16, []
    for _ in range(4):
        size = paced(size, size / 10)
        sizes.append(size)
    assert sizes == [50, 50, 50, 50]
