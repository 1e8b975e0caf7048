"""Rows of a frozen version: read from the database, counted, and made a table, by columns all the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain, combinations, repeat
from math import comb
from typing import Any, NamedTuple

import pyarrow as pa
from django.db import connection
from django.db.models import Exists

from labeling.models import Project, Ranking
from labeling.models.functions import by_index

PROMPTS_AT_ONCE = 50
LONGEST_REMEMBERED = 1_000  # characters of a ranking's flags, which are nearly always the same few

Field = tuple[str, pa.DataType]
Judged = tuple[Sequence[int], str, int | None]  # ranks, flags as JSON, top_k

_RANKING: list[Field] = [
    ("id", pa.string()),
    ("labeler", pa.string()),
    ("ranks", pa.list_(pa.int32())),
    ("flags", pa.string()),  # JSON, parallel to ranks: a project's flags are its own
    ("strength", pa.int32()),  # of K = 2: 1 slightly, 2 clearly, 3 much; null where not said
]
# Only of a version in which some ranking says any of it: others have the bytes that they always had.
MORE: list[Field] = [
    ("acceptable", pa.int32()),  # tiers; null where not said
    ("reasons", pa.list_(pa.string())),
    ("attributes", pa.string()),  # JSON, parallel to ranks
    ("rewrite", pa.struct([("of", pa.string()), ("text", pa.string())])),  # of: a completion's id; null where none is
]
# As well, only where somebody ranked the best alone: how many stand above the rest; null where all are ranked.
TOP_K = ("top_k", pa.int32())
_PROMPT = [
    ("id", pa.string()),
    ("split", pa.string()),
    ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
    ("completions", pa.list_(pa.struct([("id", pa.string()), ("text", pa.string()), ("model", pa.string())]))),
]


def schema_with(*further: Field) -> pa.Schema:
    """Gives the columns of a version whose rankings have these too."""
    return pa.schema([*_PROMPT, ("rankings", pa.list_(pa.struct([*_RANKING, *further])))])


SCHEMA, WIDE_SCHEMA = schema_with(), schema_with(*MORE)

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
        /* more */ /* top_k */) AS columns, count(*) AS n
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
_TOP_K = """,
        json_agg(CASE WHEN r.unranked > 0 THEN json_array_length(said.ranks) - r.unranked END ORDER BY r.id)"""
_REWRITTEN = "LEFT JOIN labeling_completion rewritten ON rewritten.id = r.rewrite_of_id"
_ATTRIBUTES = ", json_agg(rc.attributes ORDER BY c.position) AS attributes"


def _statement(schema: pa.Schema) -> str:
    parts = {"top_k": _TOP_K if leaves_rests(schema) else ""}
    if is_wide(schema):
        parts |= {"more": _OF_RANKINGS, "attributes": _ATTRIBUTES, "rewritten": _REWRITTEN}
    statement = _ROWS
    for name, part in parts.items():
        statement = statement.replace(f"/* {name} */", part)
    return statement


class FrozenRow(NamedTuple):
    """A prompt as a version has it; of its completions and rankings the columns."""

    id: str
    split: str
    messages: list[dict[str, str]]
    completions: list[list[str]]  # ids, texts, models
    rankings: list[list[Any]]  # ids, labelers, ranks, flags as JSON, strengths; then those of MORE, and of TOP_K

    def judged(self, schema: pa.Schema) -> Iterator[Judged]:
        """Gives what is counted of each ranking. schema: whose columns they are."""
        rests = self.rankings[-1] if leaves_rests(schema) else repeat(None)
        return zip(self.rankings[2], self.rankings[3], rests, strict=False)


def schema_of(project: Project) -> pa.Schema:
    """Gives the columns that its rankings need: those of MORE where one that stands says more than an order, TOP_K
    where one left a rest unranked."""
    live = Ranking.objects.filter(project=project, live=True)
    with_more, with_a_rest = Exists(live.filter(says_more=True)), Exists(live.filter(unranked__gt=0))
    says_more, has_a_rest = Project.objects.values_list(with_more, with_a_rest).get(pk=project.pk)
    return schema_with(*(MORE if says_more else ()), *([TOP_K] if has_a_rest else ()))


def of_rankings(schema: pa.Schema) -> set[str]:
    """Names the columns of a version's rankings."""
    return {field.name for field in schema.field("rankings").type.value_type.fields}


def is_wide(schema: pa.Schema) -> bool:
    """Tells whether a version of these columns has those of MORE."""
    return MORE[0][0] in of_rankings(schema)


def leaves_rests(schema: pa.Schema) -> bool:
    """Tells whether a version of these columns has TOP_K."""
    return TOP_K[0] in of_rankings(schema)


def read_rows(
    project: Project, prompts: list[int] | None, schema: pa.Schema = SCHEMA
) -> Iterator[tuple[int, FrozenRow]]:
    """Yields prompts with rankings, all or these, in the order of their ids, which come along. Needs a transaction."""
    wide = is_wide(schema)
    with connection.chunked_cursor() as cursor:
        with by_index():
            cursor.execute(_statement(schema), {"project": project.pk, "prompts": prompts})
        while found := cursor.fetchmany(PROMPTS_AT_ONCE):
            for prompt, name, split, messages, completions, rankings in found:
                columns = json.loads(rankings)
                for place in (3, 7) if wide else (3,):
                    columns[place] = [flags_in_order(said) for said in columns[place]]
                yield prompt, FrozenRow(name, split, json.loads(messages), json.loads(completions), columns)


def flags_in_order(flags: str) -> str:
    """Writes the JSON of a ranking's flags with its names in order: a project's flags are its own."""
    return _in_order(flags) if len(flags) <= LONGEST_REMEMBERED else _in_order.__wrapped__(flags)


@lru_cache(maxsize=1024)
def _in_order(flags: str) -> str:
    return json.dumps(json.loads(flags), ensure_ascii=False, sort_keys=True)


def count(counter: Counter[str], judged: Iterable[Judged], *, sign: int = 1) -> None:
    """Adds what a prompt brings, or takes it away."""
    counter["prompts"] += sign
    for ranks, flags, top_k in judged:
        counter["rankings"] += sign
        pairs, ties = pairs_and_ties(tuple(ranks), top_k)
        if pairs:
            counter["pairs"] += sign * pairs
        if ties:
            counter["ties"] += sign * ties
        if flagged := _flagged(flags):  # of a project without flags no count of them
            counter["flagged"] += sign * flagged


@lru_cache(maxsize=4096)
def pairs_and_ties(ranks: tuple[int, ...], top_k: int | None = None) -> tuple[int, int]:
    """Counts the comparisons that a ranking says. Two of a rest below the best top_k are none, and so no tie."""
    alike = sum(first == second for first, second in combinations(ranks, 2))
    return comb(len(ranks), 2) - alike, alike - (0 if top_k is None else comb(len(ranks) - top_k, 2))


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
