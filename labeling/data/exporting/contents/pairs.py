"""Pairs as a table: a row for each, or for each two completions the rows of all rankings merged, with weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from labeling.data.exporting.contents import layouts, provenance
from labeling.data.exporting.contents.provenance import Provenance
from labeling.data.exporting.pair_groups import Group, Pair, expand, origin_of
from labeling.data.exporting.ranked_prompts import RankedPrompt
from labeling.data.exporting.tables import MESSAGES, Block, Columns, Table, TableRow

WEIGHT: Columns = {"weight": pa.float64()}
MERGED: Columns = {"weight": pa.float64(), "n": pa.int32()}  # so many of n rankings prefer it

_Rows = Iterable[tuple[int, int, tuple[Any, ...]]]  # places of chosen and rejected, and the columns after


def table(
    groups: Iterable[Group], *, layout: str, columns: Columns, origins: Provenance | None, weights: bool = False
) -> Table:
    """Lays pairs out, a row for each. columns: what their source says of each. weights: whether they have one."""
    own = {**columns, **(WEIGHT if weights else {}), **(provenance.PAIR if origins else {})}

    def after(group: Group, pair: Pair) -> tuple[Any, ...]:
        weight = (pair.weight,) if weights else ()
        return (*pair.own, *weight, *(origins.of_pair(group, pair) if origins else ()))

    def rows(group: Group) -> _Rows:
        if len(own) == len(columns):  # as nearly always: nothing to put together
            return (pair[:3] for pair in group.pairs)
        return ((pair.chosen, pair.rejected, after(group, pair)) for pair in group.pairs)

    return _laid_out(((group, rows(group)) for group in groups), layout, own)


def merged(
    prompts: Iterable[RankedPrompt], *, layout: str, origins: Provenance | None, half_ties: bool = False
) -> Table:
    """Lays out a row for each two completions of a prompt that some ranking orders, each way round that one does.

    weight: how many prefer the chosen one, ties counted half each way with half_ties. n: how many rankings there are.
    """
    own = {**MERGED, **(provenance.MERGED if origins else {})}

    def rows(group: Group, prompt: RankedPrompt) -> _Rows:
        weights: Counter[tuple[int, int]] = Counter()
        for said in prompt.rankings:
            for chosen, rejected in expand(said.ranks, ties=half_ties, top_k=said.top_k):
                weights[chosen, rejected] += 2 if said.ranks[chosen] < said.ranks[rejected] else 1
        for (chosen, rejected), doubled in sorted(weights.items()):
            origin = origins.of_merged(group, chosen, rejected) if origins else ()
            yield chosen, rejected, (doubled / 2, len(prompt.rankings), *origin)

    def groups() -> Iterator[tuple[Group, _Rows]]:
        for prompt in prompts:
            group = Group(prompt.messages, prompt.completions[1], (), origin_of(prompt))
            yield group, rows(group, prompt)

    return _laid_out(groups(), layout, own)


def _laid_out(groups: Iterable[tuple[Group, _Rows]], layout: str, own: Columns) -> Table:
    if layout == layouts.NEMO_RL:
        shared = {"context": MESSAGES}
        own = {"completions": layouts.RANKED, **own}
        return Table(shared, own, (_nemo_rl(group, rows) for group, rows in groups))
    kind = layouts.text_type(layout)
    if layout == layouts.OPENRLHF:
        return Table({"chosen": kind, "rejected": kind}, own, (_conversations(group, rows) for group, rows in groups))
    shared = {"prompt": kind, "chosen": kind, "rejected": kind}
    return Table(shared, own, (_explicit(group, rows, layout) for group, rows in groups))


def _explicit(group: Group, rows: _Rows, layout: str) -> Block:
    texts = _cells(group.texts, layout)
    pools = [layouts.prompt_cell(group.messages, layout)], texts, texts
    return Block(pools, [TableRow((0, chosen, rejected), own) for chosen, rejected, own in rows])


def _conversations(group: Group, rows: _Rows) -> Block:
    """Gives whole conversations, whose beginning is the prompt."""
    prompt = layouts.prompt_cell(group.messages, layouts.OPENRLHF)
    whole = [[*prompt, *answer] for answer in _cells(group.texts, layouts.OPENRLHF)]
    return Block((whole, whole), [TableRow((chosen, rejected), own) for chosen, rejected, own in rows])


def _nemo_rl(group: Group, rows: _Rows) -> Block:
    texts = group.texts
    ranked = [
        TableRow((0,), (layouts.ranked_cell((texts[chosen], texts[rejected]), (1, 2)), *own))
        for chosen, rejected, own in rows
    ]
    return Block(([layouts.prompt_cell(group.messages, layouts.NEMO_RL)],), ranked)


def _cells(texts: Sequence[str], layout: str) -> list[Any]:
    return [layouts.completion_cell(text, layout) for text in texts]
