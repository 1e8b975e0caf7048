"""Completions one by one: what a model is tuned on (SFT), good and bad ones (KTO), and what people flagged."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import pyarrow as pa

from labeling.data.exporting.contents import layouts, provenance
from labeling.data.exporting.contents.provenance import Provenance
from labeling.data.exporting.pair_groups import Origin, origin_of
from labeling.data.exporting.ranked_prompts import RankedPrompt, Said
from labeling.data.exporting.tables import Block, Columns, Table, TableRow

LABEL: Columns = {"label": pa.bool_()}
FLAGS: Columns = {"flags": pa.string()}

_Row = tuple[int, tuple[Any, ...]]  # a completion's place, and the columns after
_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def sft(prompts: Iterable[RankedPrompt], *, layout: str, origins: Provenance | None) -> Table:
    """Lays out the completions that most rankings put first, of equals each. A ranking that ties all says nothing."""

    def rows(prompt: RankedPrompt) -> Iterator[_Row]:
        firsts = [0] * len(prompt.completions[1])
        for ranks in _telling(prompt):
            for place, rank in enumerate(ranks):
                firsts[place] += rank == 1
        most = max(firsts)
        yield from ((place, ()) for place, n in enumerate(firsts) if n == most > 0)

    return _by_completion(prompts, rows, layout, {}, origins)


def kto_of_ranks(prompts: Iterable[RankedPrompt], *, layout: str, origins: Provenance | None) -> Table:
    """Labels what more rankings put first than last true, what more put last false; a row for each completion."""

    def rows(prompt: RankedPrompt) -> Iterator[_Row]:
        votes = [0] * len(prompt.completions[1])
        for ranks in _telling(prompt):
            last = max(ranks)
            for place, rank in enumerate(ranks):
                votes[place] += (rank == 1) - (rank == last)
        yield from ((place, (vote > 0,)) for place, vote in enumerate(votes) if vote)

    return _by_completion(prompts, rows, layout, LABEL, origins)


def kto_of_flags(
    prompts: Iterable[RankedPrompt], *, layout: str, origins: Provenance | None, names: Collection[str] | None
) -> Table:
    """Labels a completion false of which more people said yes to one of these flags than no to all, true where fewer.

    Whoever said nothing of a completion is not counted.
    """

    def rows(prompt: RankedPrompt) -> Iterator[_Row]:
        for place in range(len(prompt.completions[1])):
            answers = (flags_of(said, place, names) for said in prompt.rankings)
            vote = sum(-1 if any(flags.values()) else 1 for flags in answers if flags)
            if vote:
                yield place, (vote > 0,)

    return _by_completion(prompts, rows, layout, LABEL, origins)


def flags(
    prompts: Iterable[RankedPrompt], *, layout: str, origins: Provenance | None, names: Collection[str] | None
) -> Table:
    """Lays out what each ranking says of each completion that it says anything of: {"hateful": true} as JSON text."""
    own = {**FLAGS, **(provenance.JUDGED if origins else {})}

    def block(prompt: RankedPrompt) -> Block:
        origin = origin_of(prompt)
        rows = [
            (place, (_json(said_of), *(origins.of_judged(origin, said, place) if origins else ())))
            for said in prompt.rankings
            for place in range(len(said.ranks))
            if (said_of := flags_of(said, place, names))
        ]
        return _block(prompt, rows, layout)

    kind = layouts.text_type(layout)
    return Table({"prompt": kind, "completion": kind}, own, map(block, prompts))


def flags_of(said: Said, place: int, names: Collection[str] | None) -> dict[str, bool]:
    """Gives the flags of a completion, all or these."""
    return {name: answer for name, answer in said.flags[place].items() if names is None or name in names}


def _telling(prompt: RankedPrompt) -> Iterator[tuple[int, ...]]:
    return (said.ranks for said in prompt.rankings if max(said.ranks) > 1)


def _by_completion(
    prompts: Iterable[RankedPrompt],
    rows: Callable[[RankedPrompt], Iterator[_Row]],
    layout: str,
    own: Columns,
    origins: Provenance | None,
) -> Table:
    """Lays out a row for each completion that `rows` gives."""

    def block(prompt: RankedPrompt) -> Block:
        origin: Origin = origin_of(prompt)
        return _block(
            prompt,
            [
                (place, (*after, *(origins.of_completion(origin, place) if origins else ())))
                for place, after in rows(prompt)
            ],
            layout,
        )

    kind = layouts.text_type(layout)
    own = {**own, **(provenance.COMPLETION if origins else {})}
    return Table({"prompt": kind, "completion": kind}, own, map(block, prompts))


def _block(prompt: RankedPrompt, rows: Iterable[_Row], layout: str) -> Block:
    texts = [layouts.completion_cell(text, layout) for text in prompt.completions[1]]
    pools = [layouts.prompt_cell(prompt.messages, layout)], texts
    return Block(pools, [TableRow((0, place), own) for place, own in rows])
