"""Tables: which column is for what, by its name or by a map, and what a prompt's completions, ranks and winner are."""

from __future__ import annotations

import csv
from io import StringIO

import pytest

from formats import rows
from formats.layouts.known import BY_NAME
from formats.layouts.layout import read
from formats.layouts.tables import columns as table_columns
from formats.refusals import Refused
from formats.rows import Row
from tests.formats.layouts.samples_of import FOLDER, records_of

WIDE = {"prompt": "Why?", "completion_a": "So.", "completion_b": "Because."}


def read_all(name: str, records: list[dict[str, object]], columns: dict[str, str] | None = None) -> list[object]:
    found = read(BY_NAME[name], enumerate(records, start=2), columns)
    return [made.code if isinstance(made, Refused) else rows.parse_row(made) for _, made in found]


def row_of(name: str, *records: dict[str, object], columns: dict[str, str] | None = None) -> Row:
    ((_, made),) = read(BY_NAME[name], enumerate(records, start=2), columns)
    if isinstance(made, Refused):
        raise made
    return rows.parse_row(made)


def texts(row: Row) -> list[str]:
    return [completion.text for completion in row.completions]


class TestWide:
    def test_a_winner_is_first_and_a_blank_one_is_no_ranking(self) -> None:
        first, second, third = [row_of("wide-table", record) for record in records_of(FOLDER / "wide-table.csv")]
        assert (first.id, texts(first)) == ("1", ["Chlorophyll, mostly.", "It is painted."])
        assert (first.rankings[0].labeler, first.rankings[0].ranks) == ("table", (1, 2))
        assert second.rankings[0].ranks == (1, 1)
        assert third.rankings == ()
        assert row_of("wide-table", {**WIDE, "winner": "", "annotator": "ann"}).metadata == {"annotator": "ann"}
        assert [row.metadata for row in (first, second)] == [{"topic": "biology"}, {"topic": "geography"}]

    def test_ranks_are_of_the_completions_that_are_there(self) -> None:
        first, second = [row_of("wide-table", record) for record in records_of(FOLDER / "wide-table.ranks.csv")]
        assert (first.rankings[0].labeler, first.rankings[0].ranks) == ("ann", (1, 2, 3))
        assert (texts(second), second.rankings[0].ranks) == (["Mercury", "Venus"], (1, 2))

    def test_an_instruction_and_its_input_are_one_prompt(self) -> None:
        row = row_of("wide-table", records_of(FOLDER / "wide-table.instruction.jsonl")[0])
        assert row.messages[0]["content"] == "Translate into German.\nthe house"
        assert (texts(row), row.rankings[0].ranks) == (["das Haus", "die Haus"], (1, 2))

    @pytest.mark.parametrize(
        ("winner", "ranks"),
        [
            ("a", (1, 2)), ("A", (1, 2)), ("completion_b", (2, 1)), ("Model B", (2, 1)), ("response a", (1, 2)),
            ("big", (1, 2)),
            ("tie", (1, 1)), ("both bad", (1, 1)),
        ],
    )  # fmt: skip
    def test_a_winner_is_named_by_its_label_its_column_or_its_model(self, winner: str, ranks: tuple[int, ...]) -> None:
        row = row_of("wide-table", {**WIDE, "model_a": "big", "model_b": "small", "winner": winner})
        assert row.rankings[0].ranks == ranks
        assert row.metadata == ({"winner": winner} if winner == "both bad" else {})

    def test_a_winner_named_by_a_model_that_wrote_both_is_refused(self) -> None:
        with pytest.raises(Refused, match="winner: must be one of a, b"):
            row_of("wide-table", {**WIDE, "model_a": "big", "model_b": "big", "winner": "big"})

    def test_a_winner_that_is_none_of_them_is_refused_with_what_can_be_said(self) -> None:
        with pytest.raises(Refused, match=r'winner: must be one of a, b, tie, neither \(got "c"\)'):
            row_of("wide-table", {**WIDE, "winner": "c"})

    @pytest.mark.parametrize("winner", [2, 2.0, "2", "2.0"])
    def test_a_number_stays_one_that_pandas_wrote_as_a_fraction(self, winner: object) -> None:
        row = row_of("wide-table", {"id": 17.0, "prompt": "Why?", "answer1": 42, "answer2": "x", "winner": winner})
        assert (row.id, texts(row), row.rankings[0].ranks) == ("17", ["42", "x"], (2, 1))

    def test_scores_become_ranks_equal_ones_a_tie_and_stay_written(self) -> None:
        record = {"prompt": "Why?", **{f"answer_{n}": f"text {n}" for n in range(1, 12)}}
        record |= {f"score_{n}": str(n // 2) for n in range(1, 12)}
        row = row_of("wide-table", record)
        assert texts(row)[-1] == "text 11"  # after the tenth
        assert row.rankings[0].ranks == (6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1)
        assert row.metadata["score_1"] == "0"

    def test_a_rank_that_is_missing_beside_others_is_refused(self) -> None:
        with pytest.raises(Refused, match="rank_b: must be a number"):
            row_of("wide-table", {**WIDE, "rank_a": "1", "rank_b": ""})

    def test_a_map_says_what_the_names_do_not(self) -> None:
        record: dict[str, object] = {
            "Frage": "Warum?",
            "erste": "So.",
            "zweite": "Darum.",
            "besser": "zweite",
            "Nr": "x9",
        }
        assert read_all("wide-table", [record]) == ["no_map"]
        columns = {"prompt": "Frage", "completion_a": "erste", "completion_b": "zweite", "winner": "besser", "id": "Nr"}
        row = row_of("wide-table", record, columns=columns)
        assert (row.id, texts(row), row.rankings[0].ranks) == ("x9", ["So.", "Darum."], (2, 1))

    def test_a_map_need_only_say_what_the_names_leave_open(self) -> None:
        record: dict[str, object] = {
            "Frage": "Warum?",
            "Response 1": "So.",
            "Response 2": "Darum.",
            "id": "x9",
            "Note": "2",
        }
        row = row_of("wide-table", record, columns={"prompt": "Frage", "winner": "Note"})
        assert (row.id, texts(row), row.rankings[0].ranks) == ("x9", ["So.", "Darum."], (2, 1))
        record = {"prompt": "Why?", "first": "a", "second": "b", "rank_1": 2, "rank_2": 1, "rank_3": 3}
        row = row_of("wide-table", record, columns={"completion_1": "first", "completion_2": "second"})
        assert (row.rankings[0].ranks, row.metadata) == ((2, 1), {"rank_3": 3})
        lines: list[dict[str, object]] = [{"Frage": "Warum?", "text": text, "score": 1} for text in "ab"]
        assert texts(row_of("long-table", *lines, columns={"prompt": "Frage"})) == ["a", "b"]

    @pytest.mark.parametrize(("columns", "words"), [
        ({"promt": "prompt"}, "columns: must be one of prompt, system"),
        ({"prompt": "question"}, 'columns.prompt: no column has this name; these are there: prompt, completion_a'),
    ])  # fmt: skip
    def test_a_map_that_names_what_is_not_there_says_what_is(self, columns: dict[str, str], words: str) -> None:
        with pytest.raises(Refused, match=words):
            row_of("wide-table", dict(WIDE), columns=columns)

    def test_what_is_written_as_csv_reads_the_same(self) -> None:
        row: dict[str, object] = {
            "id": "p",
            "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why,\n\"now\"?"}],
            "completions": [{"text": "one, two", "model": "big"}, {"text": "three"}], "split": "test",
            "rankings": [{"labeler": "ann", "ranks": [2, 1], "strength": 3}], "metadata": {"topic": "x"},
        }  # fmt: skip
        (record,) = BY_NAME["wide-table"].write(row)  # type: ignore[misc]
        file = StringIO()
        writer = csv.DictWriter(file, list(record))
        writer.writeheader()
        writer.writerow(record)
        (again,) = csv.DictReader(StringIO(file.getvalue()))
        read_again, asked = row_of("wide-table", dict(again)), rows.parse_row(row)
        assert read_again._replace(completions=()) == asked._replace(completions=())
        assert [each[1:] for each in read_again.completions] == [each[1:] for each in asked.completions]

    @pytest.mark.parametrize("change", [
        {"prompt": [{"role": role, "content": "a"} for role in ("user", "assistant", "user")]},
        {"metadata": {"prompt": "another"}},
    ])  # fmt: skip
    def test_what_a_table_has_no_place_for_is_not_written(self, change: dict[str, object]) -> None:
        row: dict[str, object] = {"id": "p", "prompt": "Why?", "completions": [{"text": "one"}, {"text": "two"}]}
        with pytest.raises(Refused, match="wide table has no place for it"):
            list(BY_NAME["wide-table"].write(row | change))  # type: ignore[misc]


