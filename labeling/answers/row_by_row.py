"""Conditions that PostgreSQL asks of one row after the other, so that a look through so many rows costs that many."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, QuerySet, Subquery, Value


def has_any(rows: QuerySet[Any]) -> Subquery:
    """Gives a condition that is true where there are any of these rows, which name the row outside by OuterRef.

    Elsewhere it is NULL, so it can't be negated. EXISTS asks the same, but PostgreSQL may turn it round and go through
    a whole table of others for the few that match: through four million completions for a model that wrote none,
    260 ms where the 10,000 prompts of a look take 14.
    """
    return Subquery(rows.order_by().values_list(Value(True))[:1], output_field=BooleanField())
