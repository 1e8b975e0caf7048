"""Argilla's records with a ranking question: fields, and responses of several people that order some of them.

https://docs.argilla.io/latest/how_to_guides/import_export and, of version 1, FeedbackDataset. Fields that the ranking
orders are the completions. Responses that are drafts or discarded are not taken; all stay in the metadata. What version
2 gives as a `datasets` table or pushes to a hub is flat: a column for each field, and "rank.responses" with its users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from formats.layouts.labeling_tools.shown import plain, prompt_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import id_of, list_of, make_row, object_of, others, ranking, ranks_of, text_of, whole_of
from formats.refusals import Refused

IDS = ("external_id", "id")
TAKEN = "submitted"
USERS = ".responses.users"  # of a question, in a flat record
OF_RECORD = (*IDS, "status", "_server_id", "inserted_at", "updated_at")  # beside the fields, in a flat one


class Answer(NamedTuple):
    question: str
    labeler: str
    status: str
    value: object
    field: str  # where it stands in the record


def recognises(record: Record) -> bool:
    if isinstance(record.get("fields"), Mapping):
        return "responses" in record or "suggestions" in record
    return any(key.endswith(USERS) and key.removesuffix(".users") in record for key in record)


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    record = record if "fields" in record else _nested(record)
    fields = object_of(record.get("fields"), "fields")
    names = {plain(str(key)): str(key) for key in fields}
    answers = [*_answers(record.get("responses"), "responses"), *_answers(record.get("suggestions"), "suggestions")]
    orders = [(answer, order) for answer in answers if (order := _order(answer, names))]
    if not orders:
        raise Refused("responses", record.get("responses"), "no_ranking_question", known=", ".join(names.values()))
    question = orders[0][0].question
    orders = [(answer, order) for answer, order in orders if answer.question == question]
    ordered = {name for _, order in orders for name in order}
    completions = [str(name) for name in fields if str(name) in ordered]
    taken = {answer.labeler: order for answer, order in orders if answer.status == TAKEN}
    for answer, order in orders:
        if len(order) != len(completions):
            raise Refused(answer.field, answer.value, "ranks", k=len(completions))
    name, prompt, _ = prompt_of(fields, completions, "fields.")
    id_key = next((key for key in IDS if record.get(key) is not None), "")
    metadata = others(record, ("fields", id_key))
    if unused := others(fields, (*completions, name) if isinstance(prompt, str) else completions):
        metadata["fields"] = unused
    yield make_row(
        prompt,
        [text_of(fields[each], f"fields.{each}") for each in completions],
        id=id_of(record[id_key], id_key) if id_key else "",
        rankings=[ranking(who, [order[each] for each in completions]) for who, order in taken.items()],
        metadata=metadata,
    )


def _nested(record: Record) -> Record:
    """Gives a flat record as others are: what is of a question under it, and texts as fields. Raises Refused."""
    questions = [key.removesuffix(USERS) for key in record if key.endswith(USERS)]
    answered, others_of = (tuple(f"{question}.{end}" for question in questions) for end in ("responses", ""))
    kept = {key: value for key, value in record.items() if not key.startswith(answered) and value is not None}
    fields = {
        key: value
        for key, value in kept.items()
        if key not in OF_RECORD and not key.startswith(others_of) and isinstance(value, str | list)
    }
    return {
        **{key: value for key, value in kept.items() if key not in fields},
        "fields": fields,
        "responses": {question: _responses(record, f"{question}.responses") for question in questions},
    }


def _responses(record: Record, key: str) -> list[dict[str, object]]:
    given, users, states = (record.get(f"{key}{end}") for end in ("", ".users", ".status"))
    given = [] if given is None else list_of(given, key, least=0)
    columns = {"value": given}
    for name, end, several in (("user_id", ".users", users), ("status", ".status", states)):
        columns[name] = [None] * len(given) if several is None else list_of(several, f"{key}{end}", least=0)
        if len(columns[name]) != len(given):
            raise Refused(f"{key}{end}", several, "as_many", n=len(given), other=key)
    return [dict(zip(columns, each, strict=True)) for each in zip(*columns.values(), strict=True)]


def _answers(value: object, field: str) -> Iterator[Answer]:
    """Yields answers of version 2, by question, and of version 1, by person; suggestions are nobody's response."""
    if value is None:
        return
    if isinstance(value, Mapping):
        for question, given in value.items():
            for place, each in enumerate(given if isinstance(given, list) else [given]):
                yield _answer(each, str(question), f"{field}.{question}[{place}]", suggested=field == "suggestions")
        return
    for place, each in enumerate(list_of(value, field, least=0)):
        at = f"{field}[{place}]"
        said = object_of(each, at)
        if "values" not in said:
            yield _answer(said, _name(said, at), at, suggested=field == "suggestions")
            continue
        answered = said["values"]  # null in what was discarded
        for question, one in (object_of(answered, f"{at}.values") if answered is not None else {}).items():
            inner = object_of(one, f"{at}.values.{question}")
            yield _answer({**said, "value": inner.get("value")}, str(question), at, suggested=False)


def _name(said: Mapping[str, object], field: str) -> str:
    name = said.get("question_name")
    return "" if name is None else text_of(name, f"{field}.question_name")


def _answer(value: object, question: str, field: str, *, suggested: bool) -> Answer:
    said = object_of(value, field)
    status = "suggested" if suggested else text_of(said.get("status") or TAKEN, f"{field}.status")
    who = said.get("user_id")
    labeler = "argilla" if who is None or suggested else id_of(who, f"{field}.user_id")
    return Answer(question, labeler, status, said.get("value"), field)


def _order(answer: Answer, names: Mapping[str, str]) -> dict[str, int]:
    """Gives fields their ranks; nothing where the answer isn't one to a ranking question."""
    value = answer.value
    if not isinstance(value, list) or not value:
        return {}
    if all(isinstance(each, str) for each in value):
        found = [names.get(plain(str(each))) for each in value]
        known = [name for name in found if name is not None]
        return {name: rank for rank, name in enumerate(known, start=1)} if len(known) == len(value) > 1 else {}
    ranks: dict[str, float] = {}
    for place, each in enumerate(value):
        at = f"{answer.field}.value[{place}]"
        if not isinstance(each, Mapping) or not {"rank", "value"} <= each.keys():
            return {}
        option = names.get(plain(text_of(each["value"], f"{at}.value")))
        if option is None:
            raise Refused(f"{at}.value", each["value"], "one_of", known=", ".join(names.values()))
        ranks[option] = whole_of(each["rank"], f"{at}.rank")
    return dict(zip(ranks, ranks_of(list(ranks.values()), best="lowest"), strict=True))


LAYOUT = Layout(name="argilla", title="Argilla records", recognises=recognises, rows=rows)
