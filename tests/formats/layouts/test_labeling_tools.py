"""Argilla, Label Studio and Potato: whose answers are taken, what was compared, and what is kept beside it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from formats.refusals import Refused
from tests.formats.layouts.samples_of import FOLDER, records_of
from tests.formats.layouts.test_published import said_by
from tests.formats.layouts.test_training import row_of, samples, texts, turns


def record_of(file: str, place: int = 0) -> Any:
    return deepcopy(records_of(FOLDER / file)[place])


class TestArgilla:
    def test_fields_that_are_ranked_are_the_completions_and_drafts_are_not_taken(self) -> None:
        row, suggested = samples("argilla.jsonl")
        assert turns(row) == [("user", "Name a lake.")]
        assert texts(row) == ["Lake Constance.", "The Alps.", "Lake Geneva."]
        assert said_by(row) == [("u-1", (1, 3, 2), None)]
        assert row.metadata["fields"] == {"note": "easy"}
        assert row.metadata["responses"] == record_of("argilla.jsonl")["responses"]  # the draft too
        assert (suggested.id, suggested.rankings) == ("7", ())  # a model's suggestion is nobody's ranking

    def test_records_of_version_1_with_ties_and_discarded_responses(self) -> None:
        (row,) = samples("argilla.first.jsonl")
        assert said_by(row) == [("u-1", (1, 2), None), ("u-2", (1, 1), None)]
        assert (row.id, texts(row)) == ("x1", ["Kahlenberg.", "Danube."])  # reply-1 and reply_1 are one

    def test_flat_records_of_version_2_have_their_questions_in_columns(self) -> None:
        (row,) = samples("argilla.flat.jsonl")
        assert (turns(row), texts(row)) == ([("user", "Name a lake.")], ["Lake Constance.", "The Alps."])
        assert said_by(row) == [("u-1", (1, 2), None)]
        assert row.metadata["fields"] == {"topic": "lakes"}
        assert row.metadata["order.suggestion"] == ["reply-2", "reply-1"]
        assert row.id == "r1"

    @pytest.mark.parametrize("users", [["u-1"], "u-1", ["u-1", "u-2", "u-3"]])
    def test_flat_responses_have_as_many_users(self, users: object) -> None:
        with pytest.raises(Refused, match=r"order\.responses\.users"):
            row_of("argilla", record_of("argilla.flat.jsonl") | {"order.responses.users": users})

    def test_a_record_without_a_ranking_question_is_refused(self) -> None:
        record = record_of("argilla.jsonl") | {"responses": {"good": [{"value": "yes"}]}, "suggestions": {}}
        with pytest.raises(
            Refused, match="responses: has no answer that ranks fields; these are there: prompt, reply-1"
        ):
            row_of("argilla", record)

    def test_a_ranking_of_some_of_the_fields_is_refused(self) -> None:
        record = record_of("argilla.jsonl")
        record["responses"]["order"][0]["value"] = ["reply-1", "reply-3"]
        with pytest.raises(Refused, match="must be a list of 3 ranks"):
            row_of("argilla", record)


class TestLabelStudio:
    def test_each_person_chose_a_side_and_what_was_cancelled_is_not_taken(self) -> None:
        row = samples("label-studio.json")[0]
        assert (turns(row), texts(row)) == ([("user", "Name a city.")], ["Linz.", "The Enns."])
        assert said_by(row) == [("1", (1, 2), None), ("bea@example.org", (2, 1), None)]
        assert row.metadata["data"] == {"topic": "towns"}
        assert len(row.metadata["annotations"]) == 4  # type: ignore[arg-type]

    def test_a_ranker_orders_items_by_their_ids(self) -> None:
        row = samples("label-studio.json")[1]
        assert [completion.id for completion in row.completions] == ["blog", "mdn", "wiki"]
        assert texts(row)[0] == "Ten tips\n\nWrite short ones."
        assert said_by(row) == [("1", (3, 1, 2), None), ("2", (3, 2, 1), None)]

    def test_the_short_export_says_the_same(self) -> None:
        assert [said_by(row) for row in samples("label-studio.min.json")] == [
            [("1", (1, 2), None)], [("2", (2, 1), None)], [("2", (2, 1), None)],
        ]  # fmt: skip

    def test_the_last_of_one_persons_annotations_is_taken(self) -> None:
        record = record_of("label-studio.json")
        record["annotations"][1]["completed_by"] = 1
        assert said_by(row_of("label-studio", record)) == [("1", (2, 1), None)]

    def test_a_task_that_nobody_annotated_is_a_row_without_rankings(self) -> None:
        for place in (0, 1):
            record = record_of("label-studio.json", place) | {"annotations": []}
            assert row_of("label-studio", record).rankings == ()

    def test_items_that_were_left_in_the_list_are_below_those_that_were_moved(self) -> None:
        record = record_of("label-studio.json", 1)
        record["annotations"][0]["result"][0]["value"] = {"ranker": {"good": ["wiki"], "_": ["blog", "mdn"]}}
        assert said_by(row_of("label-studio", record))[0] == ("1", (2, 2, 1), None)

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ({"ranker": {"good": ["mdn"], "bad": ["wiki"]}}, "sorts into several buckets"),
            ({"ranker": {"rank": ["mdn", "other"]}}, "must be one of blog, mdn, wiki"),
        ],
    )
    def test_an_order_that_is_not_one_is_refused(self, value: object, words: str) -> None:
        record = record_of("label-studio.json", 1)
        record["annotations"][0]["result"][0]["value"] = value
        with pytest.raises(Refused, match=words):
            row_of("label-studio", record)

    def test_two_texts_of_unknown_names_are_refused_with_what_is_known(self) -> None:
        record = record_of("label-studio.json")
        record["data"] = {"first": "Linz.", "second": "The Enns."}
        with pytest.raises(Refused, match="data: has no two texts of known names: name them such as text1, text2"):
            row_of("label-studio", record)


class TestPotato:
    def test_a_choice_a_scale_an_order_and_best_and_worst_are_rankings(self) -> None:
        assert [said_by(row) for row in samples("potato.jsonl")] == [
            [("ann", (1, 2), None)], [("ann", (1, 2), 2)], [("bob", (2, 1, 3, 2), None)],
            [("potato", (1, 2, 2, 3), None)], [("cy", (1, 1), None)],
        ]  # fmt: skip

    def test_texts_are_the_instances_or_what_was_shown(self) -> None:
        shown, instance, *_ = samples("potato.jsonl")
        assert (texts(shown), shown.id) == (["Red.", "Blue."], "i1")
        assert (texts(instance), turns(instance)) == (["Red.", "Seven."], [("user", "Name a colour.")])

    def test_two_people_of_one_instance_give_the_same_row_but_for_their_rankings(self) -> None:
        record = record_of("potato.jsonl")
        first = row_of("potato", record)
        second = row_of("potato", record | {"user_id": "bob", "behavioral_data": {"time_string": "9s"}})
        assert first._replace(rankings=()) == second._replace(rankings=())
        assert [each.rankings[0].labeler for each in (first, second)] == ["ann", "bob"]

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ({"selection": "C"}, "selection: must be one of A, B, tie"),
            ({"rank_order": "A"}, "rank_order: must be a list of 2 ranks"),
            ({"rank_order": "A,X"}, "rank_order: must be one of A, B"),
            ({"best": "A", "worst": "A"}, "worst: is the same as"),
            ({"scale_value": "much"}, "scale_value: must be a number"),
        ],
    )
    def test_an_answer_to_other_texts_is_refused(self, answer: object, words: str) -> None:
        with pytest.raises(Refused, match=words):
            row_of("potato", record_of("potato.jsonl") | {"label_annotations": {"p": answer}})

    def test_the_newer_export_with_the_texts_beside_the_labels_is_taken(self) -> None:
        pair, best = (row_of("potato", record_of("potato.labels.jsonl", place)) for place in (0, 1))
        assert (turns(pair), texts(pair), pair.rankings[0].ranks) == (
            [("user", "Name a cake.")],
            ["Sachertorte.", "Soap."],
            (1, 2),
        )
        assert best.rankings[0].ranks == (1, 3, 2)
        assert pair.metadata == {}

    def test_of_an_export_without_its_texts_it_is_said_what_is_missing(self) -> None:
        record = {key: value for key, value in record_of("potato.labels.jsonl").items() if key != "responses"}
        with pytest.raises(Refused, match="has no list of the texts that were ranked: add it to each record"):
            row_of("potato", {**record, "displayed_text": "Name a cake."})

    def test_a_table_has_a_column_for_each_part_of_an_answer(self) -> None:
        second, tied = (row_of("potato", record_of("potato.flat.csv", place)) for place in (0, 1))
        assert (texts(second), second.rankings[0].ranks) == (["Left of it.", "Right of it."], (2, 1))
        assert (tied.rankings[0].ranks, tied.id) == ((1, 1), "i8")
