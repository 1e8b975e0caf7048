"""Wide tables: a prompt and its completions side by side, with ranks, scores or a winner."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import json_of, make_row, number_of, ranking, ranks_of, whole_of
from formats.layouts.tables.cells import cell, is_blank, is_flat, left, name, prompt_of, tags_of, words
from formats.layouts.tables.columns import (
    LABELLED,
    NAMES,
    checked,
    completed,
    guess_wide,
    labels_of,
    likely_wide,
    plain,
)
from formats.refusals import Refused

PURPOSES = (*NAMES, "input")
TIES = ("tie", "tied", "equal", "same", "draw", "both", "both_good", "no_preference")
NEITHER = ("neither", "none", "both_bad", "bothbad", "tie_bothbad", "tie_both_bad")  # a tie, and more: it stays written
OF_OTHERS = {"winner_model_a", "preference_strength"}  # LMArena's and HelpSteer2's, which have layouts of their own

OF_LABEL_STUDIO = {"annotation_id", "annotator", "lead_time"}  # its JSON-MIN
OF_POTATO = (".selection", ".scale_value", ".rank_order", ".best")  # its CSV: SCHEME.selection


def recognises(record: Record) -> bool:
    is_of_trl = {"prompt", "chosen", "rejected"} <= record.keys()
    return is_flat(record) and is_named_so(record) and not is_of_trl


def is_named_so(record: Record) -> bool:
    """Tells whether the columns' names are those of such a table, whatever is in them."""
    return bool(guess_wide(tuple(record))) and not _is_of_others(record)


def check(columns: Columns, names: Sequence[str]) -> Columns:
    return checked(columns, PURPOSES, LABELLED, names)


def _is_of_others(record: Record) -> bool:
    if OF_OTHERS & record.keys() or record.keys() >= OF_LABEL_STUDIO:
        return True
    return any(isinstance(key, str) and key.endswith(OF_POTATO) for key in record)


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    said = completed(checked(columns or {}, PURPOSES, LABELLED, record), likely_wide(tuple(record)))
    known = labels_of(said)
    if not known or "prompt" not in said:
        raise Refused("columns", list(record), "no_map")
    labels = [label for label in known if cell(record, said, f"completion_{label}") is not None]
    if not labels:
        column = said[f"completion_{known[0]}"]
        raise Refused(column, record.get(column), "no_text", remedy="row_without_completions")
    of_label = {kind: [said.get(f"{kind}_{label}", "") for label in labels] for kind in LABELLED}
    models = ["" if is_blank(record.get(column)) else words(record[column], column) for column in of_label["model"]]
    ranks, winner_kept, has_a_rest = _ranks(record, said, labels, models)
    taken = {f"{kind}_{label}" for kind in ("completion", "rank", "model") for label in labels_of(said)} | {*PURPOSES}
    taken -= {"labeler", "strength"} if ranks is None else set()  # of a ranking that isn't there
    used = {said[key] for key in (taken - {"winner"} if winner_kept else taken) if key in said}
    number, labeler, split = (cell(record, said, key) for key in ("id", "labeler", "split"))
    row = make_row(
        prompt_of(record, said),
        [words(record[column], column) for column in of_label["completion"]],
        id="" if number is None else name(number, said["id"]),
        models=models,
        rankings=[] if ranks is None else [_ranking(record, said, ranks, labeler, has_a_rest=has_a_rest)],
        metadata=left(record, used),
    )
    tags = tags_of(record, said)
    yield row | ({} if split is None else {"split": split}) | ({"tags": tags} if tags else {})


def _ranking(
    record: Record, said: Mapping[str, str], ranks: list[int], labeler: object, *, has_a_rest: bool
) -> dict[str, object]:
    strength = cell(record, said, "strength")
    return ranking(
        "table" if labeler is None else name(labeler, said["labeler"]),
        ranks,
        strength=None if strength is None else whole_of(strength, said["strength"]),
        has_a_rest=has_a_rest,
    )


def _ranks(
    record: Record, said: Mapping[str, str], labels: Sequence[str], models: Sequence[str]
) -> tuple[list[int] | None, bool, bool]:
    """Tells the ranks, None where nobody ranked, whether the winner's column says more than they do, and whether those
    of the last rank are a rest that nobody ordered."""
    for kind, best in (("rank", "lowest"), ("winner", ""), ("score", "highest")):
        if kind == "winner":
            if (winner := cell(record, said, "winner")) is not None:
                return _won(winner, said, labels, models)
            continue
        columns = [said.get(f"{kind}_{label}", f"{kind}_{label}") for label in labels]
        if any(not is_blank(record.get(column)) for column in columns):
            return ranks_of([number_of(record.get(column), column) for column in columns], best=best), True, False
    return ([1, 2] if list(labels) == ["chosen", "rejected"] else None), False, False


