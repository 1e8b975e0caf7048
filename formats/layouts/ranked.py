"""A record that says one ranking of several completions: what the layouts with a rank at each of them share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from formats.layouts.layout import Record, Row
from formats.layouts.reading import id_of, top_k_of
from formats.refusals import Refused

OWN = ("id", "labeler", "strength", "split")


def rankings_of(row: Row, title: str) -> Iterator[tuple[list[Mapping[str, object]], Mapping[str, object]]]:
    """Yields a row's completions with each of its rankings. Raises Refused where nobody ranked it."""
    completions, rankings = row["completions"], row.get("rankings") or []
    assert isinstance(completions, list)
    assert isinstance(rankings, list)
    if not rankings:
        raise Refused("rankings", rankings, "written_so", title=title)
    for each in rankings:
        if any(each.get("flags") or ()):
            raise Refused("flags", each["flags"], "written_so", title=title)
        yield completions, each


def ids_kept(row: Row, record: Record, ids: Sequence[object], field: str) -> Row:
    """Gives the completions the ids that the record has of them, the ranking its strength, and the row its split."""
    completions, rankings = row["completions"], row["rankings"]
    assert isinstance(completions, list)
    assert isinstance(rankings, list)
    for place, (completion, name) in enumerate(zip(completions, ids, strict=True)):
        if name is not None:
            completion["id"] = id_of(name, f"{field}[{place}].id")
    if record.get("strength") is not None:
        rankings[0]["strength"] = record["strength"]
    return row if record.get("split") is None else {**row, "split": record["split"]}


def written_metadata(row: Row, field: str) -> dict[str, object]:
    """Gives the metadata as keys of the record, and the row's split; what belongs to its completions is left out."""
    metadata = row.get("metadata")
    kept = dict(metadata) if isinstance(metadata, Mapping) else {}
    return {
        **({} if row.get("split") is None else {"split": row["split"]}),
        **{key: value for key, value in kept.items() if key not in ("prompt", "context", "id", "labeler", field)},
    }


def own_of(record: Record, ranks: Sequence[int]) -> tuple[str, ...]:
    """Names what a record says of its ranking: `top_k` only where the ranks bear it out, for whoever writes texts by
    sampling has a number of that name, too."""
    has_a_rest = record.get("top_k") is not None and record["top_k"] == top_k_of(ranks)
    return (*OWN, "top_k") if has_a_rest else OWN


def written_own(ranking: Mapping[str, object], labeler: str) -> dict[str, object]:
    """Gives what a record says of its ranking; the labeler where it isn't the layout's own."""
    own = {key: ranking[key] for key in ("strength", "top_k") if ranking.get(key) is not None}
    return own if ranking["labeler"] == labeler else {**own, "labeler": ranking["labeler"]}


def beside_each(row: Row, field: str) -> list[Mapping[str, object]]:
    """Gives what the metadata keeps of each completion, as the layout that read it put it there."""
    completions, metadata = row["completions"], row.get("metadata")
    assert isinstance(completions, list)
    kept = metadata.get(field) if isinstance(metadata, Mapping) else None
    if isinstance(kept, list) and len(kept) == len(completions) and all(isinstance(each, Mapping) for each in kept):
        return kept
    return [{}] * len(completions)
