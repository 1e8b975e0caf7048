"""Battles of LMArena (Chatbot Arena): two models' conversations with one person, who says which was better.

https://huggingface.co/datasets/lmsys/chatbot_arena_conversations; lmarena-ai's arena-human-preference-55k and -140k.
The prompt is what both conversations begin with: where they differ from the first answer on, as they do in a battle of
several turns, it is the first question, and each completion is all that follows, which is what the person judged. "Both
are bad" is a tie whose completions have the flag `bad`; a plain tie has no flag.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from formats import values
from formats.layouts.conversation import Conversation, common, conversation_of
from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import id_of, list_of, make_row, others, ranking, text_of, whole_of
from formats.messages import Message
from formats.refusals import Refused

SIDES = ("a", "b")
RANKS = {
    "model_a": (1, 2),
    "model_b": (2, 1),
    "tie": (1, 1),
    "tie (bothbad)": (1, 1),
    "both_bad": (1, 1),
    "bothbad": (1, 1),
}
BOTH_BAD = ("tie (bothbad)", "both_bad", "bothbad")
BAD = "bad"  # the flag
COLUMNS = ("winner_model_a", "winner_model_b", "winner_tie")  # of arena-human-preference-55k: 1 in one of them
IDS = ("question_id", "id")
LABELERS = ("judge", "judge_hash")
USED = ("model_a", "model_b", "winner", *COLUMNS)


def recognises(record: Record) -> bool:
    if {"model_a", "model_b"} - record.keys():
        return False
    return {"conversation_a", "conversation_b", "winner"} <= record.keys() or (
        {"prompt", "response_a", "response_b", COLUMNS[0]} <= record.keys()
    )


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    whole = "conversation_a" in record or "conversation_b" in record
    said = list(_conversations(record) if whole else _columns(record))
    id_key = next((key for key in IDS if record.get(key) is not None), "")
    labeler_key = next((key for key in LABELERS if record.get(key) is not None), "")
    keys = [f"conversation_{side}" for side in SIDES] if whole else ["prompt", "response_a", "response_b"]
    metadata = others(record, (*USED, *keys, id_key, labeler_key))
    first, second = (each.messages for each in said)
    n = common(first, second)
    if not n:
        raise Refused(keys[0], record.get(keys[0]), "no_common_beginning", other=keys[-1])
    if any(each.changed for each in said) or max(len(first), len(second)) > n + 1:  # not all of it is in these texts
        metadata |= {key: record[key] for key in keys}
    yield make_row(
        first[:n],
        [Conversation(messages[n:], False).text for messages in (first, second)],
        id=_id(record, id_key) if id_key else "",
        models=[text_of(record.get(f"model_{side}"), f"model_{side}") for side in SIDES],
        rankings=[_ranking(record, id_of(record[labeler_key], labeler_key) if labeler_key else "lmarena")],
        metadata=metadata,
    )


def _conversations(record: Record) -> Iterator[Conversation]:
    for side in SIDES:
        field = f"conversation_{side}"
        said = conversation_of(_read(record.get(field), field), field)
        most = record.get("turn")  # of the judged turns: MT-Bench has the next one beside them
        if type(most) is int and 0 < 2 * most < len(said.messages):
            said = Conversation(said.messages[: 2 * most], True)
        yield said


def _columns(record: Record) -> Iterator[Conversation]:
    """Reads turns that stand in lists as JSON text: what was asked, and what each model answered."""
    asked = _turns(record, "prompt")
    for side in SIDES:
        answers = _turns(record, f"response_{side}")
        if len(answers) != len(asked):
            raise Refused(f"response_{side}", record.get(f"response_{side}"), "as_many", n=len(asked), other="prompt")
        messages: list[Message] = []
        for question, answer in zip(asked, answers, strict=True):
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        yield Conversation(messages, False)


def _turns(record: Record, field: str) -> Sequence[str]:
    """Reads a list of texts; null is a turn in which nothing was said."""
    turns = list_of(_read(record.get(field), field), field)
    return ["" if turn is None else text_of(turn, f"{field}[{place}]") for place, turn in enumerate(turns)]


def _read(value: object, field: str) -> object:
    """Reads what stands in a cell as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return values.parse(value)
    except ValueError as error:
        raise Refused(field, value, "not_json", error=error) from error


def _id(record: Record, key: str) -> str:
    """MT-Bench numbers its questions, which many pairs of models answer: the battle is named by all of them."""
    number = record[key]
    if key == "question_id" and type(number) is int:
        parts = [record.get(part) for part in ("model_a", "model_b", "turn")]
        return "-".join([id_of(number, key), *(str(part) for part in parts if isinstance(part, str | int))])
    return id_of(number, key)


def _ranking(record: Record, labeler: str) -> dict[str, object]:
    winner = _winner(record)
    made = ranking(labeler, RANKS[winner])
    return {**made, "flags": [{BAD: True}, {BAD: True}]} if winner in BOTH_BAD else made


def _winner(record: Record) -> str:
    if "winner" in record:
        winner = text_of(record["winner"], "winner")
        if winner not in RANKS:
            raise Refused("winner", winner, "one_of", known=", ".join(RANKS))
        return winner
    ones = [whole_of(record.get(column), column) for column in COLUMNS]
    if sorted(ones) != [0, 0, 1]:
        raise Refused(COLUMNS[0], ones, "one_of", known="1, 0, 0; 0, 1, 0; 0, 0, 1")
    return ("model_a", "model_b", "tie")[ones.index(1)]


LAYOUT = Layout(name="lmarena", title="LMArena battles", recognises=recognises, rows=rows)