class TestLong:
    def test_rows_of_a_prompt_that_follow_each_other_are_one(self) -> None:
        found = list(read(BY_NAME["long-table"], enumerate(records_of(FOLDER / "long-table.csv"), start=2)))
        assert [number for number, _ in found] == [2, 5]
        first, second = [rows.parse_row(made) for _, made in found]
        assert (first.id, first.rankings[0].ranks) == ("7", (2, 1, 2))
        assert [completion.model for completion in first.completions] == ["small", "big", "tiny"]
        assert first.metadata == {"score": ["3", "8", "3"]}
        assert second.rankings[0].ranks == (1, 2)

    def test_a_prompt_that_comes_again_later_is_named(self) -> None:
        records = records_of(FOLDER / "long-table.csv")
        found = list(read(BY_NAME["long-table"], enumerate([*records, records[0]], start=2)))
        number, refused = found[-1]
        assert (len(found), number) == (3, 7)
        assert str(refused) == (
            "prompt_id: is a prompt of rows further up: sort the table so that a prompt's rows follow each other "
            '(got "7")'
        )

    def test_each_labeler_is_a_ranking_of_all_completions(self) -> None:
        def line(text: str, who: str, rank: object) -> dict[str, object]:
            return {"question": "Why?", "answer": text, "rater": who, "rank": rank}

        four = [line("a", "ann", 1), line("b", "ann", 2), line("a", "bob", 2), line("b", "bob", 1)]
        row = row_of("long-table", *four)
        assert [(each.labeler, each.ranks) for each in row.rankings] == [("ann", (1, 2)), ("bob", (2, 1))]
        assert read_all("long-table", four[:3]) == ["number_wanted"]  # bob left one out
        assert read_all("long-table", [*four[:2], four[0]]) == ["repeated_text"]

    def test_an_id_with_two_prompts_is_refused(self) -> None:
        records: list[dict[str, object]] = [
            {"id": 1, "prompt": prompt, "completion": text, "score": 1}
            for prompt, text in (("Why?", "a"), ("How?", "b"))
        ]
        assert read_all("long-table", records) == ["other_prompt"]

    def test_rows_without_a_prompt_are_not_taken_together(self) -> None:
        records: list[dict[str, object]] = [{"prompt": None, "completion": text, "score": 1} for text in "ab"]
        assert len(read_all("long-table", records)) == 2

    def test_a_prompt_of_more_rows_than_can_be_held_is_one_refusal(self) -> None:
        line = {"prompt": "Why?", "score": 1}
        endless = ((n, {**line, "completion": f"text {n}"}) for n in range(1, 10_500))
        ((number, refused),) = read(BY_NAME["long-table"], endless)
        assert number == 1
        assert isinstance(refused, Refused)
        assert refused.code == "too_many"

    def test_a_bad_record_between_them_does_not_part_a_prompts_rows(self) -> None:
        first, second = records_of(FOLDER / "long-table.csv")[:2]
        bad = Refused("line", "{", "not_json", error="cut")
        found = list(read(BY_NAME["long-table"], [(1, first), (2, bad), (3, second)]))
        assert found[0] == (2, bad)
        assert len(rows.parse_row(found[1][1]).completions) == 2


