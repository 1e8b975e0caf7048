"""The expansion of rankings into chosen/rejected pairs."""

from __future__ import annotations

from labeling.models.functions import call


def expand(rankings: list[int]) -> int:
    """Writes the C(K, 2) minus ties pairs of each ranking, by its key, by one statement (sql/expand.sql); returns how
    many."""
    return int(call("podium_expand", rankings=rankings)["podium_expand"])
