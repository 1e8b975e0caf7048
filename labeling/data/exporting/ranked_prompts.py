"""Ranked prompts with all that is known of their rankings: as they stand, or as they were frozen.

A frozen version has no shown positions, no active seconds, no dates, no metadata and no tags.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import connection, transaction

from labeling.data.versions import datasets
from labeling.data.versions.frozen_rows import pairs_and_ties
from labeling.models import DatasetVersion, LabelerCounter, Project, Ranking
from labeling.models.functions import by_index

PROMPTS_AT_ONCE, BYTES_AT_ONCE = 50, 8 * 2**20  # that are held, whichever is reached first
LONGEST_REMEMBERED = 1_000  # characters of a ranking's flags, which are nearly always the same few

Flags = Mapping[str, bool]


NOTHING_MORE: Mapping[str, Any] = MappingProxyType({})


class Said(NamedTuple):
    """A ranking. By the completions' places: ranks, flags and positions."""

    id: int
    labeler: str  # the username
    is_imported: bool
    ranks: tuple[int, ...]
    flags: Sequence[Flags]
    strength: int | None
    positions: Sequence[int | None] | None = None
    active_seconds: float | None = None
    more: Mapping[str, Any] = NOTHING_MORE  # acceptable, reasons, attributes; empty where nothing of it was said
    top_k: int | None = None  # how many stand above a rest that has the last rank and no order; None: all are ranked

    @property
    def source(self) -> str:
        return Ranking.Source.IMPORTED.value if self.is_imported else Ranking.Source.LABELED.value


@dataclass(frozen=True)
class RankedPrompt:
    id: str
    split: str
    messages: list[dict[str, str]]
    completions: Sequence[Sequence[str]]  # ids, texts, models
    rankings: Sequence[Said]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which rankings of which prompts. What is None selects nothing out.

    splits: of the prompts. labelers: usernames. since, until: when it was ranked, the end left out. sources: of
    Ranking.Source. least_strength: how much better, at least. least_agreement: of a prompt, from 0 to 1, among what is
    selected of it. without_ties: no prompt of which a selected ranking has a tie.
    """

    splits: Sequence[str]
    labelers: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    least_strength: int | None = None
    least_agreement: float | None = None
    without_ties: bool = False

    @property
    def is_of_splits_alone(self) -> bool:
        return self == Selection(splits=self.splits)


# A list for each column of the rankings: objects with names take ten times as long to read.
_RANKED = """
SELECT prompt.external_id, prompt.split,
    CASE WHEN %(longest)s::int IS NULL THEN prompt.messages::text ELSE (
        SELECT json_agg(json_build_object('role', said ->> 'role', 'content', left(said ->> 'content', %(longest)s))
            ORDER BY place)::text
        FROM jsonb_array_elements(prompt.messages) WITH ORDINALITY AS every (said, place)
    ) END,
    completions.columns::text, rankings.columns::text,
    prompt.metadata::text, prompt.tags
