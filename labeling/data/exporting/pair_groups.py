"""The pairs that an export writes, by prompt: people's or somebody else's, as they stand or as they were frozen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice, permutations
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pyarrow as pa
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from labeling.data.versions import datasets
from labeling.models import Completion, DatasetVersion, PreferencePair, Project, Prompt

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PROMPTS_AT_ONCE = 50

T = TypeVar("T")
Message = dict[str, str]
Columns = Mapping[str, pa.DataType]  # after prompt, chosen and rejected
# Where somebody said how much better; 0, which moves no loss, where nobody did: trainers take no null.
MARGIN = {"margin": pa.int32()}

# Texts once for each prompt and ranks once for each ranking, from which the pairs follow as from a frozen version: rows
# of pairs would bring each text K - 1 times for each ranking. A ranking is "1 2 2 0": ranks by the completions' places,
# and how much better.
_RANKED = """
SELECT prompt.messages::text, completions.texts::text, rankings.items
FROM labeling_prompt prompt
JOIN LATERAL (
    SELECT string_agg(places.ranks || coalesce(ranking.strength, 0), ',' ORDER BY ranking.id) AS items
    FROM labeling_ranking ranking
    JOIN LATERAL (
        SELECT string_agg(ranked.rank || ' ', '' ORDER BY completion.position) AS ranks
        FROM labeling_rankedcompletion ranked
        JOIN labeling_completion completion ON completion.id = ranked.completion_id
        WHERE ranked.ranking_id = ranking.id
    ) places ON true
    WHERE ranking.prompt_id = prompt.id AND ranking.live
) rankings ON rankings.items IS NOT NULL
JOIN LATERAL (
    SELECT json_agg(completion.text ORDER BY completion.position) AS texts
    FROM labeling_completion completion WHERE completion.prompt_id = prompt.id
) completions ON true
WHERE prompt.project_id = %s AND prompt.split = ANY(%s)
ORDER BY prompt.id
"""


class Pair(NamedTuple):
    """Places of two completions, and the values of its source's columns."""

    chosen: int
    rejected: int
    said: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Group:
    """A prompt, its completions' texts by place, and its pairs in the file's order."""

    messages: list[Message]
    texts: Sequence[str]
    pairs: Sequence[Pair]


@dataclass(frozen=True)
class Pairs:
    """Prompts of some splits with their pairs, read when they are asked for, and what columns these have besides."""

    groups: Callable[[Sequence[str]], Iterator[Group]]
    columns: Columns


@dataclass(frozen=True)
class Source:
    """Who made pairs, and what a project has of them.

    `pairs` raises PodiumError where the project has none from there.
    """

    words: StrOrPromise  # for people to choose it by
    pairs: Callable[[Project], Pairs]


def expand(ranks: Sequence[int]) -> list[tuple[int, int]]:
    """Lists (chosen, rejected) places of one ranking, ties left out, in the file's order."""
    pairs = [(i, j) for i, j in permutations(range(len(ranks)), 2) if ranks[i] < ranks[j]]
    return sorted(pairs, key=lambda pair: (ranks[pair[0]], ranks[pair[1]], pair))


@lru_cache(maxsize=4096)  # rankings of four have 24 orders
def _pairs_of(ranks: tuple[int, ...], said: tuple[Any, ...]) -> tuple[Pair, ...]:
    return tuple(Pair(chosen, rejected, said) for chosen, rejected in expand(ranks))


# --- As they stand ---------------------------------------------------------------------------------------------------


def _pairs_of_people(project: Project) -> Pairs:
    columns = MARGIN if PreferencePair.objects.filter(project=project, margin__isnull=False).exists() else {}
    return Pairs(partial(_ranked_groups, project, columns), columns)


def _ranked_groups(project: Project, columns: Columns, splits: Sequence[str]) -> Iterator[Group]:
    with _snapshot(), connection.chunked_cursor() as cursor:
        cursor.execute(_RANKED, [project.pk, list(splits)])
        while rows := cursor.fetchmany(PROMPTS_AT_ONCE):
            for messages, texts, rankings in rows:
                pairs = [pair for ranking in rankings.split(",") for pair in _pairs_as_written(ranking, bool(columns))]
                yield Group(json.loads(messages), json.loads(texts), pairs)


@lru_cache(maxsize=4096)
def _pairs_as_written(ranking: str, with_margin: bool) -> tuple[Pair, ...]:
    *ranks, strength = map(int, ranking.split(" "))
    return _pairs_of(tuple(ranks), (strength,) if with_margin else ())


PEOPLE = "people"
SOURCES = {PEOPLE: Source(gettext_lazy("People"), _pairs_of_people)}


def add_source(name: str, source: Source) -> None:
    """Offers pairs of someone else under a name. Call it once, when the app is ready."""
    SOURCES[name] = source


def groups_of_prompts(
    prompts: QuerySet[Prompt], of: Callable[[list[int]], Mapping[int, Sequence[Pair]]], splits: Sequence[str]
) -> Iterator[Group]:
    """Gives prompts that have pairs, which `of` gives in the file's order for some of them."""
    chosen = prompts.filter(split__in=splits).order_by("pk")
    with _snapshot():
        for chunk in batches(chosen.iterator(chunk_size=PROMPTS_AT_ONCE), PROMPTS_AT_ONCE):
            keys = [prompt.pk for prompt in chunk]
            texts: dict[int, list[str]] = {key: [] for key in keys}
            completions = Completion.objects.filter(prompt__in=keys).order_by("prompt_id", "position")
            for key, text in completions.values_list("prompt_id", "text"):
                texts[key].append(text)
            of_prompts = of(keys)
            for prompt in chunk:
                yield Group(prompt.messages, texts[prompt.pk], of_prompts[prompt.pk])


def frozen_groups(version: DatasetVersion, splits: Sequence[str], columns: Columns) -> Iterator[Group]:
    for row in datasets.read_groups(version):
        if row["split"] in splits:
            pairs = [
                pair
                for ranking in row["rankings"]
                for pair in _pairs_of(tuple(ranking["ranks"]), (ranking["strength"] or 0,) if columns else ())
            ]
            yield Group(row["prompt"], [completion["text"] for completion in row["completions"]], pairs)


@contextmanager
def _snapshot() -> Iterator[None]:
    """Everything read inside is of one moment, though labelers go on. Inside a caller's transaction, theirs decides."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
