"""Rows of a frozen version: read from the database, counted, and made a table, by columns all the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain, combinations
from typing import Any, NamedTuple

import pyarrow as pa
from django.db import connection

from labeling.models import Project, Ranking
from labeling.models.functions import by_index

PROMPTS_AT_ONCE = 50
LONGEST_REMEMBERED = 1_000  # characters of a ranking's flags, which are nearly always the same few

_RANKING = [
    ("id", pa.string()),
    ("labeler", pa.string()),
    ("ranks", pa.list_(pa.int32())),
    ("flags", pa.string()),  # JSON, parallel to ranks: a project's flags are its own
    ("strength", pa.int32()),  # of K = 2: 1 slightly, 2 clearly, 3 much; null where not said
]
# Only of a version in which some ranking says any of it: others have the bytes that they always had.
MORE = [
    ("acceptable", pa.int32()),  # tiers; null where not said
    ("reasons", pa.list_(pa.string())),
    ("attributes", pa.string()),  # JSON, parallel to ranks
    ("rewrite", pa.struct([("of", pa.string()), ("text", pa.string())])),  # of: a completion's id; null where none is
]
_PROMPT = [
    ("id", pa.string()),
    ("split", pa.string()),
    ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
    ("completions", pa.list_(pa.struct([("id", pa.string()), ("text", pa.string()), ("model", pa.string())]))),
]
SCHEMA = pa.schema([*_PROMPT, ("rankings", pa.list_(pa.struct(_RANKING)))])
WIDE_SCHEMA = pa.schema([*_PROMPT, ("rankings", pa.list_(pa.struct([*_RANKING, *MORE])))])

# One statement, so one snapshot: a ranking that commits meanwhile is wholly in or wholly out. A list for each column of
# the completions and of the rankings: objects with names take ten times as long to read.
_ROWS = """
SELECT prompt.id, prompt.external_id, prompt.split, prompt.messages::text, completions.columns::text,
    rankings.columns::text
FROM labeling_prompt prompt
JOIN LATERAL (
    SELECT json_build_array(
        json_agg(c.external_id ORDER BY c.position), json_agg(c.text ORDER BY c.position),
        json_agg(c.model_name ORDER BY c.position)) AS columns
    FROM labeling_completion c WHERE c.prompt_id = prompt.id
) completions ON true
JOIN LATERAL (
    SELECT json_build_array(
        json_agg(r.id::text ORDER BY r.id), json_agg(u.username ORDER BY r.id), json_agg(said.ranks ORDER BY r.id),
        json_agg(said.flags::text ORDER BY r.id), json_agg(r.strength ORDER BY r.id)
        /* more */) AS columns, count(*) AS n
    FROM labeling_ranking r
    JOIN labeling_user u ON u.id = r.labeler_id
    /* rewritten */
    JOIN LATERAL (
        SELECT json_agg(rc.rank ORDER BY c.position) AS ranks, json_agg(rc.flags ORDER BY c.position) AS flags
            /* attributes */
        FROM labeling_rankedcompletion rc JOIN labeling_completion c ON c.id = rc.completion_id
        WHERE rc.ranking_id = r.id
    ) said ON true
    WHERE r.prompt_id = prompt.id AND r.live
) rankings ON rankings.n > 0
WHERE prompt.project_id = %(project)s AND (%(prompts)s::bigint[] IS NULL OR prompt.id = ANY(%(prompts)s))
ORDER BY prompt.id
"""
_OF_RANKINGS = """,
        json_agg(r.acceptable ORDER BY r.id), json_agg(to_json(r.reasons) ORDER BY r.id),
        json_agg(CASE WHEN r.says_more THEN said.attributes::text ELSE '[]' END ORDER BY r.id),
        json_agg(CASE WHEN r.rewrite <> '' THEN json_build_object('of', rewritten.external_id, 'text', r.rewrite) END
            ORDER BY r.id)"""
_REWRITTEN = "LEFT JOIN labeling_completion rewritten ON rewritten.id = r.rewrite_of_id"
_WIDE_ROWS = (
    _ROWS.replace("/* more */", _OF_RANKINGS)
    .replace("/* attributes */", ", json_agg(rc.attributes ORDER BY c.position) AS attributes")
    .replace("/* rewritten */", _REWRITTEN)
)


class FrozenRow(NamedTuple):
    """A prompt as a version has it; of its completions and rankings the columns."""

    id: str
    split: str
    messages: list[dict[str, str]]
    completions: list[list[str]]  # ids, texts, models
    rankings: list[list[Any]]  # ids, labelers, ranks, flags as JSON, strengths; then those of MORE


def schema_of(project: Project) -> pa.Schema:
    """Gives the columns that its rankings need: WIDE_SCHEMA where one that stands says more than an order."""
    return WIDE_SCHEMA if says_more(project) else SCHEMA


def is_wide(schema: pa.Schema) -> bool:
    """Tells whether a version of these columns has those of MORE."""
    return bool(schema.field("rankings").type.value_type.get_field_index(MORE[0][0]) >= 0)


def says_more(project: Project) -> bool:
    """Tells whether a ranking that stands says more than an order."""
    return Ranking.objects.filter(project=project, live=True, says_more=True).exists()


def read_rows(
    project: Project, prompts: list[int] | None, schema: pa.Schema = SCHEMA
) -> Iterator[tuple[int, FrozenRow]]:
    """Yields prompts with rankings, all or these, in the order of their ids, which come along. Needs a transaction."""
    with connection.chunked_cursor() as cursor:
        with by_index():
            cursor.execute(_WIDE_ROWS if schema == WIDE_SCHEMA else _ROWS, {"project": project.pk, "prompts": prompts})
        while found := cursor.fetchmany(PROMPTS_AT_ONCE):
            for prompt, name, split, messages, completions, rankings in found:
                columns = json.loads(rankings)
                for place in (3, 7) if schema == WIDE_SCHEMA else (3,):
                    columns[place] = [flags_in_order(said) for said in columns[place]]
                yield prompt, FrozenRow(name, split, json.loads(messages), json.loads(completions), columns)


def flags_in_order(flags: str) -> str:
    """Writes the JSON of a ranking's flags with its names in order: a project's flags are its own."""
    return _in_order(flags) if len(flags) <= LONGEST_REMEMBERED else _in_order.__wrapped__(flags)


@lru_cache(maxsize=1024)
def _in_order(flags: str) -> str:
    return json.dumps(json.loads(flags), ensure_ascii=False, sort_keys=True)


def count(counter: Counter[str], ranks: Sequence[Sequence[int]], flags: Sequence[str], *, sign: int = 1) -> None:
    """Adds what a prompt brings, or takes it away: its rankings' ranks, and their flags as JSON."""
    counter["prompts"] += sign
    counter["rankings"] += sign * len(ranks)
    for said in ranks:
        pairs, ties = _pairs_and_ties(tuple(said))
        if pairs:
            counter["pairs"] += sign * pairs
        if ties:
            counter["ties"] += sign * ties
    if flagged := sum(map(_flagged, flags)):  # of a project without flags no count of them
        counter["flagged"] += sign * flagged


