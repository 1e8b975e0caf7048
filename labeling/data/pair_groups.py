"""The pairs that an export writes, by prompt: people's or somebody else's, as they stand or as they were frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, permutations
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pyarrow as pa
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy

from labeling.data import datasets
from labeling.models import Completion, DatasetVersion, PreferencePair, Project, Prompt

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PROMPTS_AT_ONCE = 50

T = TypeVar("T")
Message = dict[str, str]
Columns = Mapping[str, pa.DataType]  # after prompt, chosen and rejected
# Where somebody said how much better; 0, which moves no loss, where nobody did: trainers take no null.
MARGIN = {"margin": pa.int32()}

# Only live rankings have pairs, which the database holds.
_PAIRS_OF_PROMPTS = """
SELECT pair.prompt_id, chosen.position, rejected.position, coalesce(pair.margin, 0)
FROM labeling_preferencepair pair
JOIN labeling_rankedcompletion better ON better.ranking_id = pair.ranking_id AND better.completion_id = pair.chosen_id
JOIN labeling_rankedcompletion worse ON worse.ranking_id = pair.ranking_id AND worse.completion_id = pair.rejected_id
JOIN labeling_completion chosen ON chosen.id = pair.chosen_id
JOIN labeling_completion rejected ON rejected.id = pair.rejected_id
WHERE pair.prompt_id = ANY(%s)
ORDER BY pair.prompt_id, pair.ranking_id, better.rank, worse.rank, chosen.position, rejected.position
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
    texts: dict[int, str]
    pairs: Sequence[Pair]


@dataclass(frozen=True)
class Pairs:
    """Prompts that have pairs, the pairs of some of them in the file's order, and what columns these have besides."""

    prompts: QuerySet[Prompt]
    of: Callable[[list[int]], Mapping[int, Sequence[Pair]]]
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


# --- As they stand ---------------------------------------------------------------------------------------------------


def _pairs_of_people(project: Project) -> Pairs:
    ranked = PreferencePair.objects.filter(prompt=OuterRef("pk"))
    columns = MARGIN if PreferencePair.objects.filter(project=project, margin__isnull=False).exists() else {}
    return Pairs(
        Prompt.objects.filter(Exists(ranked), project=project), lambda keys: _pairs_of_prompts(keys, columns), columns
    )


def _pairs_of_prompts(keys: list[int], columns: Columns) -> dict[int, list[Pair]]:
    pairs: dict[int, list[Pair]] = {key: [] for key in keys}
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS_OF_PROMPTS, [keys])
        for key, chosen, rejected, margin in cursor.fetchall():
            pairs[key].append(Pair(chosen, rejected, (margin,) if columns else ()))
    return pairs


PEOPLE = "people"
SOURCES = {PEOPLE: Source(gettext_lazy("People"), _pairs_of_people)}


def add_source(name: str, source: Source) -> None:
    """Offers pairs of someone else under a name. Call it once, when the app is ready."""
    SOURCES[name] = source


def live_groups(pairs: Pairs, splits: Sequence[str]) -> Iterator[Group]:
    """Reads the tables as they are when the first piece is asked for."""
    prompts = pairs.prompts.filter(split__in=splits).order_by("pk")
    with _snapshot():
        for chunk in batches(prompts.iterator(chunk_size=PROMPTS_AT_ONCE), PROMPTS_AT_ONCE):
            keys = [prompt.pk for prompt in chunk]
            texts: dict[int, dict[int, str]] = {key: {} for key in keys}
            completions = Completion.objects.filter(prompt__in=keys).values_list("prompt_id", "position", "text")
            for key, position, text in completions:
                texts[key][position] = text
            of_prompts = pairs.of(keys)
            for prompt in chunk:
                yield Group(prompt.messages, texts[prompt.pk], of_prompts[prompt.pk])


def frozen_groups(version: DatasetVersion, splits: Sequence[str], columns: Columns) -> Iterator[Group]:
    for row in datasets.read_groups(version):
        if row["split"] in splits:
            texts = {place: completion["text"] for place, completion in enumerate(row["completions"])}
            pairs = [
                Pair(*pair, (ranking["strength"] or 0,) if columns else ())
                for ranking in row["rankings"]
                for pair in expand(ranking["ranks"])
            ]
            yield Group(row["prompt"], texts, pairs)


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
