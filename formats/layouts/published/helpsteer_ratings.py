"""HelpSteer and HelpSteer2 ratings, the main files of these data sets: a row for each response, with five scores.

https://huggingface.co/datasets/nvidia/HelpSteer2. Responses to a prompt follow each other; they are ranked by their
helpfulness, equal ones as a tie. All five scores stay in the metadata, in the order of the completions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from formats.layouts.gathering import check_number, gathered, key_by, lines_of
from formats.layouts.layout import Columns, Layout, Numbered, Record, Row
from formats.layouts.published.helpsteer import prompt_of
from formats.layouts.reading import make_row, number_of, ranking, ranks_of, text_of

SCORES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")


def recognises(record: Record) -> bool:
    return {"prompt", "response", *SCORES} <= record.keys()


def gather(records: Iterable[Numbered], columns: Columns | None = None) -> Iterator[Numbered]:
    return gathered(records, lambda record: key_by("prompt", record.get("prompt")))


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    lines = lines_of(record)
    check_number(lines, "prompt")
    scores = [number_of(line.get("helpfulness"), "helpfulness") for line in lines]
    yield make_row(
        prompt_of(text_of(lines[0].get("prompt"), "prompt")),
        [text_of(line.get("response"), "response") for line in lines],
        rankings=[ranking("helpsteer2", ranks_of(scores))],
        metadata=_metadata(lines),
    )


def _metadata(lines: Sequence[Record]) -> dict[str, object]:
    keys = dict.fromkeys(key for line in lines for key in line if key not in ("prompt", "response"))
    return {key: [line.get(key) for line in lines] for key in keys}


LAYOUT = Layout(name="helpsteer2-ratings", title="HelpSteer2 ratings", recognises=recognises, rows=rows, gather=gather)