@lru_cache(maxsize=4096)
def _pairs_and_ties(ranks: tuple[int, ...]) -> tuple[int, int]:
    tied = sum(first == second for first, second in combinations(ranks, 2))
    return len(ranks) * (len(ranks) - 1) // 2 - tied, tied


def _flagged(flags: str) -> int:
    """Counts the completions of which anything is said."""
    return sum(map(bool, json.loads(flags))) if len(flags) > LONGEST_REMEMBERED else _flagged_of_few(flags)


@lru_cache(maxsize=1024)
def _flagged_of_few(flags: str) -> int:
    return sum(map(bool, json.loads(flags)))


def table_of(rows: Sequence[FrozenRow], schema: pa.Schema = SCHEMA) -> pa.Table:
    turns = [row.messages for row in rows]
    said = [[turn[name] for turn in chain.from_iterable(turns)] for name in ("role", "content")]
    return pa.Table.from_arrays(
        [
            pa.array([row.id for row in rows], pa.string()),
            pa.array([row.split for row in rows], pa.string()),
            _lists(schema, "prompt", map(len, turns), said),
            _lists(
                schema, "completions", (len(r.completions[0]) for r in rows), _joined([r.completions for r in rows])
            ),
            _lists(schema, "rankings", (len(r.rankings[0]) for r in rows), _joined([r.rankings for r in rows])),
        ],
        schema=schema,
    )


def _joined(columns: Sequence[Sequence[list[Any]]]) -> list[list[Any]]:
    """Joins the columns of all rows, one by one."""
    return [list(chain.from_iterable(column)) for column in zip(*columns, strict=True)]


def _lists(schema: pa.Schema, name: str, lengths: Iterator[int], columns: Sequence[list[Any]]) -> pa.Array:
    """Makes a column of lists of structs from the structs' columns, of all lists one after another."""
    kind = schema.field(name).type
    fields = [kind.value_type.field(place) for place in range(kind.value_type.num_fields)]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    offsets = pa.array(accumulate(lengths, initial=0), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(arrays, fields=fields), type=kind)
