"""MultiPref: two completions, compared by several people, each with a preference of five steps and reasons.

https://huggingface.co/datasets/allenai/multipref. What each said besides (aspects, reasons, confidence, time) stays in
the metadata, as it is in the file and in the order of the rankings.
"""

from __future__ import annotations

from collections.abc import Iterator

from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.published.strengths import choices, ranking_by
from formats.layouts.reading import id_of, list_of, make_row, object_of, others, text_of

STEPS = {
    "a-is-clearly-better": -2,
    "a-is-slightly-better": -1,
    "tie": 0,
    "b-is-slightly-better": 1,
    "b-is-clearly-better": 2,
}
GROUPS = ("normal_worker_annotations", "expert_worker_annotations")
USED = ("comparison_id", "text", "completion_a", "completion_b", "model_a", "model_b")


def recognises(record: Record) -> bool:
    return {"text", "completion_a", "completion_b"} <= record.keys() and any(key in record for key in GROUPS)


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    name = record.get("comparison_id")
    yield make_row(
        text_of(record.get("text"), "text"),
        [text_of(record.get(key), key) for key in ("completion_a", "completion_b")],
        id="" if name is None else id_of(name, "comparison_id"),
        models=["" if record.get(key) is None else text_of(record[key], key) for key in ("model_a", "model_b")],
        rankings=list(_rankings(record)),
        metadata=others(record, USED),
    )


def _rankings(record: Record) -> Iterator[dict[str, object]]:
    for group in GROUPS:
        for place, each in enumerate([] if record.get(group) is None else list_of(record[group], group, least=0)):
            field = f"{group}[{place}]"
            said = object_of(each, field)
            who = said.get("evaluator")
            labeler = f"{group.split('_')[0]}-{place + 1}" if who is None else id_of(who, f"{field}.evaluator")
            yield ranking_by(labeler, choices(said, "overall_pref", field, STEPS))


LAYOUT = Layout(name="multipref", title="MultiPref", recognises=recognises, rows=rows)
