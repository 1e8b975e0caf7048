"""UltraFeedback as it was published: an instruction and completions, each with scores that a model gave it.

https://huggingface.co/datasets/openbmb/UltraFeedback. Its binarized and cleaned copies, of chosen and rejected
messages, are TRL preference data. Annotations, critiques and each completion's own system prompt stay in the metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from formats.layouts.layout import Columns, Layout, Record, Row
from formats.layouts.reading import id_of, list_of, make_row, number_of, object_of, others, ranking, ranks_of, text_of

SCORES = ("overall_score", "fine-grained_score")  # the first that all have


def recognises(record: Record) -> bool:
    completions = record.get("completions")
    return (
        isinstance(record.get("instruction"), str)
        and isinstance(completions, list)
        and completions != []
        and all(isinstance(each, Mapping) and "response" in each for each in completions)
    )


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    given = list_of(record.get("completions"), "completions")
    said = [object_of(each, f"completions[{place}]") for place, each in enumerate(given)]
    metadata = others(record, ("id", "instruction", "completions"))
    beside = [others(each, ("response", "model")) for each in said]
    yield make_row(
        text_of(record.get("instruction"), "instruction"),
        [text_of(each.get("response"), f"completions[{place}].response") for place, each in enumerate(said)],
        id="" if record.get("id") is None else id_of(record["id"], "id"),
        models=[
            "" if each.get("model") is None else text_of(each["model"], f"completions[{place}].model")
            for place, each in enumerate(said)
        ],
        rankings=_rankings(said),
        metadata=metadata | ({"completions": beside} if any(beside) else {}),
    )


def _rankings(said: list[Mapping[str, object]]) -> list[dict[str, object]]:
    """Ranks by the score, equal ones a tie; nobody ranked where no completion has one."""
    key = next((key for key in SCORES if any(each.get(key) is not None for each in said)), None)
    if key is None:
        return []
    scores = [number_of(each.get(key), f"completions[{place}].{key}") for place, each in enumerate(said)]
    return [ranking("ultrafeedback", ranks_of(scores))]


LAYOUT = Layout(name="ultrafeedback", title="UltraFeedback", recognises=recognises, rows=rows)