FROM labeling_prompt prompt
JOIN LATERAL (
    SELECT json_build_array(
        json_agg(u.username ORDER BY r.id), json_agg(r.source ORDER BY r.id), json_agg(said.ranks ORDER BY r.id),
        json_agg(said.flags::text ORDER BY r.id), json_agg(r.strength ORDER BY r.id),
        json_agg(said.positions ORDER BY r.id), json_agg(r.active_seconds ORDER BY r.id), json_agg(r.id ORDER BY r.id),
        json_agg(CASE WHEN r.says_more THEN json_build_object('acceptable', r.acceptable, 'reasons', r.reasons,
            'attributes', said.attributes, 'rewrite', CASE WHEN r.rewrite <> '' THEN
                json_build_object('of', rewritten.external_id, 'text', r.rewrite) END) END ORDER BY r.id),
        json_agg(CASE WHEN r.unranked > 0 THEN json_array_length(said.ranks) - r.unranked END ORDER BY r.id)
    ) AS columns, count(*) AS n
    FROM labeling_ranking r
    JOIN labeling_user u ON u.id = r.labeler_id
    LEFT JOIN labeling_completion rewritten ON rewritten.id = r.rewrite_of_id
    JOIN LATERAL (
        SELECT json_agg(rc.rank ORDER BY c.position) AS ranks, json_agg(rc.flags ORDER BY c.position) AS flags,
            json_agg(rc.shown_position ORDER BY c.position) AS positions,
            CASE WHEN r.says_more THEN json_agg(rc.attributes ORDER BY c.position) END AS attributes
        FROM labeling_rankedcompletion rc JOIN labeling_completion c ON c.id = rc.completion_id
        WHERE rc.ranking_id = r.id
    ) said ON true
    WHERE r.prompt_id = prompt.id AND r.live
        AND (%(labelers)s::text[] IS NULL OR u.username = ANY(%(labelers)s))
        AND (%(since)s::timestamptz IS NULL OR r.created_at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR r.created_at < %(until)s)
        AND (%(source)s::text IS NULL OR r.source = %(source)s)
        AND (%(strength)s::int IS NULL OR r.strength >= %(strength)s)
) rankings ON rankings.n > 0
JOIN LATERAL (
    SELECT json_build_array(
        json_agg(c.external_id ORDER BY c.position), json_agg(
            CASE WHEN %(longest)s::int IS NULL THEN c.text ELSE left(c.text, %(longest)s) END ORDER BY c.position),
        json_agg(c.model_name ORDER BY c.position)) AS columns
    FROM labeling_completion c WHERE c.prompt_id = prompt.id
) completions ON true
WHERE prompt.project_id = %(project)s AND prompt.split = ANY(%(splits)s) AND prompt.ranked > 0
    AND (%(prompts)s::bigint[] IS NULL OR prompt.id = ANY(%(prompts)s))
