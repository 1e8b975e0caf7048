"""How often something may be tried. Counted in PostgreSQL: all processes share it, and nobody logs in without it.

An attempt is counted before it is made and given back when it succeeds, so that many at once can't all find the
counter low, and one that is killed half-way counts. One that is refused is not counted: nobody lengthens a delay.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from labeling.errors import TooMany
from labeling.models import Attempts

_TAKE = """
INSERT INTO labeling_attempts AS known (kind, subject, count, ends_at)
VALUES (%(kind)s, %(subject)s, 1, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (kind, subject) DO UPDATE
SET count = CASE WHEN known.ends_at > clock_timestamp() THEN known.count + 1 ELSE 1 END,
    ends_at = CASE WHEN known.ends_at > clock_timestamp() THEN known.ends_at ELSE EXCLUDED.ends_at END
WHERE known.ends_at <= clock_timestamp() OR known.count < %(limit)s
RETURNING count
"""


@dataclass(frozen=True)
class Budget:
    """`limit` attempts of one kind by one subject within `seconds` of the first."""

    kind: Attempts.Kind
    subject: str
    limit: int
    seconds: int


def take(budgets: Sequence[Budget]) -> None:
    """Counts one attempt against each. Raises TooMany, and counts none, where one is used up."""
    for number, budget in enumerate(budgets):
        if not _take(budget):
            give_back(budgets[:number])
            raise TooMany(budget.kind, seconds=_seconds_left(budget), subject=budget.subject)


def give_back(budgets: Sequence[Budget]) -> None:
    """Takes attempts back: they succeeded, or never took place."""
    if budgets:
        _rows(budgets).update(count=Greatest(F("count") - 1, 0))


def forget_what_is_over() -> None:
    Attempts.objects.filter(ends_at__lt=timezone.now()).delete()


def in_force() -> list[Attempts]:
    """Finds counters that run, those of most attempts first."""
    return list(Attempts.objects.filter(ends_at__gt=timezone.now(), count__gt=0).order_by("-count", "kind", "subject"))


def lift(subject: str) -> int:
    """Forgets the attempts for a name (on every device) or from an address. Gives how many counters that were."""
    places = Q(subject__in=[subject, network(subject)]) | Q(subject__startswith=f"{subject} ")
    return Attempts.objects.filter(places).delete()[0]


def lift_all() -> int:
    return Attempts.objects.all().delete()[0]


def network(address: str) -> str:
    """Gives what one visitor has to themselves: an IPv4 address, or the /64 that every IPv6 household owns."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def _take(budget: Budget) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, dataclasses.asdict(budget))
        return cursor.fetchone() is not None


def _seconds_left(budget: Budget) -> int:
    ends_at: datetime | None = _rows([budget]).values_list("ends_at", flat=True).first()
    return max(1, round((ends_at - timezone.now()).total_seconds())) if ends_at else 1


def _rows(budgets: Sequence[Budget]) -> QuerySet[Attempts]:
    places = Q()
    for budget in budgets:
        places |= Q(kind=budget.kind, subject=budget.subject)
    return Attempts.objects.filter(places)
