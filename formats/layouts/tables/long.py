"""Long tables: a row for each completion, with its prompt, and its rank or score. The rows of a prompt follow each
other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from formats.layouts.gathering import Key, check_number, gathered, key_by, lines_of
from formats.layouts.layout import Columns, Layout, Numbered, Record, Row
from formats.layouts.reading import make_row, number_of, ranking, ranks_of
from formats.layouts.tables.cells import cell, is_blank, is_flat, left, name, prompt_of, tags_of, words
from formats.layouts.tables.columns import ONE, checked, completed, guess_long, likely_long
from formats.refusals import Refused

PURPOSES = ("prompt", "system", "id", "labeler", "split", "tags", *ONE)


def recognises(record: Record) -> bool:
    return is_flat(record) and bool(guess_long(tuple(record)))


def check(columns: Columns, names: Sequence[str]) -> Columns:
    return checked(columns, PURPOSES, (), names)


def gather(records: Iterable[Numbered], columns: Columns | None = None) -> Iterator[Numbered]:
    return gathered(records, lambda record: _key(record, columns))


def _key(record: Record, columns: Columns | None) -> Key | None:
    """Tells by what rows are of one prompt: its id, else its text. None: by nothing that can be compared."""
    said = completed(columns or {}, likely_long(tuple(record)))
    column = next((said[purpose] for purpose in ("id", "prompt") if purpose in said), None)
    return None if column is None or is_blank(value := record.get(column)) else key_by(column, value)


def rows(record: Record, columns: Columns | None = None) -> Iterator[Row]:
    lines = lines_of(record)
    said = completed(checked(columns or {}, PURPOSES, (), lines[0]), likely_long(tuple(lines[0])))
    if not {"prompt", "completion"} <= said.keys():
        raise Refused("columns", list(lines[0]), "no_map")
    check_number(lines, said["prompt"])
    prompt = prompt_of(lines[0], said)
    for line in lines[1:]:
        if prompt_of(line, said) != prompt:
            raise Refused(said["prompt"], line.get(said["prompt"]), "other_prompt")
    places = _places(lines, said)
    number, split = (cell(lines[0], said, key) for key in ("id", "split"))
    row = make_row(
        prompt,
        [text for text, _ in places],
        id="" if number is None else name(number, said["id"]),
        models=[model for _, model in places],
        rankings=list(_rankings(lines, said, places)),
        metadata=_metadata(lines, {said[key] for key in said if key != "score"}),
    )
    tags = [tag for line in lines for tag in tags_of(line, said)]  # of its prompt, in whichever row they stand
    yield row | ({} if split is None else {"split": split}) | ({"tags": tags} if tags else {})


Completion = tuple[str, str]  # its text and its model


def _completion(line: Record, said: Mapping[str, str]) -> Completion:
    model = cell(line, said, "model")
    text = words(line.get(said["completion"]), said["completion"])
    return text, "" if model is None else words(model, said["model"])


def _places(lines: Sequence[Record], said: Mapping[str, str]) -> dict[Completion, int]:
    found: dict[Completion, int] = {}
    for line in lines:
        found.setdefault(_completion(line, said), len(found))
    return found


def _rankings(
    lines: Sequence[Record], said: Mapping[str, str], places: Mapping[Completion, int]
) -> Iterator[dict[str, object]]:
    """Yields what each labeler said of all completions. Raises Refused where one of them has no rank, or two."""
    by_labeler: dict[str, dict[int, Record]] = {}
    for line in lines:
        who = cell(line, said, "labeler")
        theirs = by_labeler.setdefault("table" if who is None else name(who, said["labeler"]), {})
        completion = _completion(line, said)
        place = places[completion]
        if place in theirs:
            raise Refused(said["completion"], completion[0], "repeated_text", other=place)
        theirs[place] = line
    for labeler, theirs in by_labeler.items():
        for kind, best in (("rank", "lowest"), ("score", "highest")):
            column = said.get(kind, "")
            if any(cell(line, said, kind) is not None for line in theirs.values()):
                numbers = [number_of(theirs.get(place, {}).get(column), column) for place in range(len(places))]
                yield ranking(labeler, ranks_of(numbers, best=best))
                break


def _metadata(lines: Sequence[Record], used: set[str]) -> dict[str, object]:
    """Gives what the lines say besides: once where all say the same, else a list parallel to them."""
    kept = [left(line, used) for line in lines]
    keys = dict.fromkeys(key for each in kept for key in each)
    said = {key: [each.get(key) for each in kept] for key in keys}
    return {key: values[0] if all(value == values[0] for value in values) else values for key, values in said.items()}


LAYOUT = Layout(
    name="long-table",
    title="long table",
    recognises=recognises,
    rows=rows,
    guess=guess_long,
    check=check,
    gather=gather,
)
