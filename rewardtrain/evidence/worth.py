"""What a model is worth in a word, from nothing to as good as people."""

from __future__ import annotations

import math

from django.db.models import TextChoices


class Worth(TextChoices):
    """From nothing to as good as people. The API gives these names."""

    UNJUDGED = "unjudged"
    COIN = "coin"
    BASE_RATE = "base_rate"
    BELOW_LONGER = "below_longer"
    LIKE_LONGER = "like_longer"
    USEFUL = "useful"
    BELOW_PEOPLE = "below_people"
    LIKE_PEOPLE = "like_people"


BETTER = (Worth.USEFUL, Worth.BELOW_PEOPLE, Worth.LIKE_PEOPLE)  # than the best that needs no model


def apart(own: tuple[float, float, float], other: tuple[float, float, float]) -> int:
    """Compares two shares (value, low, high): 1 where the first is higher beyond noise, -1 where it is lower, else 0.

    Their difference's interval is made of both their intervals (Newcombe 1998, method 10: square and add). That takes
    them for independent; of shares on the same pairs, which mostly rise and fall together, it is the wider one.
    """
    difference = own[0] - other[0]
    if difference > 0:
        return int(difference > math.hypot(own[0] - own[1], other[2] - other[0]))
    return -int(-difference > math.hypot(own[2] - own[0], other[0] - other[1]))
