"""Up to which score and which ranking all have come that ever will, so that a mark that is put there misses none.

A sequence gives ids before their rows are committed: a row with a lower id may come after one with a higher one.
Whoever writes a table holds a lock on it from before the first id is drawn until after the commit is seen. So what is
there when no other transaction holds one is all up to its highest id; and what was there at an earlier look is all by
now, once the transactions that wrote then have ended. No clock is asked: a transaction may take as long as it likes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from labeling.models.functions import query
from rewardtrain.models import RewardModel


@dataclass(frozen=True)
class Ids:
    """The highest of each table."""

    score: int
    ranking: int


@dataclass(frozen=True)
class Seen:
    """What is there, and which other transactions may bring rows with lower ids."""

    ids: Ids
    writers: frozenset[str]


def seen() -> Seen:
    """Looks at what is there first, and then at who writes: the other way round somebody might come between."""
    [ids] = query(_IDS, {})
    writers = query(_WRITERS, {})
    return Seen(Ids(**ids), frozenset(row["virtualtransaction"] for row in writers))


def settled(model: RewardModel, now: Seen) -> Ids:
    """Says up to where nothing more can come, as far as it is known of this model, and keeps what there is to wait for.

    Where others write in every moment, it is what was there one look before.
    """
    kept: dict[str, Any] = model.settled or {"score": 0, "ranking": 0, "waits": None}
    waits = kept["waits"]
    if not now.writers:
        kept = {**asdict(now.ids), "waits": None}
    elif waits is None:
        kept = {**kept, "waits": _waiting(now)}
    elif now.writers.isdisjoint(waits["writers"]):
        kept = {"score": waits["score"], "ranking": waits["ranking"], "waits": _waiting(now)}
    if kept != model.settled:
        model.settled = kept
        RewardModel.objects.filter(pk=model.pk).update(settled=kept)
    return Ids(kept["score"], kept["ranking"])


def _waiting(now: Seen) -> dict[str, Any]:
    return {**asdict(now.ids), "writers": sorted(now.writers)}


_IDS = """
SELECT coalesce((SELECT max(id) FROM rewardtrain_promptscore), 0) AS score,
    coalesce((SELECT max(id) FROM labeling_ranking), 0) AS ranking
"""
# Of prepared transactions, which have no process, too; not of the one that asks, which sees what it wrote. The number
# of a virtual transaction is given again only after a restart of the server, which ends all.
_WRITERS = """
SELECT DISTINCT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation IN ('rewardtrain_promptscore'::regclass, 'labeling_ranking'::regclass)
    AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""
