"""Label Studio's exports (JSON and JSON-MIN) of tasks with a Pairwise or a Ranker tag.

https://labelstud.io/guide/export, https://labelstud.io/tags/pairwise and https://labelstud.io/tags/ranker. Annotations
that were cancelled (skipped) are not taken, and of one person's several the last is; all stay in the metadata. JSON-MIN
has a record for each annotation: what belongs to it and not to the task (times, its number) is not taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from formats.layouts.labeling_tools.shown import pair_of, prompt_of, words_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import id_of, list_of, make_row, object_of, others, ranking, text_of
from formats.refusals import Refused

SIDES = {"left": (1, 2), "right": (2, 1)}
OF_PERSON = ("annotation_id", "annotator", "created_at", "updated_at", "lead_time")  # in JSON-MIN, beside the task
REST = "_"  # the bucket of what nobody moved


def recognises(record: Record) -> bool:
    if isinstance(record.get("annotations"), list) and isinstance(record.get("data"), Mapping):
        return True
    return "annotation_id" in record and any(_said(value) is not None for value in record.values())


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    if "annotations" in record or "data" in record:
        data = object_of(record.get("data"), "data")
        given = list(_annotations(record))
        metadata = others(record, ("id", "data"))
    else:
        key, value = next(
            ((key, _said(value)) for key, value in record.items() if _said(value) is not None), ("", None)
        )
        if value is None:
            raise Refused("annotations", None, "list", low=0)
        data = others(record, ("id", *OF_PERSON, key))
        given = [(_name(record.get("annotator"), "annotator"), value, key)]
        metadata = {}
    yield _row(record, data, given, metadata)


def _annotations(record: Record) -> Iterator[tuple[str, Mapping[str, object], str]]:
    """Yields who annotated, what was chosen, and where that stands."""
    for place, each in enumerate(list_of(record.get("annotations"), "annotations", least=0)):
        at = f"annotations[{place}]"
        annotation = object_of(each, at)
        if annotation.get("was_cancelled") is True:
            continue
        for index, result in enumerate(list_of(annotation.get("result"), f"{at}.result", least=0)):
            field = f"{at}.result[{index}]"
            chosen = object_of(object_of(result, field).get("value"), f"{field}.value")
            if _said(chosen) is not None:
                yield _name(annotation.get("completed_by"), f"{at}.completed_by"), chosen, f"{field}.value"


def _said(value: object) -> Mapping[str, object] | None:
    """Gives what a Pairwise or a Ranker tag chose, as both exports write it; None of any other value."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return {"selected": value} if value in SIDES else None
    if isinstance(value, Mapping) and (value.get("selected") in ("left", "right", None) and "selected" in value):
        return value
    return value if isinstance(value, Mapping) and isinstance(value.get("ranker"), Mapping) else None


def _name(value: object, field: str) -> str:
    if isinstance(value, Mapping):  # a person, as newer exports have it
        value = value.get("email") or value.get("username") or value.get("id")
    return "label-studio" if value is None else id_of(value, field)


def _row(
    record: Record,
    data: Mapping[str, object],
    given: Sequence[tuple[str, Mapping[str, object], str]],
    metadata: dict[str, object],
) -> Row:
    pairwise = not any("ranker" in chosen for _, chosen, _ in given)
    if pairwise and (given or not any(isinstance(value, list) for value in data.values())):
        used = list(pair_of(data, "data"))
        ids: list[str] = []
        texts = [words_of(data[key], f"data.{key}") for key in used]
    else:
        used, ids, texts = _items(data)
    said = {
        who: ranking(who, _pair(chosen, field)) if not ids else _ranking(who, chosen, ids, field)
        for who, chosen, field in given
    }
    name, prompt, changed = prompt_of(data, used, "data.")
    kept = others(data, used if changed else (*used, name))
    row = make_row(
        prompt,
        texts,
        id="" if record.get("id") is None else id_of(record["id"], "id"),
        rankings=list(said.values()),
        metadata=metadata | ({"data": kept} if kept else {}),
    )
    completions = row["completions"]
    assert isinstance(completions, list)
    for completion, each in zip(completions, ids, strict=False):
        completion["id"] = each
    return row


def _items(data: Mapping[str, object]) -> tuple[list[str], list[str], list[str]]:
    """Gives the name of the list that was ranked, its items' ids and their texts."""
    for key, value in data.items():
        if isinstance(value, list) and value and all(isinstance(each, Mapping) and "id" in each for each in value):
            at = f"data.{key}"
            ids = [id_of(each["id"], f"{at}[{place}].id") for place, each in enumerate(value)]
            return [key], ids, [words_of(each, f"{at}[{place}]") for place, each in enumerate(value)]
    raise Refused("data", list(map(str, data)), "no_list_ranked")


def _pair(chosen: Mapping[str, object], field: str) -> Sequence[int]:
    side = chosen.get("selected")
    if side is None:  # neither
        return (1, 1)
    if not isinstance(side, str) or side not in SIDES:
        raise Refused(f"{field}.selected", side, "one_of", known=", ".join(SIDES))
    return SIDES[side]


def _ranking(who: str, chosen: Mapping[str, object], ids: Sequence[str], field: str) -> dict[str, object]:
    """What nobody moved is a rest below all that was: of two of it nobody said which is better."""
    buckets = object_of(chosen.get("ranker"), f"{field}.ranker")
    moved = {key: value for key, value in buckets.items() if key != REST}
    if len(moved) != 1:
        raise Refused(f"{field}.ranker", buckets, "buckets")
    ((name, value),) = moved.items()
    at = f"{field}.ranker.{name}"
    places = {id_of(each, f"{at}[{place}]"): place for place, each in enumerate(list_of(value, at), start=1)}
    if unknown := places.keys() - set(ids):
        raise Refused(at, text_of(min(unknown), at), "one_of", known=", ".join(ids))
    return ranking(who, [places.get(each, len(places) + 1) for each in ids], has_a_rest=True)


LAYOUT = Layout(name="label-studio", title="Label Studio", recognises=recognises, rows=rows)