def test_a_row_without_completions_is_named_by_its_empty_cell_not_by_its_columns() -> None:
    record = {"question": "Why?", "answer_1": "", "answer_2": None, "better": "answer_1"}
    with pytest.raises(Refused) as refused:
        list(BY_NAME["wide-table"].rows(record, None))
    assert (refused.value.field, refused.value.remedy) == (
        "answer_1", "must be a text that is not empty: leave a row without completions out"
    )  # fmt: skip


def test_nothing_is_guessed_or_remembered_of_more_names_than_anybody_writes() -> None:
    before = table_columns._likely_wide.cache_info().currsize
    for names in ([f"completion_{n}" for n in range(table_columns.MOST_NAMES + 1)], ["prompt" + "_" * 10**6]):
        assert table_columns.likely_wide(tuple(names)) == table_columns.likely_long(tuple(names)) == ()
    assert table_columns._likely_wide.cache_info().currsize == before


class TestTags:
    @pytest.mark.parametrize(
        ("cell", "tags"),
        [
            ("odd, even", ("even", "odd")), (["odd", "a, b"], ("a, b", "odd")), ("", ()), (None, ()),
            (float("nan"), ()),
            (" one  two ", ("one two",)), (7, ("7",)), ("odd,,odd", ("odd",)),
        ],
    )  # fmt: skip
    def test_a_column_of_tags_is_tags_and_no_metadata(self, cell: object, tags: tuple[str, ...]) -> None:
        wide = row_of("wide-table", {**WIDE, "Tags": cell, "topic": "light"})
        assert (wide.tags, wide.metadata) == (tags, {"topic": "light"})
        lines = [{"prompt": "Why?", "text": text, "rank": at, "tags": cell} for at, text in ((1, "So."), (2, "No."))]
        assert BY_NAME["long-table"].recognises(lines[0])
        long = row_of("long-table", *lines)
        assert (long.tags, long.metadata) == (tags, {})

    @pytest.mark.parametrize("cell", [[1], [None], [""], ["\u200b"]])
    def test_what_is_no_tag_is_refused(self, cell: object) -> None:
        with pytest.raises(Refused, match="tag"):
            row_of("wide-table", {**WIDE, "tags": cell})

    def test_another_list_makes_it_no_table(self) -> None:
        assert BY_NAME["wide-table"].recognises({**WIDE, "tags": ["odd"]})
        assert not BY_NAME["wide-table"].recognises({**WIDE, "topics": ["odd"]})

    def test_a_map_may_say_that_there_are_none(self) -> None:
        row = row_of("wide-table", {**WIDE, "tags": "odd"}, columns={"tags": ""})
        assert (row.tags, row.metadata) == ((), {"tags": "odd"})
        assert row_of("wide-table", {**WIDE, "label": "odd"}, columns={"tags": "label"}).tags == ("odd",)
