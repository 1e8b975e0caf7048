"""The pairs that an export writes, by prompt: people's or somebody else's, as they stand or as they were frozen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from labeling.data.exporting.ranked_prompts import RankedPrompt, Said, snapshot
from labeling.data.exporting.table_writers import batches
from labeling.data.exporting.tables import Columns
from labeling.data.versions import datasets
from labeling.models import Completion, DatasetVersion, PreferencePair, Project, Prompt, Ranking
from labeling.models.functions import by_index

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PROMPTS_AT_ONCE = 50

Message = dict[str, str]
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
    """Places of two completions, the values of its source's columns, and the ranking that says it, where one does.

    weight: half of a pair's where the two tie, which are two pairs then, one each way round.
    """

    chosen: int
    rejected: int
    own: tuple[Any, ...] = ()
    said: Said | None = None
    weight: float = 1.0


class Origin(NamedTuple):
    """Where a prompt's texts come from. By the completions' places: ids and models."""

    id: str
    split: str
    ids: Sequence[str]
    models: Sequence[str]


@dataclass(frozen=True)
class Group:
    """A prompt, its completions' texts by place, and its pairs in the file's order.

    origin: None where the texts alone were asked for.
    """

    messages: list[Message]
    texts: Sequence[str]
    pairs: Sequence[Pair]
    origin: Origin | None = None


@dataclass(frozen=True)
class Pairs:
    """Prompts of some splits with their pairs, read when they are asked for, and what columns these have besides."""

    groups: Callable[[Sequence[str]], Iterator[Group]]
    columns: Columns


@dataclass(frozen=True)
class Source:
    """Who made pairs that people didn't, and what a project has of them.

    `pairs` raises PodiumError where the project has none from there.
    """

    words: StrOrPromise  # for people to choose it by
    pairs: Callable[[Project], Pairs]


PEOPLE = "people"  # all of them; by the names of Ranking.Source those who labeled here, or elsewhere
OF_PEOPLE: dict[str, StrOrPromise] = {PEOPLE: gettext_lazy("People"), **dict(Ranking.Source.choices)}
OTHERS: dict[str, Source] = {}


def add_source(name: str, source: Source) -> None:
    """Offers pairs of someone else under a name. Call it once, when the app is ready."""
    OTHERS[name] = source


def expand(ranks: Sequence[int], *, ties: bool = False, top_k: int | None = None) -> list[tuple[int, int]]:
    """Lists (chosen, rejected) places of one ranking in the file's order; two that tie not at all, or both ways.

    top_k: how many stand above a rest of the last rank, of which no two are compared.
    """
    rest = None if top_k is None else max(ranks)
    pairs = [
        (i, j)
        for i, j in permutations(range(len(ranks)), 2)
        if ranks[i] < ranks[j] or (ties and ranks[i] == ranks[j] != rest)
    ]
    return sorted(pairs, key=lambda pair: (ranks[pair[0]], ranks[pair[1]], pair))


@lru_cache(maxsize=4096)  # rankings of four have 24 orders
def _pairs_of(
    ranks: tuple[int, ...], own: tuple[Any, ...], ties: bool = False, top_k: int | None = None
) -> tuple[Pair, ...]:
    return tuple(
        Pair(chosen, rejected, own, weight=0.5 if ranks[chosen] == ranks[rejected] else 1.0)
        for chosen, rejected in expand(ranks, ties=ties, top_k=top_k)
    )


# --- People's --------------------------------------------------------------------------------------------------------


def margin_of(project: Project, version: DatasetVersion | None) -> Columns:
    """Gives the column of margins where anybody said any."""
    if version is not None:
        return MARGIN if datasets.has_strengths(version) else {}
    return MARGIN if PreferencePair.objects.filter(project=project, margin__isnull=False).exists() else {}


def texts_alone(project: Project, columns: Columns, splits: Sequence[str]) -> Iterator[Group]:
    """Yields all prompts of these splits as they stand, with no more than the texts: the shortest way."""
    with snapshot(), connection.chunked_cursor() as cursor:
        with by_index():
            cursor.execute(_RANKED, [project.pk, list(splits)])
        while rows := cursor.fetchmany(PROMPTS_AT_ONCE):
            for messages, texts, rankings in rows:
                pairs = [pair for ranking in rankings.split(",") for pair in _pairs_as_written(ranking, bool(columns))]
                yield Group(json.loads(messages), json.loads(texts), pairs)


@lru_cache(maxsize=4096)
def _pairs_as_written(ranking: str, with_margin: bool) -> tuple[Pair, ...]:
    *ranks, strength = map(int, ranking.split(" "))
    return _pairs_of(tuple(ranks), (strength,) if with_margin else ())


def of_prompts(prompts: Iterable[RankedPrompt], columns: Columns, *, half_ties: bool = False) -> Iterator[Group]:
    """Makes the pairs of ranked prompts, with the ranking that says each. half_ties: of two that tie too."""
    for prompt in prompts:
        pairs = [
            pair._replace(said=said)
            for said in prompt.rankings
            for pair in _pairs_of(said.ranks, (said.strength or 0,) if columns else (), half_ties, said.top_k)
        ]
        yield Group(prompt.messages, prompt.completions[1], pairs, origin_of(prompt))


def origin_of(prompt: RankedPrompt) -> Origin:
    ids, _, models = prompt.completions
    return Origin(prompt.id, prompt.split, ids, models)


# --- Somebody else's -------------------------------------------------------------------------------------------------


def groups_of_prompts(
    prompts: QuerySet[Prompt], of: Callable[[list[int]], Mapping[int, Sequence[Pair]]], splits: Sequence[str]
) -> Iterator[Group]:
    """Gives prompts that have pairs, which `of` gives in the file's order for some of them."""
    chosen = prompts.filter(split__in=splits).order_by("pk")
    with snapshot():
        for chunk in batches(chosen.iterator(chunk_size=PROMPTS_AT_ONCE), PROMPTS_AT_ONCE):
            keys = [prompt.pk for prompt in chunk]
            known: dict[int, list[list[str]]] = {key: [] for key in keys}
            completions = Completion.objects.filter(prompt__in=keys).order_by("prompt_id", "position")
            for key, *known_of in completions.values_list("prompt_id", "external_id", "text", "model_name"):
                known[key].append(known_of)
            pairs = of(keys)
            for prompt in chunk:
                ids, texts, models = zip(*known[prompt.pk], strict=True)
                origin = Origin(prompt.external_id, prompt.split, ids, models)
                yield Group(prompt.messages, texts, pairs[prompt.pk], origin)
