"""What each act does to some prompts, by one statement, and which prompts it would change at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection
from django.db.models import BigIntegerField, Count, F, Func, OuterRef, Q, QuerySet, SmallIntegerField, Subquery
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _

from labeling.data.revising import tags
from labeling.errors import Invalid, Missing
from labeling.models import Assignment, BulkAct, Cohort, Project, Prompt, QueuePosition
from labeling.models.functions import call
from labeling.models.lists.cohorts import EVERYBODYS
from labeling.models.prompts import HIGHEST_PRIORITY, LOWEST_PRIORITY, MOST_TAGS
from labeling.queue.draft_checks import checked_reason

Act = BulkAct.Act
RANKINGS_AT_ONCE = 1_000  # that a transaction ends or puts back: it bounds how long a prompt's labeler waits

# Prompts are locked in the order of their keys, as claims and imports do. What somebody changed meanwhile is looked at
# anew, so that doing it twice changes nothing.
_CHANGE = """
WITH chosen AS (SELECT id FROM labeling_prompt WHERE id = ANY(%(keys)s) AND {due} ORDER BY id FOR NO KEY UPDATE)
UPDATE labeling_prompt prompt SET {change} FROM chosen WHERE prompt.id = chosen.id
"""
_WAITS = "held_at IS NULL AND ranked < overlap"
_IS_HELD = "held_at IS NOT NULL AND withdrawn_at IS NULL AND gold_at IS NULL"
_SORTED = 'ARRAY(SELECT tag FROM unnest(tags || %(value)s::varchar) tag ORDER BY tag COLLATE "C")'


@dataclass(frozen=True)
class _Rule:
    due: Callable[[str], Q]
    carry_out: Callable[[int, list[int], str], int]
    check: Callable[[str], str]
    ends_rankings: bool = False  # or puts them back, so that a batch has a bounded number of them


def checked(act: str, value: str) -> str:
    """Gives the act's value as it is kept: a tag, a priority, a reason; none for the others. Raises Invalid."""
    return _RULES[act].check(value)


def due(prompts: QuerySet[Prompt], act: str, value: str) -> QuerySet[Prompt]:
    """Gives those that the act would change; of tags also those that have as many as there may be."""
    return prompts.filter(_RULES[act].due(value))


def carry_out(project: int, act: str, value: str, keys: list[int]) -> int:
    """Does it to prompts of the project, and tells how many it changed. Call it in a transaction."""
    return _RULES[act].carry_out(project, keys, value)


def at_once(act: str, prompts: list[tuple[int, int]]) -> list[int]:
    """Gives the keys of as many of these (key, rankings) as one transaction may change, and at least one."""
    if not _RULES[act].ends_rankings:
        return [key for key, _ranked in prompts]
    keys: list[int] = []
    n = 0
    for key, ranked in prompts:
        n += ranked
        if keys and n > RANKINGS_AT_ONCE:
            break
        keys.append(key)
    return keys


def _changing(*, due: str, change: str) -> Callable[[int, list[int], str], int]:
    statement = _CHANGE.format(due=due, change=change)

    def carry_out(project: int, keys: list[int], value: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"keys": keys, "value": value})
            return int(cursor.rowcount)

    return carry_out


# By the tags of a prompt. Nothing is equal to nothing here.
_BY_TAGS = Coalesce(Func("project_id", "tags", function="podium_cohort_of", output_field=BigIntegerField()), 0)
_IS_BY_TAGS = Exact(Coalesce("cohort_id", 0, output_field=BigIntegerField()), _BY_TAGS)
_IN_ANOTHER_COHORT = Q(cohort_by_hand=False) & ~Q(_IS_BY_TAGS) | Q(cohort__deleted_at__isnull=False)


def _into_cohort(name: str) -> Q:
    if not name:
        return Q(cohort_by_hand=True) | ~Q(_IS_BY_TAGS)
    if name == EVERYBODYS:
        return Q(cohort_by_hand=False) | Q(cohort__isnull=False)
    return Q(cohort_by_hand=False) | Q(cohort=None) | ~Q(cohort__name=name) | Q(cohort__deleted_at__isnull=False)


def _put_into_cohort(project: int, keys: list[int], name: str) -> int:
    changed = call("podium_put_into_cohort", project=project, prompts=keys, called=name)["changed"]
    if changed is None:
        message = _("The cohort %(name)r is there no more.")
        raise Missing("unknown_cohort", message % {"name": name}, attr="cohort")
    return int(changed)


def check_there(project: Project, act: str, value: str) -> None:
    """Raises Invalid('unknown_cohort') where the act names a cohort that the project does not have."""
    if act != Act.COHORT or value in ("", EVERYBODYS):
        return
    names = list(project.cohorts.filter(deleted_at=None).values_list("name", flat=True))
    if value not in names:
        known = ", ".join(names) or _("none")
        message = _("There is no cohort %(name)r in this project; it has: %(known)s.")
        raise Invalid("unknown_cohort", message % {"name": value, "known": known}, attr="cohort")


