"""Cohorts of a project: made, changed and deleted, with what follows for the prompts that there are.

They come into it as by any act on many prompts: at once where they are few, else by a worker, batch by batch. Each
batch goes by the rules as they are then, so of two changes the last one stands for all prompts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.answers.finding_prompts import conditions_of
from labeling.data.bulk import acts, bulk_jobs
from labeling.data.revising import tags
from labeling.errors import Conflict, Invalid, Missing, Outdated
from labeling.models import BulkAct, Cohort, CohortMember, Membership, Project, User
from labeling.models.lists.cohorts import EVERYBODYS, LONGEST_NAME, MOST_COHORTS
from labeling.models.project_lock import lock_cohorts, lock_project
from labeling.models.prompts import MOST_TAGS

RULES = BulkAct.Act.RULES


def of(project: Project) -> QuerySet[Cohort]:
    """Gives those that there are, the first made first: of two whose tags a prompt has it is in the first."""
    return project.cohorts.filter(deleted_at=None).prefetch_related("people__membership__user")


def find(project: Project, key: int) -> Cohort:
    """Raises Missing('unknown_cohort')."""
    found = of(project).filter(pk=key).first()
    if found is None:
        raise Missing("unknown_cohort", _("There is no cohort %(key)s in this project.") % {"key": key})
    return found


def save(
    project: Project, said: Mapping[str, Any], *, by: User | None, key: int | None = None, revision: int | None = None
) -> tuple[Cohort, BulkAct | None]:
    """Makes a cohort, or changes the one with this key by what is said: name, tags, people (usernames of members).

    Gives it, and what brings prompts into it or out of it: None where none would be in another one. revision: that it
    goes on from; Outdated('cohort_changed') where somebody changed it since. Raises Invalid, Missing and Conflict.
    """
    checked = check(project, said, key=key)
    with transaction.atomic():
        lock_project(project)
        lock_cohorts(project)
        cohort = Cohort(project=project, revision=0) if key is None else find(project, key)
        if revision is not None and revision != cohort.revision:
            message = _("Somebody changed the cohort %(name)s meanwhile. Look at it as it is now, and change it again.")
            raise Outdated("cohort_changed", message % {"name": cohort.name}, attr="revision")
        check_room(project, cohort, checked)
        write(cohort, checked)
        if "people" in checked:
            _set_people(cohort, checked["people"])
        job, foreseen = _ask(project, by)
    return cohort, bulk_jobs.do_if_small(job, foreseen) if job else None


def delete(project: Project, key: int, *, by: User | None) -> BulkAct | None:
    """Gives its prompts to everybody, or to the next cohort whose tags they have, from this moment on. Twice is
    harmless."""
    with transaction.atomic():
        lock_project(project)
        lock_cohorts(project)
        project.cohorts.filter(pk=key, deleted_at=None).update(deleted_at=timezone.now())
        job, foreseen = _ask(project, by)
    if job is None:
        acts.finish(project.pk, RULES)
        return None
    return bulk_jobs.do_if_small(job, foreseen)


def check(project: Project, said: Mapping[str, Any], *, key: int | None) -> dict[str, Any]:
    """Gives what is said as it is kept, people as their memberships. Raises Invalid."""
    checked: dict[str, Any] = {}
    if "name" in said or key is None:
        checked["name"] = _checked_name(str(said.get("name", "")))
    if "tags" in said:
        checked["tags"] = sorted({tags.read(tag) for tag in said["tags"]})
        if len(checked["tags"]) > MOST_TAGS:
            message = _("These are %(n)d tags, and a cohort has %(most)d at most.")
            raise Invalid("too_many_tags", message % {"n": len(checked["tags"]), "most": MOST_TAGS}, attr="tags")
    if "people" in said:
        checked["people"] = _memberships(project, set(said["people"]))
    return checked


def write(cohort: Cohort, checked: Mapping[str, Any]) -> None:
    """Stores its name and its tags."""
    cohort.name = checked.get("name", cohort.name)
    cohort.tags = checked.get("tags", cohort.tags)
    cohort.revision += 1
    cohort.save()


def check_room(project: Project, cohort: Cohort, checked: Mapping[str, Any]) -> None:
    """Raises Conflict('cohort_exists', 'too_many_cohorts')."""
    others = project.cohorts.filter(deleted_at=None).exclude(pk=cohort.pk)
    if "name" in checked and others.filter(name=checked["name"]).exists():
        message = _("There is a cohort %(name)s already.")
        raise Conflict("cohort_exists", message % {"name": checked["name"]}, attr="name")
    if cohort._state.adding and others.count() >= MOST_COHORTS:
        message = _("A project has %(most)d cohorts at most; delete one first.")
        raise Conflict("too_many_cohorts", message % {"most": MOST_COHORTS})


def _checked_name(text: str) -> str:
    name = " ".join(text.split())
    if not name or name == EVERYBODYS or len(name) > LONGEST_NAME or not name.isprintable():
        message = _(
            "The name of a cohort has 1 to %(most)d letters, all of them visible, and is not “-”; got %(value)r."
        )
        raise Invalid("bad_name", message % {"most": LONGEST_NAME, "value": text[:80]}, attr="name")
    return name


def _memberships(project: Project, usernames: Collection[str]) -> list[Membership]:
    found = list(project.memberships.filter(user__username__in=usernames).select_related("user").order_by("pk"))
    missing = sorted(set(usernames) - {each.user.username for each in found})
    if missing:
        message = _("%(username)r is not in this project.")
        raise Invalid("not_a_member", message % {"username": missing[0][:150]}, attr="people")
    return found


def _set_people(cohort: Cohort, memberships: Collection[Membership]) -> None:
    """Only those who come or go are written. Whoever left the project meanwhile is in no cohort."""
    keys = {each.pk for each in memberships}
    there = set(cohort.people.values_list("membership", flat=True))
    cohort.people.filter(membership__in=there - keys).delete()
    still = Membership.objects.select_for_update(no_key=True).filter(pk__in=keys - there).order_by("pk")
    CohortMember.objects.bulk_create(CohortMember(cohort=cohort, membership=each) for each in still)


def _ask(project: Project, by: User | None) -> tuple[BulkAct | None, bulk_jobs.Foreseen]:
    # What still goes by the rules of before would go on with these, half-way.
    bulk_jobs.cancel_all(project.bulk_acts.filter(act=RULES, state__in=BulkAct.ACTIVE))
    foreseen = bulk_jobs.foresee(project, RULES, "", conditions_of(project, {}))
    if not foreseen.n and foreseen.is_all:
        return None, foreseen
    return bulk_jobs.ask(project, RULES, "", {}, by=by, foreseen=foreseen), foreseen
