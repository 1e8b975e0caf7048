"""Finding prompts of a project by what they have in common, in the order of import, at a cost that has an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db.models import F, OuterRef, Q, QuerySet

from labeling.answers import finding
from labeling.answers.row_by_row import has_any
from labeling.answers.search.finding import Found, find
from labeling.models import Completion, Project, Prompt, Ranking
from labeling.models.lists.cohorts import EVERYBODYS
from labeling.queue import skips

LOOKED_THROUGH = 25_000  # at a time
READ_THROUGH = 10_000  # where the words of each are looked at, or its completions, which takes longer
FARTHEST = 1_000_000  # prompt whose place is found by counting: a tenth of a second
NO_COHORT = -1  # the key of one that is there no more: no prompt is in it
# What a prompt's state is called in lists, each by an index of its own. Each prompt has one: what is held is held, also
# where it has all its rankings.
STATES = {
    "waiting": Q(held_at__isnull=True, ranked__lt=F("overlap")),
    "ranked": Q(held_at__isnull=True, ranked__gte=F("overlap")),
    "held": Q(withdrawn_at__isnull=True, gold_at__isnull=True, held_at__isnull=False),
    "gold": Q(withdrawn_at__isnull=True, gold_at__isnull=False),
    "withdrawn": Q(withdrawn_at__isnull=False),
}


@dataclass(frozen=True, kw_only=True)
class PromptConditions:
    """What prompts have in common; what is None or empty is no condition.

    labeler, flag, since, until: of one and the same ranking that stands, with the end left out. flag: the name of one
    that is true of some completion. model: that wrote a completion. disagreement: whether people disagree about it.
    nobody_left: it waits, and no member who can log in may still get it. found: where words stand.
    """

    state: str = ""
    split: str = ""
    labeler: str = ""
    flag: str = ""
    since: datetime | None = None
    until: datetime | None = None
    model: str = ""
    tag: str = ""
    cohort: int | None = None  # its key; 0: prompts that are everybody's
    disagreement: bool | None = None
    nobody_left: bool = False
    found: Found | None = None

    def __bool__(self) -> bool:
        return self != PromptConditions()

    @property
    def needs_a_look(self) -> bool:
        """Tells whether no index has just these prompts, so that finding them is to go through others."""
        if self.is_of_few:
            return False
        if self.tag:
            return bool(replace(self, tag=""))
        if self.cohort:
            return bool(replace(self, cohort=None))
        return bool(replace(self, disagreement=None) if self.disagreement else replace(self, state=""))

    @property
    def is_of_few(self) -> bool:
        """Tells whether the index of words named all that can be meant."""
        return self.found is not None and not self.found.is_common

    @property
    def looked_through(self) -> int:
        reads = self.found is not None or bool(self.model) or self.nobody_left
        return READ_THROUGH if reads else LOOKED_THROUGH

    @property
    def counted_by_split(self) -> bool:
        """Tells whether the counters know how many there are."""
        return not replace(self, state="", split="")

    @property
    def of_a_ranking(self) -> finding.Conditions:
        return finding.Conditions(labeler=self.labeler, flag=self.flag, since=self.since, until=self.until)


def state_of(
    *, withdrawn_at: datetime | None, gold_at: datetime | None, held_at: datetime | None, ranked: int, overlap: int
) -> str:
    """Tells a prompt's state, as STATES find it."""
    if withdrawn_at is not None:
        return "withdrawn"
    if gold_at is not None:
        return "gold"
    if held_at is not None:
        return "held"
    return "ranked" if ranked >= overlap else "waiting"


