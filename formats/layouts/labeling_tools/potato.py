"""Potato's annotated instances with a pairwise, a ranking or a best-worst scheme.

https://potatoannotator.readthedocs.io. Each line is one person's answer to one instance. The texts are those of the
instance where the line has them, else of what was shown, "A. ... B. ...". A scale's number is the strength up to 3.
What belongs to the person and not to the instance (time, spans, other schemes) is not taken: an instance is one row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from formats.layouts.labeling_tools.shown import PAIRS, prompt_of, words_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import id_of, make_row, object_of, others, ranking, text_of, whole_of
from formats.refusals import Refused

IDS = ("instance_id", "id")
LABELERS = ("user_id", "user", "annotator")
ANSWERS = ("label_annotations", "labels")  # as older and newer files have them; tables have SCHEME.selection
OF_PERSON = (*ANSWERS, "span_annotations", "spans", "links", "behavioral_data")
SCHEMES = ("selection", "scale_value", "rank_order", "best")
PARTS = (*SCHEMES, "worst")
STRONGEST = 3
_marker = re.compile(r"(?:^|\n|<br\s*/?>)\s*([A-Z])\.\s+")


def recognises(record: Record) -> bool:
    return any(_is_scheme(each) for each in _answers(record)[1].values())


def _answers(record: Record) -> tuple[str, Mapping[str, object]]:
    """Gives where a person's answers stand, and the answers by their schemes."""
    for key in ANSWERS:
        if isinstance(said := record.get(key), Mapping):
            return f"{key}.", said
    schemes: dict[str, dict[str, object]] = {}
    for key, value in record.items():
        scheme, _, part = key.rpartition(".")
        if scheme and part in PARTS and value is not None:
            schemes.setdefault(scheme, {})[part] = value
    return "", schemes


def _is_scheme(value: object) -> bool:
    return isinstance(value, Mapping) and any(key in value for key in SCHEMES)


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    at, said = _answers(record)
    scheme = next((key for key, each in said.items() if _is_scheme(each)), "")
    answer = object_of(said.get(scheme), f"{at}{scheme}")
    id_key, who_key = (next((key for key in keys if record.get(key) is not None), "") for keys in (IDS, LABELERS))
    used, texts = _texts(record)
    of_person = [*OF_PERSON, *(key for key in record if not at and key.rpartition(".")[2] in PARTS)]
    name, prompt, changed = prompt_of(record, (*used, *of_person), "")
    ranks, strength = _ranks(answer, len(texts), f"{at}{scheme}")
    labeler = id_of(record[who_key], who_key) if who_key else "potato"
    yield make_row(
        prompt,
        texts,
        id=id_of(record[id_key], id_key) if id_key else "",
        rankings=[ranking(labeler, ranks, strength=strength)],
        metadata=others(record, (*used, *of_person, id_key, who_key, "" if changed else name)),
    )


def _texts(record: Record) -> tuple[list[str], list[str]]:
    """Gives the fields that hold the texts, and the texts."""
    for key, value in record.items():
        if isinstance(value, list) and len(value) > 1 and all(isinstance(each, str) for each in value):
            return [key], [words_of(each, key) for each in value]
    for first, second in PAIRS:
        if isinstance(record.get(first), str) and isinstance(record.get(second), str):
            return [first, second], [str(record[first]), str(record[second])]
    shown = text_of(record.get("displayed_text"), "displayed_text")
    before, *parts = _marker.split(shown)
    if before.strip() or len(parts) < 4 or "".join(parts[::2]) != _letters(len(parts) // 2):
        raise Refused("displayed_text", shown, "no_list_ranked")
    return ["displayed_text"], [part.strip() for part in parts[1::2]]


def _letters(n: int) -> str:
    return "".join(chr(ord("A") + place) for place in range(min(n, 26)))


def _ranks(answer: Mapping[str, object], k: int, field: str) -> tuple[Sequence[int], int | None]:
    letters = list(_letters(k))
    if "rank_order" in answer:
        return _order(text_of(answer["rank_order"], f"{field}.rank_order"), letters, f"{field}.rank_order"), None
    if "best" in answer:
        best, worst = (_letter(answer.get(key), letters, f"{field}.{key}") for key in ("best", "worst"))
        if best == worst:
            raise Refused(f"{field}.worst", worst, "same_texts", other=f"{field}.best")
        return [1 if each == best else 3 if each == worst else 2 for each in letters], None
    if k != 2:
        raise Refused(field, dict(answer), "ranks", k=k)
    if "scale_value" in answer:
        number = whole_of(answer["scale_value"], f"{field}.scale_value")
        strength = abs(number) if 0 < abs(number) <= STRONGEST else None
        return ((1, 1) if not number else (1, 2) if number < 0 else (2, 1)), strength
    side = _letter(answer.get("selection"), [*letters, "tie"], f"{field}.selection")
    return (1, 1) if side == "tie" else (1, 2) if side == "A" else (2, 1), None


def _letter(value: object, known: Sequence[str], field: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise Refused(field, value, "one_of", known=", ".join(known))
    return value


def _order(text: str, letters: Sequence[str], field: str) -> list[int]:
    """Reads B,D=A,C: from the best to the worst, equal ones joined by a sign."""
    places: dict[str, int] = {}
    for place, tier in enumerate(text.split(","), start=1):
        for each in tier.split("="):
            places[_letter(each.strip(), letters, field)] = place
    if len(places) != len(letters):
        raise Refused(field, text, "ranks", k=len(letters))
    return [places[each] for each in letters]


LAYOUT = Layout(name="potato", title="Potato", recognises=recognises, rows=rows)
