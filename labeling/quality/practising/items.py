"""A project's own practice items: prompts with gold on which labelers practise, shown as any task is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from labeling.models import Completion, GoldAnswer, Project, Prompt, Role, User
from labeling.people import access
from labeling.quality.checks.golds import MOST_TO_PRACTISE
from labeling.quality.practising.marking import REST, Marked, mark
from labeling.queue import shown_ids

_SALT = "labeling.quality.practising"
Answer = Mapping[str, object]  # as RankingForm.payload gives it: tiers and flags, by the names shown


@dataclass(frozen=True)
class Item:
    """A practice item as one person sees it. seed: of its completions' names and order, shown to nobody."""

    gold: GoldAnswer
    seed: int

    @cached_property
    def completions(self) -> dict[str, Completion]:
        """Gives them by the names under which they are shown, in the order shown, which says nothing of their own."""
        found = {
            shown_ids.hashed(self.gold.prompt_id, self.seed, each.pk): each
            for each in self.gold.prompt.completions.all()
        }
        return dict(sorted(found.items()))

    def ranks(self) -> dict[int, int]:
        """Gives what is known, by the completions' keys; REST is of what the gold has below the best, in no order."""
        known = {int(key): rank for key, rank in self.gold.ranks.items()}
        last = max(known.values(), default=0) if self.gold.unranked else None
        return {key: REST if rank == last else rank for key, rank in known.items()}

    def marked(self, project: Project, ranks: Mapping[int, int], flags: Mapping[int, Mapping[str, bool]]) -> Marked:
        known = {int(key): said for key, said in self.gold.flags.items()}
        asked = [flag["name"] for flag in project.flags]
        return mark(self.ranks(), known, given=ranks, said=flags, asked=asked)

    def said(self, answer: Answer) -> tuple[dict[int, int], dict[int, dict[str, bool]]]:
        """Gives the ranks and flags of an answer by the completions' keys; REST is of what it left below the best."""
        keys = {name: each.pk for name, each in self.completions.items()}
        tiers, flags = answer["tiers"], answer["flags"]
        assert isinstance(tiers, list)
        assert isinstance(flags, Mapping)
        ranked = {keys[name]: rank for rank, tier in enumerate(tiers, start=1) for name in tier}
        ranks = {**dict.fromkeys(keys.values(), REST), **ranked}
        return ranks, {keys[name]: dict(named) for name, named in flags.items()}


def items_of(project: Project) -> QuerySet[GoldAnswer]:
    """Gives those there are, the first made first: no more than MOST_TO_PRACTISE or a few more."""
    return GoldAnswer.objects.filter(project=project, practice=True, prompt__withdrawn_at=None)


def n_items(project: Project) -> int:
    return items_of(project).order_by().count()


def can_practise(project: Project) -> bool:
    """Tells whether labelers have something to practise on: the sample, if its kind has one, or items of the project's
    own, where none of them qualifies by these."""
    return project.judgement.has_practice or items_of(project).filter(project__qualify_items=0).exists()


def item_at(project: Project, place: int, person: User) -> tuple[Item | None, int]:
    """Finds the item at a place from 1, None where there is none, and says how many there are. In three statements.

    The same person sees it in the same order again; others in another. Labelers get none of a project that asks them to
    qualify by these: they see each once, and then what was right.
    """
    rows = items_of(project)
    if access.role_in(person, project) == Role.LABELER:
        rows = rows.filter(project__qualify_items=0)
    keys = list(rows.values_list("pk", flat=True)[:MOST_TO_PRACTISE])
    if not 1 <= place <= len(keys):
        return None, len(keys)
    gold = with_texts(rows.filter(pk=keys[place - 1])).first()
    return (Item(gold, _seed_of(person)) if gold else None), len(keys)


def item_of(prompt: Prompt, person: User) -> Item:
    """Gives a prompt as one person sees it, of which nothing is known yet."""
    return Item(GoldAnswer(prompt=prompt), _seed_of(person))


def with_texts(rows: QuerySet[GoldAnswer]) -> QuerySet[GoldAnswer]:
    return rows.select_related("prompt").prefetch_related("prompt__completions")


def _seed_of(person: User) -> int:
    return int(salted_hmac(_SALT, str(person.pk), algorithm="sha256").hexdigest()[:15], 16)
