"""HelpSteer and HelpSteer2 ratings, the main files of these data sets: a row for each response, with five scores.

https://huggingface.co/datasets/nvidia/HelpSteer2. Responses to a prompt follow each other; they are ranked by their
helpfulness, equal ones as a tie. All five scores stay in the metadata, in the order of the completions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from formats.layouts.layout import Columns, Layout, Numbered, Record, Row
from formats.layouts.published.helpsteer import prompt_of
from formats.layouts.reading import make_row, number_of, ranking, ranks_of, text_of
from formats.layouts.tables import long
from formats.refusals import Refused

SCORES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
PLACES = {"prompt": "prompt", "completion": "response", "score": "helpfulness"}


def recognises(record: Record) -> bool:
    return {"prompt", "response", *SCORES} <= record.keys()


def gather(records: Iterable[Numbered], columns: Columns | None = None) -> Iterator[Numbered]:
    return long.gather(records, PLACES)


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    gathered = record.get(long.GATHERED)
    lines = gathered if isinstance(gathered, list) else [record]
    if len(lines) > long.MOST_ROWS:
        raise Refused("prompt", lines[0].get("prompt"), "too_many", n=len(lines), most=long.MOST_ROWS)
    scores = [number_of(line.get("helpfulness"), "helpfulness") for line in lines]
    yield make_row(
        prompt_of(text_of(lines[0].get("prompt"), "prompt")),
        [text_of(line.get("response"), "response") for line in lines],
        rankings=[ranking("helpsteer2", ranks_of(scores))],
        metadata=_metadata(lines),
    )


def _metadata(lines: list[Mapping[str, object]]) -> dict[str, object]:
    keys = dict.fromkeys(key for line in lines for key in line if key not in ("prompt", "response"))
    return {key: [line.get(key) for line in lines] for key in keys}


LAYOUT = Layout(name="helpsteer2-ratings", title="HelpSteer2 ratings", recognises=recognises, rows=rows, gather=gather)