ORDER BY prompt.id
"""


def standing(
    project: Project, selection: Selection, *, prompts: Sequence[int] | None = None, longest: int | None = None
) -> Iterator[RankedPrompt]:
    """Yields what is selected as it is now, of all prompts or of these, in the order of their keys.

    longest: characters of each text, after which it is cut; None: none is.
    """
    asked: dict[str, Any] = {
        "project": project.pk,
        "splits": list(selection.splits),
        "labelers": None if selection.labelers is None else list(selection.labelers),
        "since": selection.since,
        "until": selection.until,
        "source": selection.source,
        "strength": selection.least_strength,
        "prompts": None if prompts is None else list(prompts),
        "longest": longest,
    }
    with snapshot(), connection.chunked_cursor() as cursor:
        with by_index():
            cursor.execute(_RANKED, asked)
        yield from _of_prompts(map(_read, _fetched(cursor)), selection)


def _fetched(cursor: Any) -> Iterator[tuple[str, ...]]:
    """Fetches as many rows at once as can be held, by the largest of those before."""
    n = 1
    while rows := cursor.fetchmany(n):
        largest = max(sum(map(len, row)) for row in rows)
        yield from rows
        n = max(1, min(PROMPTS_AT_ONCE, 2 * n, BYTES_AT_ONCE // largest))


def _read(row: tuple[str, ...]) -> RankedPrompt:
    name, split, messages, completions, rankings, metadata, tags = row
    said = [
        Said(
            key, labeler, source == Ranking.Source.IMPORTED, tuple(ranks), _flags(flags), strength, positions, seconds,
            more or NOTHING_MORE, top_k,
        )
        for labeler, source, ranks, flags, strength, positions, seconds, key, more, top_k in zip(
            *json.loads(rankings), strict=True
        )
    ]  # fmt: skip
    return RankedPrompt(
        name,
        split,
        json.loads(messages),
        json.loads(completions),
        said,
        {} if metadata == "{}" else json.loads(metadata),
        tags,
    )


def _flags(written: str) -> Sequence[Flags]:
    return _few_flags(written) if len(written) <= LONGEST_REMEMBERED else json.loads(written)


@lru_cache(maxsize=1024)
def _few_flags(written: str) -> Sequence[Flags]:
    flags: Sequence[Flags] = json.loads(written)
    return flags


def frozen(version: DatasetVersion, selection: Selection, *, prompts: int | None = None) -> Iterator[RankedPrompt]:
    """Yields what is selected of a version, of all its prompts or of the first ones of any split."""
    labelers = LabelerCounter.objects.filter(project=version.project_id, labeler__is_imported=True)
    imported = set(labelers.values_list("labeler__username", flat=True))
    rows = (row for number, row in _numbered(version, prompts) if row["split"] in selection.splits)
    yield from _of_prompts((_read_frozen(row, selection, imported) for row in rows), selection)


def _numbered(version: DatasetVersion, most: int | None) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, row in enumerate(datasets.read_groups(version)):
        if number == most:
            return
        yield number, row


def _read_frozen(row: dict[str, Any], selection: Selection, imported: set[str]) -> RankedPrompt:
    said = [
        Said(
            int(ranking["id"]), ranking["labeler"], ranking["labeler"] in imported, tuple(ranking["ranks"]),
            ranking["flags"], ranking["strength"], more=_more_of(ranking), top_k=ranking.get("top_k"),
        )
        for ranking in row["rankings"]
    ]  # fmt: skip
    completions = [[completion[key] for completion in row["completions"]] for key in ("id", "text", "model")]
    chosen = [each for each in said if _is_selected(each, selection)]
    return RankedPrompt(row["id"], row["split"], row["prompt"], completions, chosen)


def _more_of(ranking: Mapping[str, Any]) -> Mapping[str, Any]:
    """Gives what a frozen ranking says beyond its order, as the statement does for one that stands."""
    more = {name: ranking.get(name) for name in ("acceptable", "reasons", "attributes", "rewrite")}
    return more if any(value not in (None, []) for value in more.values()) else NOTHING_MORE


def _is_selected(said: Said, selection: Selection) -> bool:
    """Does for a frozen ranking what the statement does for one that stands. It has no date."""
    return (
        (selection.labelers is None or said.labeler in selection.labelers)
        and (selection.source is None or said.source == selection.source)
        and (selection.least_strength is None or (said.strength or 0) >= selection.least_strength)
    )


def _of_prompts(prompts: Iterable[RankedPrompt], selection: Selection) -> Iterator[RankedPrompt]:
    least = selection.least_agreement
    for prompt in prompts:
        if not prompt.rankings or (selection.without_ties and any(map(has_tie, prompt.rankings))):
            continue
        if least is not None:
            agreement = agreement_of([said.ranks for said in prompt.rankings])
            if agreement is None or agreement < least:
                continue
        yield prompt


def has_tie(said: Said) -> bool:
    """Tells whether two of what was ranked are equal. Those of a rest below the best were not ranked."""
    return pairs_and_ties(said.ranks, said.top_k)[1] > 0


def agreement_of(rankings: Sequence[Sequence[int]]) -> float | None:
    """Shares the comparisons of two rankings, of two completions that neither ties, on which they agree.

    None where there is none, as of a single ranking. It is labeling/quality/agreement.py's of one prompt.
    """
    compared = agreed = 0
    k = len(rankings[0])
    for i in range(k):
        for j in range(i):
            one = sum(ranks[i] < ranks[j] for ranks in rankings)
            other = sum(ranks[i] > ranks[j] for ranks in rankings)
            n = one + other
            compared += n * (n - 1) // 2
            agreed += one * (one - 1) // 2 + other * (other - 1) // 2
    return agreed / compared if compared else None


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read inside is of one moment, though labelers go on. Inside a caller's transaction, theirs decides."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
