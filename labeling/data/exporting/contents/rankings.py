"""Rankings as a table: all completions of a prompt with their ranks, or the rows that an import reads again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from labeling.data.exporting.contents import layouts, provenance
from labeling.data.exporting.contents.provenance import Provenance
from labeling.data.exporting.pair_groups import origin_of
from labeling.data.exporting.ranked_prompts import RankedPrompt
from labeling.data.exporting.tables import MESSAGES, Block, Columns, Table, TableRow
from labeling.data.versions.frozen_rows import TOP_K, Field

PODIUM: Columns = {
    "id": pa.string(),
    "split": pa.string(),
    "prompt": MESSAGES,
    "completions": pa.list_(pa.struct([("id", pa.string()), ("text", pa.string()), ("model", pa.string())])),
    "rankings": pa.list_(
        pa.struct(
            [
                ("labeler", pa.string()),
                ("ranks", pa.list_(pa.int32())),
                ("flags", pa.string()),
                ("strength", pa.int32()),
            ]
        )
    ),
    "tags": pa.list_(pa.string()),
    "metadata": pa.string(),
}
REST: Columns = dict([TOP_K])
_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def table(prompts: Iterable[RankedPrompt], *, layout: str, origins: Provenance | None, rests: bool = False) -> Table:
    """Lays rankings out, a row for each: 1 is the best, equal ranks are a tie. NeMo-RL counts from 0.

    rests: whether some ranking may have left a rest unranked, so that a column says how many stand above it.
    """
    after = {**(REST if rests else {}), **(provenance.RANKING if origins else {})}
    if layout == layouts.NEMO_RL:
        shared: Columns = {"context": MESSAGES}
        own: Columns = {"completions": layouts.RANKED, **after}
    else:
        kind = layouts.text_type(layout)
        shared = {"prompt": kind, "completions": pa.list_(kind)}
        own = {"ranks": pa.list_(pa.int32()), **after}
    return Table(shared, own, (_ranked(prompt, layout, origins, rests=rests) for prompt in prompts))


def _ranked(prompt: RankedPrompt, layout: str, origins: Provenance | None, *, rests: bool) -> Block:
    texts, origin = prompt.completions[1], origin_of(prompt)
    pools: list[list[Any]] = [[layouts.prompt_cell(prompt.messages, layout)]]
    if layout != layouts.NEMO_RL:
        pools.append([[layouts.completion_cell(text, layout) for text in texts]])
    rows = []
    for said in prompt.rankings:
        ranks = layouts.ranked_cell(texts, said.ranks) if layout == layouts.NEMO_RL else list(said.ranks)
        after = (*((said.top_k,) if rests else ()), *(origins.of_ranking(origin, said) if origins else ()))
        rows.append(TableRow((0,) * len(pools), (ranks, *after)))
    return Block(pools, rows)


def podium(
    prompts: Iterable[RankedPrompt], *, origins: Provenance, as_objects: bool, further: Sequence[Field]
) -> Table:
    """Lays out prompts with all their rankings, as docs/import.md tells it, by pseudonymous labelers.

    as_objects: flags, attributes and metadata, whose names are each project's own, as they are; else as JSON texts.
    further: columns of what some ranking may say beyond its order, MORE and TOP_K.
    """
    written = (lambda value: value) if as_objects else _json

    def blocks() -> Iterator[Block]:
        for prompt in prompts:
            said = [
                {
                    "labeler": origins.labeler(each),
                    "ranks": list(each.ranks),
                    "flags": written([dict(sorted(flags.items())) for flags in each.flags]),
                    "strength": each.strength,
                    **_more(each.more, written),
                    **({} if each.top_k is None else {TOP_K[0]: each.top_k}),
                }
                for each in prompt.rankings
            ]
            completions = [
                {"id": name, "text": text, "model": model}
                for name, text, model in zip(*prompt.completions, strict=True)
            ]
            turns = layouts.prompt_cell(prompt.messages, layouts.CONVERSATIONAL)
            row = prompt.id, prompt.split, turns, completions, said, list(prompt.tags), written(dict(prompt.metadata))
            yield Block((), [TableRow((), row)])

    said = pa.struct([*PODIUM["rankings"].value_type, *(pa.field(*column) for column in further)])
    return Table({}, {**PODIUM, "rankings": pa.list_(said)}, blocks())


def _more(said: Mapping[str, Any], written: Callable[[Any], Any]) -> dict[str, Any]:
    """Gives what was said beyond the order; nothing of a ranking that says none of it."""
    if not said:
        return {}
    attributes = [dict(sorted(each.items())) for each in said["attributes"] or ()]
    return {**said, "reasons": list(said["reasons"] or ()), "attributes": written(attributes)}