def _won(
    winner: object, said: Mapping[str, str], labels: Sequence[str], models: Sequence[str]
) -> tuple[list[int], bool, bool]:
    """The winner is first, and the others a rest behind: of two of them nobody said which is better."""
    word = plain(name(winner, said["winner"]).removesuffix(".0"))  # 2.0, in a column that has blanks
    named = [word in _names(label, said, model) for label, model in zip(labels, models, strict=True)]
    if sum(named) == 1:
        return [1 if each else 2 for each in named], False, True
    if word in TIES or word in NEITHER:
        return [1] * len(labels), word in NEITHER, False
    raise Refused(said["winner"], winner, "one_of", known=", ".join((*labels, "tie", "neither")))


def _names(label: str, said: Mapping[str, str], model: str) -> set[str]:
    """Gives what a winner is called by: its label, its column, or its model where no other has the same."""
    kinds = ("model", "completion", "response", "answer", "option")
    return {label, plain(said[f"completion_{label}"]), plain(model) or label, *(f"{kind}_{label}" for kind in kinds)}


def write(row: Row) -> Iterator[dict[str, object]]:
    """Gives a record for each ranking of a row, or one without ranks where nobody ranked it."""
    completions, rankings = row["completions"], row.get("rankings") or [None]
    assert isinstance(completions, list)
    assert isinstance(rankings, list)
    many = len(completions) > len(string.ascii_lowercase)
    labels = [str(at + 1) if many else string.ascii_lowercase[at] for at in range(len(completions))]
    start: dict[str, object] = {"id": row["id"], **_written_prompt(row["prompt"])}
    start |= {f"completion_{label}": each["text"] for label, each in zip(labels, completions, strict=True)}
    start |= {f"model_{label}": each.get("model", "") for label, each in zip(labels, completions, strict=True)}
    start["split"] = row.get("split", "")
    start |= _written_tags(row.get("tags"))
    for each in rankings:
        who = (
            {"labeler": each["labeler"], "strength": each.get("strength")}
            if each
            else {"labeler": None, "strength": None}
        )
        said = {**start, **_written_ranks(each, labels), **who}
        yield {**said, **_written_metadata(row.get("metadata"), said)}


def _written_ranks(ranking: Mapping[str, Any] | None, labels: Sequence[str]) -> dict[str, object]:
    """Gives a rank of each, or the winner where the others are a rest, which ranks alone would tie."""
    top_k = ranking.get("top_k") if ranking else None
    if ranking is None or top_k is None:
        return {f"rank_{label}": ranking["ranks"][at] if ranking else None for at, label in enumerate(labels)}
    if top_k != 1:
        raise Refused("top_k", top_k, "written_so", title=LAYOUT.title)
    return {"winner": labels[ranking["ranks"].index(1)]}


def _written_prompt(prompt: object) -> dict[str, object]:
    if isinstance(prompt, str):
        return {"system": "", "prompt": prompt}
    assert isinstance(prompt, list)
    roles = [message["role"] for message in prompt]
    if roles not in (["user"], ["system", "user"]):
        raise Refused("prompt", prompt, "written_so", title=LAYOUT.title)
    return {"system": prompt[0]["content"] if len(roles) == 2 else "", "prompt": prompt[-1]["content"]}


def _written_tags(tags: object) -> dict[str, str]:
    """A tag with a comma in it would be read as two."""
    if not isinstance(tags, list | tuple) or not tags:
        return {}
    if any("," in tag for tag in tags):
        raise Refused("tags", tags, "written_so", title=LAYOUT.title)
    return {"tags": ", ".join(tags)}


def _written_metadata(metadata: object, said: Mapping[str, object]) -> dict[str, object]:
    kept = metadata if isinstance(metadata, dict) else {}
    taken = next((key for key in kept if key in said), None)
    if taken is not None:
        raise Refused(f"metadata.{taken}", kept[taken], "written_so", title=LAYOUT.title)
    return {key: value if isinstance(value, str | int | float) else json_of(value) for key, value in kept.items()}


LAYOUT = Layout(
    name="wide-table",
    title="wide table",
    recognises=recognises,
    rows=rows,
    write=write,
    guess=guess_wide,
    check=check,
)