def finish(project: int, act: str) -> None:
    """Does what is left once all prompts are where they belong: cohorts that are deleted go, and it is looked whether
    anybody is left for each. Twice is harmless."""
    if act not in (Act.COHORT, Act.RULES):
        return
    deleted = Cohort.objects.filter(project=project, deleted_at__isnull=False)
    inside = Prompt.objects.filter(project=project, cohort=OuterRef("pk"))
    for cohort in deleted.alias(some=Subquery(inside.order_by().values("pk")[:1])).filter(some=None):
        QueuePosition.objects.filter(project=project, cohort=cohort.pk).delete()
        cohort.delete()
    Project.objects.filter(pk=project, deleted_at=None).update(look_after=0)


def _calling(function: str) -> Callable[[int, list[int], str], int]:
    return lambda project, keys, value: int(call(function, project=project, prompts=keys)["changed"])


# By the project's shares as they are. Never below a slot that somebody has; what a reviewer decided stays.
_ASKED = Func(
    *("content_sha256", "project__overlap", "project__extra_overlap", "project__extra_percent"),
    function="podium_overlap_of",
    output_field=SmallIntegerField(),
)
_HIGHEST_SLOT = Coalesce(
    Subquery(
        Assignment.objects.filter(prompt=OuterRef("pk"), state__in=Assignment.LIVE).order_by("-slot").values("slot")[:1]
    ),
    1,
)
_OTHER_OVERLAP = Q(decided_at=None) & (Q(overlap__lt=_ASKED) | Q(overlap__gt=_ASKED) & Q(overlap__gt=_HIGHEST_SLOT))


# What sql/make_gold.sql looks at once more. Of others it is counted why they can't.
_ENOUGH = Q(ranked__gte=2) | Q(decided_at__isnull=False)
_AGREED = Q(_ENOUGH, gold_at=None, withdrawn_at=None, disagrees=False)


@dataclass(frozen=True)
class NoGold:
    """Prompts that can't be gold, each counted once: why."""

    is_gold: int
    withdrawn: int
    disagree: int
    too_few: int  # rankings: fewer than two, and no decision


def no_gold(prompts: QuerySet[Prompt]) -> NoGold:
    """Counts them in one statement."""
    free = Q(gold_at=None, withdrawn_at=None)
    return NoGold(
        **prompts.order_by().aggregate(
            is_gold=Count("pk", filter=Q(gold_at__isnull=False)),
            withdrawn=Count("pk", filter=Q(gold_at=None, withdrawn_at__isnull=False)),
            disagree=Count("pk", filter=free & Q(disagrees=True)),
            too_few=Count("pk", filter=free & Q(disagrees=False) & ~_ENOUGH),
        )
    )


def _priority(value: str) -> str:
    try:
        priority = int(value)
    except ValueError:
        priority = HIGHEST_PRIORITY + 1
    if not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        message = _("A priority is a whole number from %(low)d, the last, to %(high)d, the first; got %(value)r.")
        values = {"low": LOWEST_PRIORITY, "high": HIGHEST_PRIORITY, "value": value[:80]}
        raise Invalid("bad_priority", message % values, attr="priority")
    return str(priority)


def _cohort(value: str) -> str:
    return " ".join(value.split())


def _nothing(value: str) -> str:
    return ""


_RULES: dict[str, _Rule] = {
    Act.TAG: _Rule(
        lambda tag: ~Q(tags__contains=[tag]),
        _changing(
            due=f"NOT tags @> ARRAY[%(value)s]::varchar[] AND cardinality(tags) < {MOST_TAGS}",
            change=f"tags = {_SORTED}",
        ),
        tags.read,
    ),
    Act.UNTAG: _Rule(
        lambda tag: Q(tags__contains=[tag]) & ~Q(tags=[]),
        _changing(due="tags @> ARRAY[%(value)s]::varchar[]", change="tags = array_remove(tags, %(value)s::varchar)"),
        tags.read,
    ),
    Act.PRIORITY: _Rule(
        lambda priority: ~Q(priority=int(priority)),
        _changing(due="priority <> %(value)s::smallint", change="priority = %(value)s::smallint"),
        _priority,
    ),
    Act.OVERLAP: _Rule(lambda _value: _OTHER_OVERLAP, _calling("podium_set_overlaps"), _nothing),
    Act.COHORT: _Rule(_into_cohort, _put_into_cohort, _cohort),
    Act.RULES: _Rule(lambda _value: _IN_ANOTHER_COHORT, _calling("podium_apply_cohort_rules"), _nothing),
    Act.HOLD: _Rule(
        lambda reason: Q(held_at=None, ranked__lt=F("overlap")),
        # One moment for both, by which a hold is told from a prompt that can't be ranked.
        _changing(due=_WAITS, change="held_at = now(), hold_at = now(), held_reason = %(value)s"),
        checked_reason,
    ),
    Act.PUT_BACK: _Rule(
        lambda _value: Q(held_at__isnull=False, withdrawn_at=None, gold_at=None),
        _changing(due=_IS_HELD, change="held_at = NULL, hold_at = NULL, held_reason = ''"),
        _nothing,
    ),
    Act.WITHDRAW: _Rule(lambda _value: Q(withdrawn_at=None), _calling("podium_withdraw_prompts"), _nothing, True),
    Act.RESTORE: _Rule(
        lambda _value: Q(withdrawn_at__isnull=False, erasure=None), _calling("podium_restore_prompts"), _nothing, True
    ),
    Act.GOLD: _Rule(lambda _value: _AGREED, _calling("podium_make_gold"), _nothing, True),
}
