"""Prompts that come in parts: several records of one prompt, each with rankings by others."""

from __future__ import annotations

from formats.refusals import Refused
from formats.rows import Row
from labeling.judgements.row_limits import MAX_RANKINGS, MAX_TAGS


def joined(first: Row, second: Row) -> Row:
    """Gives the first row with the second's rankings and tags too; the first itself where none of them is new.

    Raises Refused where the second says something else of the prompt. What it leaves out says nothing.
    """
    if not _is_of_one_prompt(first, second):
        raise Refused("id", second.id, "differs_above")
    by_labeler = {ranking.labeler: ranking for ranking in first.rankings}
    new = []
    for index, ranking in enumerate(second.rankings):
        if (above := by_labeler.get(ranking.labeler)) is None:
            new.append(ranking)
        elif above != ranking:
            raise Refused(f"rankings[{index}].labeler", ranking.labeler, "ranked_above")
    n = len(first.rankings) + len(new)
    if n > MAX_RANKINGS:
        raise Refused("rankings", n, "many_rankings", most=MAX_RANKINGS)
    tags = tuple(sorted({*first.tags, *second.tags}))
    if len(tags) > MAX_TAGS:
        raise Refused("tags", list(tags), "too_many", n=len(tags), most=MAX_TAGS)
    if not new and tags == first.tags:
        return first
    return first._replace(rankings=(*first.rankings, *new), tags=tags)


def _is_of_one_prompt(first: Row, second: Row) -> bool:
    return (
        first.messages == second.messages
        and len(first.completions) == len(second.completions)
        and all(
            above[:2] == below[:2] and below.model in ("", above.model)
            for above, below in zip(first.completions, second.completions, strict=True)
        )
        and second.metadata in ({}, first.metadata)
        and second.split in ("", first.split)
        and second.gold in (None, first.gold)
    )