def conditions_of(project: Project, said: Mapping[str, str]) -> PromptConditions:
    """Gives what the parameters of a list's address ask for, which were checked before they were kept
    (labeling/forms/finding.py). Words are looked up. Raises Invalid where these can't be looked for any more."""
    until = date.fromisoformat(said["to_day"]) if "to_day" in said else None
    disagreement = said.get("disagreement")
    return PromptConditions(
        state=said.get("state", ""),
        split=said.get("split", ""),
        labeler=said.get("labeler", ""),
        flag=said.get("flag", ""),
        model=said.get("model", ""),
        tag=" ".join(said.get("tag", "").split()),
        cohort=cohort_key(project, said.get("cohort", "")),
        since=finding.beginning_of(date.fromisoformat(said["from_day"])) if "from_day" in said else None,
        until=finding.beginning_of(until + timedelta(days=1)) if until and until.year < 9999 else None,
        disagreement=disagreement == "yes" if disagreement else None,
        nobody_left="left" in said,
        found=find(project, said["q"]) if "q" in said else None,
    )


def cohort_key(project: Project, name: str) -> int | None:
    """Gives the key by which a cohort is looked for; 0 stands for everybody's, and None is no condition."""
    if name in ("", EVERYBODYS):
        return 0 if name else None
    return project.cohorts.filter(name=name, deleted_at=None).values_list("pk", flat=True).first() or NO_COHORT


def indexed(project: Project, asked: PromptConditions) -> QuerySet[Prompt]:
    """Gives the prompts of the smallest index that has all that are meant, and perhaps others."""
    if asked.tag:
        return tagged(project.prompts.all(), asked.tag)
    if asked.cohort:
        return project.prompts.filter(cohort=asked.cohort)
    if asked.disagreement:
        return project.prompts.filter(disagrees=True)
    return project.prompts.filter(STATES.get("waiting" if asked.nobody_left else asked.state, Q()))


def meeting(prompts: QuerySet[Prompt], asked: PromptConditions) -> QuerySet[Prompt]:
    """Gives those that meet all conditions."""
    prompts = prompts.filter(STATES.get(asked.state, Q()))
    if asked.found is not None:
        prompts = asked.found.among_prompts(prompts)
    if asked.tag:
        prompts = tagged(prompts, asked.tag)
    if asked.cohort is not None:
        prompts = prompts.filter(cohort=asked.cohort or None)
    if asked.split:
        prompts = prompts.filter(split=asked.split)
    if asked.disagreement is not None:
        prompts = prompts.filter(disagrees=asked.disagreement)
    if asked.nobody_left:
        prompts = skips.nobody_left(prompts.filter(STATES["waiting"]))
    if asked.of_a_ranking:
        said = finding.meeting(Ranking.objects.filter(prompt=OuterRef("pk"), live=True), asked.of_a_ranking)
        prompts = prompts.filter(has_any(said))
    if asked.model:
        prompts = prompts.filter(has_any(Completion.objects.filter(prompt=OuterRef("pk"), model_name=asked.model)))
    return prompts


def tagged(prompts: QuerySet[Prompt], tag: str) -> QuerySet[Prompt]:
    """Gives those with a tag. That they have any is said for the index, which has no others."""
    return prompts.exclude(tags=[]).filter(tags__contains=[tag])


def end_of_look(project: Project, asked: PromptConditions, *, from_key: int | None, down: bool) -> int | None:
    """Gives the key of the last prompt that one look goes through; None where it goes through all there are."""
    return finding.end_of(indexed(project, asked), from_key=from_key, down=down, n=asked.looked_through)


def key_at(project: Project, state: str, n: int, *, down: bool) -> int | None:
    """Finds the key of the prompt of a state after n others, as far as FARTHEST, by counting entries of an index."""
    order = ("-project_id", "-pk") if down else ("project_id", "pk")
    keys = indexed(project, PromptConditions(state=state)).order_by(*order).values_list("pk", flat=True)
    return next(iter(keys[n : n + 1]), None) if n < FARTHEST else None


def place_of(project: Project, name: str) -> int | None:
    """Finds a prompt's key by its id in the imported file or, where none has that id, by its number in the order of
    import, from 1, as far as FARTHEST."""
    if (key := project.prompts.filter(external_id=name).values_list("pk", flat=True).first()) is not None:
        return key
    if not (name.isascii() and name.isdecimal() and len(name) < 10 and 0 < int(name) <= FARTHEST):
        return None
    keys = project.prompts.order_by("project_id", "pk").values_list("pk", flat=True)
    return next(iter(keys[int(name) - 1 : int(name)]), None)
