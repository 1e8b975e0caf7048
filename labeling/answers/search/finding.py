"""Finds the prompts and the rankings in which words stand, at a cost that has an end.

A rare word is looked up in the index, and its few prompts are then narrowed and sorted. A common one stands in so many
that the first page is full soon: the list is walked through in its own order, and each row looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.postgres.search import SearchQueryCombinable, SearchQueryField, SearchVectorField
from django.db.models import (
    BooleanField,
    ExpressionWrapper,
    Func,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.utils.translation import gettext as _

from labeling.answers.row_by_row import has_any
from labeling.answers.search.words import Query, query
from labeling.errors import Invalid
from labeling.models import Project, Prompt, RankedCompletion, Ranking, SearchText

MOST = 10_000  # prompts, and rankings, that are taken from the index; of more, words are common
EXPECTED = 3 * MOST  # prompts; more are not even counted, for the index gathers all of them first


@dataclass(frozen=True)
class Found:
    """What was found by the index, keys as PostgreSQL writes an array of them; None where it is more than MOST.

    prompts: of prompts with the words in their texts. said: of rankings with them in the comment or a note. said_of: of
    the prompts of those that stand. either: of prompts that are in one of the two, or in both.
    """

    prompts: str | None
    said: str | None
    said_of: str | None
    either: str | None
    in_texts: Query
    in_words: Query

    @property
    def is_common(self) -> bool:
        """Tells whether rows are walked through, so that a look should go through fewer of them."""
        return self.prompts is None or self.said is None

    def among_prompts(self, prompts: QuerySet[Prompt]) -> QuerySet[Prompt]:
        """Gives those with the words in their texts, or in what was said in a ranking that stands."""
        by_texts = Q(Among("pk", self.prompts or "{}"))
        if self.prompts is None:
            prompts = prompts.alias(has_words=self._in_its_texts("pk"))
            by_texts = Q(has_words=True)
        if self.said_of is None:
            rankings = Ranking.objects.filter(live=True, prompt=OuterRef("pk"))
            return prompts.filter(by_texts | Q(has_any(self._saying(rankings))))
        if self.either is None:
            return prompts.filter(by_texts | Q(Among("pk", self.said_of)))
        return prompts.filter(Among("pk", self.either))

    def among_rankings(self, rankings: QuerySet[Ranking]) -> QuerySet[Ranking]:
        """Gives those with the words in their comment, in a note, or in the texts of their prompt."""
        by_texts = Q(Among("prompt", self.prompts or "{}"))
        if self.prompts is None:
            rankings = rankings.alias(has_words=self._in_its_texts("prompt"))
            by_texts = Q(has_words=True)
        if self.said is None:
            rankings = rankings.alias(words_of_comment=_WordsOf("comment"))
            return rankings.filter(by_texts | Q(words_of_comment=self.in_words) | self._noted())
        return rankings.filter(by_texts | Q(Among("pk", self.said)))

    def _in_its_texts(self, prompt: str) -> Subquery:
        """Asks of one row after the other: what is asked by EXISTS PostgreSQL may look up for all of them first."""
        matches = ExpressionWrapper(Q(words=self.in_texts), BooleanField())
        return Subquery(SearchText.objects.filter(prompt=OuterRef(prompt)).values_list(matches))

    def _saying(self, rankings: QuerySet[Ranking]) -> QuerySet[Ranking]:
        rankings = rankings.alias(words_of_comment=_WordsOf("comment"))
        return rankings.filter(Q(words_of_comment=self.in_words) | self._noted())

    def _noted(self) -> Q:
        notes = RankedCompletion.objects.filter(ranking=OuterRef("pk")).exclude(note="")
        return Q(has_any(notes.alias(words_of_note=_WordsOf("note")).filter(words_of_note=self.in_words)))


def find(project: Project, asked: str) -> Found:
    """Looks into the indexes, in one statement. Raises Invalid where there is nothing to look for."""
    of_project = _OfProject(Value(f"'#{project.pk}'"))
    in_texts = of_project & query(asked, project.search_language)
    whole = of_project & query(asked, project.search_language, beginnings=False)
    in_words = query(asked)
    found = Func(
        *(Value(project.pk), in_texts, whole, in_words, Value(EXPECTED), Value(MOST)),
        function="podium_find",
        output_field=JSONField(),
    )
    keys = Project.objects.filter(pk=project.pk).values_list(found, flat=True).get()
    if keys.pop("nodes") == 1:  # the project: a language leaves out what stands in nearly every text
        message = _("%(asked)s stands in nearly every text and is not looked for; name another word.")
        raise Invalid("nothing_asked", message % {"asked": f"“{asked.strip()}”"}, attr="q")
    return Found(**keys, in_texts=in_texts, in_words=in_words)


class Among(Func):
    """Whether a key is one of these: sent as one array, for thousands of them take a second as parameters."""

    template = "(%(expressions)s::bigint[]))"
    arg_joiner = " = ANY("
    output_field = BooleanField()

    def __init__(self, key: str, keys: str) -> None:
        super().__init__(key, Value(keys))


class _WordsOf(Func):
    """As the indexes of comments and notes are made (migration 0042)."""

    template = "to_tsvector('simple', podium_words(%(expressions)s))"
    output_field = SearchVectorField()


class _OfProject(SearchQueryCombinable, Func):  # type: ignore[misc]  # as Django's own SearchQuery is made
    """The project as a word: what has it is of the project."""

    template = "(%(expressions)s)::tsquery"
    output_field = SearchQueryField()
    config = None
