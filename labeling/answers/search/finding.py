"""Finds the prompts and the rankings in which words stand, at a cost that has an end.

A rare word is looked up in the index, and its few prompts are then narrowed and sorted. A common one stands in so many
that the first page is full soon: the list is walked through in its own order, and each row looked at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import SearchQueryCombinable, SearchQueryField, SearchVectorField
from django.db import transaction
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.utils.translation import gettext as _

from labeling.answers.search.words import Query, query
from labeling.errors import Invalid
from labeling.models import Project, Prompt, RankedCompletion, Ranking, SearchText
from labeling.models.functions import by_index
from labeling.projects.search_languages import PLAIN

MOST = 10_000  # prompts, and rankings, that are taken from the index; of more, words are common
EXPECTED = 3 * MOST  # prompts; more are not even counted, for the index gathers all of them first


@dataclass(frozen=True)
class Found:
    """What was found by the index; None where it is more than MOST.

    prompts: keys of prompts with the words in their texts. said: keys of rankings with them in the comment or a note.
    """

    prompts: Sequence[int] | None
    said: Sequence[int] | None
    in_texts: Query
    in_words: Query

    @property
    def is_common(self) -> bool:
        """Tells whether rows are walked through, so that a look should go through fewer of them."""
        return self.prompts is None or self.said is None

    def among_prompts(self, prompts: QuerySet[Prompt]) -> QuerySet[Prompt]:
        """Gives those with the words in their texts, or in what was said in a ranking that stands."""
        if self.prompts is None:
            prompts = prompts.alias(has_words=self._in_its_texts("pk"))
            by_texts = Q(has_words=True)
        else:
            by_texts = Q(pk__in=self.prompts)
        rankings = Ranking.objects.filter(live=True)
        if self.said is None:
            return prompts.filter(by_texts | Exists(self._saying(rankings.filter(prompt=OuterRef("pk")))))
        return prompts.filter(by_texts | Q(pk__in=_prompts_of(rankings.filter(pk__in=self.said))))

    def among_rankings(self, rankings: QuerySet[Ranking]) -> QuerySet[Ranking]:
        """Gives those with the words in their comment, in a note, or in the texts of their prompt."""
        if self.prompts is None:
            rankings = rankings.alias(has_words=self._in_its_texts("prompt"))
            by_texts = Q(has_words=True)
        else:
            by_texts = Q(prompt__in=self.prompts)
        if self.said is None:
            rankings = rankings.alias(words_of_comment=_WordsOf("comment"))
            return rankings.filter(by_texts | Q(words_of_comment=self.in_words) | self._noted())
        return rankings.filter(by_texts | Q(pk__in=self.said))

    def _in_its_texts(self, prompt: str) -> Subquery:
        """Asks of one row after the other: what is asked by EXISTS PostgreSQL may look up for all of them first."""
        matches = ExpressionWrapper(Q(words=self.in_texts), BooleanField())
        return Subquery(SearchText.objects.filter(prompt=OuterRef(prompt)).values_list(matches))

    def _saying(self, rankings: QuerySet[Ranking]) -> QuerySet[Ranking]:
        rankings = rankings.alias(words_of_comment=_WordsOf("comment"))
        return rankings.filter(Q(words_of_comment=self.in_words) | self._noted())

    def _noted(self) -> Q:
        notes = RankedCompletion.objects.filter(ranking=OuterRef("pk")).exclude(note="")
        return Q(Exists(notes.alias(words_of_note=_WordsOf("note")).filter(words_of_note=self.in_words)))


def find(project: Project, asked: str) -> Found:
    """Looks into the index in a handful of statements. Raises Invalid where there is nothing to look for."""
    in_words = query(asked)
    in_texts = query(asked, project.search_language)
    if project.search_language != PLAIN:
        _check_words_left(in_texts, asked)
    of_project = _OfProject(Value(f"'#{project.pk}'"))
    in_texts = of_project & in_texts
    # By the index of words, whatever statistics say of a word.
    with transaction.atomic(), by_index():
        texts = SearchText.objects.values_list("prompt_id", flat=True)
        # Of beginnings it expects too few, and whole words are among them.
        whole = texts.filter(words=of_project & query(asked, project.search_language, beginnings=False))
        prompts = None if _expected(whole) > EXPECTED else list(texts.filter(words=in_texts)[: MOST + 1])
        said = list(_by_comment(project, in_words).union(_by_note(project, in_words), all=True))
    return Found(
        prompts=None if prompts is None or len(prompts) > MOST else prompts,
        said=None if len(said) > MOST else said,
        in_texts=in_texts,
        in_words=in_words,
    )


def _expected(rows: QuerySet[Any, Any]) -> int:
    """Gives how many PostgreSQL expects by its statistics of words, without looking for them."""
    return int(json.loads(rows.explain(format="json"))[0]["Plan"]["Plan Rows"])


def _by_comment(project: Project, words: Query) -> QuerySet[Ranking, int]:
    """Finds rankings; their project's own index is no way to them, for it leads past all that was ranked there."""
    rankings = Ranking.objects.exclude(comment="").alias(
        words_of_comment=_WordsOf("comment"), its_project=ExpressionWrapper(F("project_id") + 0, BigIntegerField())
    )
    found = rankings.filter(words_of_comment=words, its_project=project.pk).order_by()
    return found.values_list("pk", flat=True)[: MOST + 1]


def _by_note(project: Project, words: Query) -> QuerySet[RankedCompletion, int]:
    """Finds rankings; of each note with the words it is asked whose project that is."""
    its_project = Ranking.objects.filter(pk=OuterRef("ranking")).values("project_id")
    places = RankedCompletion.objects.exclude(note="").alias(
        words_of_note=_WordsOf("note"), its_project=Subquery(its_project)
    )
    found = places.filter(words_of_note=words, its_project=project.pk).order_by()
    return found.values_list("ranking_id", flat=True)[: MOST + 1]


def _prompts_of(rankings: QuerySet[Ranking]) -> list[int]:
    return list(rankings.values_list("prompt_id", flat=True))


def _check_words_left(words: Query, asked: str) -> None:
    nodes = Func(words, function="numnode", output_field=IntegerField())
    if Project.objects.values_list(nodes, flat=True)[:1].get() == 0:
        message = _("%(asked)s stands in nearly every text and is not looked for; name another word.")
        raise Invalid("nothing_asked", message % {"asked": f"“{asked.strip()}”"}, attr="q")


class _WordsOf(Func):
    """As the indexes of comments and notes are made (migration 0042)."""

    template = "to_tsvector('simple', podium_words(%(expressions)s))"
    output_field = SearchVectorField()


class _OfProject(SearchQueryCombinable, Func):  # type: ignore[misc]  # as Django's own SearchQuery is made
    """The project as a word: what has it is of the project."""

    template = "(%(expressions)s)::tsquery"
    output_field = SearchQueryField()
    config = None
