"""Files that say who was best and no more: the others are a rest, and no tie; written and read again it is the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.layouts.known import BY_NAME
from formats.refusals import Refused
from formats.rows import Row
from tests.formats.layouts.samples_of import FOLDER, records_of
from tests.formats.layouts.test_tables import row_of

FOUR = {"prompt": "Why?", **{f"completion_{label}": f"Since {label}." for label in "abcd"}}
ANSWERS = [{"answer": f"Since {label}."} for label in "abcd"]
COMPLETIONS = [{"completion": each["answer"]} for each in ANSWERS]


def said_by(row: Row) -> list[tuple[tuple[int, ...], int | None]]:
    return [(each.ranks, each.top_k) for each in row.rankings]


class TestWinners:
    @pytest.mark.parametrize("winner", ["c", "C", "completion_c", "Completion C", "answer c"])
    def test_of_four_one_is_best_and_of_the_others_nothing_is_said(self, winner: str) -> None:
        assert said_by(row_of("wide-table", {**FOUR, "winner": winner})) == [((2, 2, 1, 2), 1)]

    def test_of_two_the_other_is_second_as_ever(self) -> None:
        two = {key: value for key, value in FOUR.items() if key not in ("completion_c", "completion_d")}
        assert said_by(row_of("wide-table", {**two, "winner": "b"})) == [((2, 1), None)]
        blank = {**FOUR, "completion_c": "", "completion_d": ""}
        assert said_by(row_of("wide-table", {**blank, "winner": "b"})) == [((2, 1), None)]

    @pytest.mark.parametrize("word", ["tie", "neither"])
    def test_who_says_that_they_tie_says_it(self, word: str) -> None:
        assert said_by(row_of("wide-table", {**FOUR, "winner": word})) == [((1, 1, 1, 1), None)]

    @pytest.mark.parametrize("kind", ["rank", "score"])
    def test_equal_ranks_and_scores_are_ties(self, kind: str) -> None:
        numbers = dict(zip("abcd", (1, 2, 2, 2) if kind == "rank" else (9, 1, 1, 1), strict=True))
        table = {**FOUR, **{f"{kind}_{label}": number for label, number in numbers.items()}, "winner": "a"}
        found = said_by(row_of("wide-table", table))
        assert found == [((1, 2, 2, 2), None if kind == "rank" else 1)]  # the winner says it before scores do

    @given(st.integers(2, 10), st.data())
    def test_what_is_written_reads_the_same(self, k: int, data: st.DataObject) -> None:
        winner = data.draw(st.integers(0, k - 1))
        texts = [{"id": str(place), "text": f"Since {place}."} for place in range(k)]
        ranks = [1 if place == winner else 2 for place in range(k)]
        said = {"labeler": "ann", "ranks": ranks} | ({"top_k": 1} if k > 2 else {})
        row: dict[str, object] = {"id": "p", "prompt": "Why?", "completions": texts, "rankings": [said]}
        (record,) = BY_NAME["wide-table"].write(row)  # type: ignore[misc]
        assert row_of("wide-table", record).rankings == row_of("podium", row).rankings

    def test_a_rest_below_several_has_no_place_in_a_table(self) -> None:
        said = {"labeler": "ann", "ranks": [1, 2, 3, 3], "top_k": 2}
        texts = [{"text": each["answer"]} for each in ANSWERS]
        row: dict[str, object] = {"id": "p", "prompt": "Why?", "completions": texts, "rankings": [said]}
        with pytest.raises(Refused, match="top_k: can't be written so"):
            list(BY_NAME["wide-table"].write(row))  # type: ignore[misc]


class TestLists:
    @given(st.permutations(range(6)), st.integers(1, 6), st.sampled_from(["nectar", "nemo-rl"]))
    def test_what_is_written_reads_the_same(self, order: list[int], best: int, name: str) -> None:
        texts = [{"id": str(place), "text": f"Since {place}."} for place in range(6)]
        said: dict[str, object] = {"labeler": "ann", "ranks": [min(place, best) + 1 for place in order]}
        if best < 5:
            said["top_k"] = best
        for each in ({**said}, {key: value for key, value in said.items() if key != "top_k"}):
            row: dict[str, object] = {"id": "p", "prompt": "Why?", "completions": texts, "rankings": [each]}
            (record,) = BY_NAME[name].write(row)  # type: ignore[misc]
            assert row_of(name, record).rankings == row_of("podium", row).rankings

    @pytest.mark.parametrize("top_k", [50, 0, -1, "1", 3, [1], None, {"k": 1}, 10**400])
    @pytest.mark.parametrize("name", ["nectar", "nemo-rl"])
    def test_another_number_of_that_name_is_how_the_texts_were_sampled(self, name: str, top_k: object) -> None:
        ranks = (0, 1, 1, 1)
        texts = (
            {"prompt": "Why?", "answers": [{**each, "rank": rank} for each, rank in zip(ANSWERS, ranks, strict=True)]}
            if name == "nectar"
            else {
                "context": "Why?",
                "completions": [{**each, "rank": rank} for each, rank in zip(COMPLETIONS, ranks, strict=True)],
            }
        )
        row = row_of(name, {**texts, "top_k": top_k})
        assert said_by(row) == [((1, 2, 2, 2), None)]
        assert row.metadata.get("top_k") == top_k
        assert said_by(row_of(name, {**texts, "top_k": 1})) == [((1, 2, 2, 2), 1)]


class TestRankers:
    def of(self, *moved: str) -> Row:
        record = records_of(FOLDER / "label-studio.json")[1]
        left = [name for name in ("blog", "mdn", "wiki") if name not in moved]
        record = json.loads(json.dumps(record))
        record["annotations"][0]["result"][0]["value"] = {"ranker": {"good": list(moved), "_": left}}
        return row_of("label-studio", record)

    def test_what_nobody_moved_is_a_rest(self) -> None:
        assert said_by(self.of("wiki"))[0] == ((2, 2, 1), 1)

    def test_one_that_is_left_is_last(self) -> None:
        assert said_by(self.of("wiki", "blog"))[0] == ((2, 3, 1), None)
        assert said_by(self.of("wiki", "blog", "mdn"))[0] == ((2, 3, 1), None)


def test_best_and_worst_leave_a_tie_between_for_a_rest_is_last() -> None:
    record = {
        "id": "i",
        "texts": ["one", "two", "three", "four"],
        "label_annotations": {"q": {"best": "B", "worst": "A"}},
    }
    assert said_by(row_of("potato", {**record, "prompt": "Why?"})) == [((3, 1, 2, 2), None)]
