"""Published data sets and NeMo-RL: whose ranking each is, how strong, which are ties, and where the rest is kept."""

from __future__ import annotations

import pytest

from formats import rows
from formats.layouts.known import BY_NAME
from formats.layouts.layout import read
from formats.refusals import Refused
from tests.formats.layouts.samples_of import FOLDER, records_of
from tests.formats.layouts.test_training import row_of, said, samples, texts, turns


def said_by(row: object) -> list[tuple[str, tuple[int, ...], int | None]]:
    return [(each.labeler, each.ranks, each.strength) for each in row.rankings]  # type: ignore[attr-defined]


def battle(*, winner: object = "tie", **more: object) -> dict[str, object]:
    conversations = {
        f"conversation_{side}": [said("user", "Why?"), said("assistant", f"Since {side}.")] for side in "ab"
    }
    return {"model_a": "one", "model_b": "two", "winner": winner, **conversations, **more}


class TestUltraFeedback:
    def test_scores_are_ranks_and_equal_ones_a_tie(self) -> None:
        first, second = samples("ultrafeedback.jsonl")
        assert said_by(first) == [("ultrafeedback", (1, 2, 3, 2), None)]
        assert [completion.model for completion in first.completions] == ["big", "mid", "small", "old"]
        assert said_by(second) == [("ultrafeedback", (1, 2), None)]  # the finer score, where there is no overall one

    def test_critiques_and_reasons_stay_beside_the_completions(self) -> None:
        kept = samples("ultrafeedback.jsonl")[0].metadata
        assert kept["source"] == "evol_instruct"
        assert kept["completions"][0]["critique"] == "Could be shorter."  # type: ignore[index]
        assert kept["completions"][0]["annotations"]["honesty"]["Rationale"] == "True."  # type: ignore[index]

    def test_a_score_that_is_missing_beside_others_is_named(self) -> None:
        record = records_of(FOLDER / "ultrafeedback.jsonl")[0]
        record["completions"][1]["overall_score"] = None  # type: ignore[index]
        with pytest.raises(Refused, match=r"completions\[1\].overall_score: must be a number"):
            row_of("ultrafeedback", record)

    def test_completions_without_any_score_are_not_ranked(self) -> None:
        record = {"instruction": "Why?", "completions": [{"response": "a"}, {"response": "b"}]}
        assert row_of("ultrafeedback", record).rankings == ()

    def test_its_binarized_and_cleaned_copies_are_trls_with_models_and_ratings(self) -> None:
        binarized, cleaned = samples("trl-preference.ultrafeedback.jsonl")
        assert (texts(binarized), binarized.metadata["score_chosen"]) == (["An oak.", "A stone."], 8.5)
        assert [completion.model for completion in cleaned.completions] == ["big", "small"]
        assert cleaned.metadata == {"source": "flan", "chosen-rating": 5.0, "rejected-rating": 2.25}
        tied = {**records_of(FOLDER / "trl-preference.ultrafeedback.jsonl")[1], "rejected-rating": 5.0}
        assert row_of("trl-preference", tied).rankings[0].ranks == (1, 1)


class TestBattles:
    def test_the_prompt_is_what_both_begin_with_and_the_rest_is_judged(self) -> None:
        row = samples("lmarena.jsonl")[0]
        assert turns(row) == [("user", "Name a star.")]
        assert texts(row)[1] == "Assistant: Vega.\n\nUser: Another.\n\nAssistant: Rigel."
        assert said_by(row) == [("arena_user_7", (2, 1), None)]
        record = records_of(FOLDER / "lmarena.jsonl")[0]
        assert row.metadata["conversation_a"] == record["conversation_a"]  # the turns, as the file has them

    def test_both_bad_is_a_tie_with_a_flag_and_a_plain_tie_has_none(self) -> None:
        _, tie, bad = samples("lmarena.jsonl")
        assert (tie.rankings[0].ranks, tie.rankings[0].flags) == ((1, 1), ({}, {}))
        assert (bad.rankings[0].ranks, bad.rankings[0].flags) == ((1, 1), ({"bad": True}, {"bad": True}))
        (parts,) = samples("lmarena.parts.jsonl")
        assert (turns(parts), texts(parts)) == ([("user", "Sum 1 and 2.")], ["4", "5"])
        assert parts.rankings[0].flags == ({"bad": True}, {"bad": True})
        assert {"category_tag", "evaluation_order", "conversation_a"} <= parts.metadata.keys()

    def test_turns_in_columns_of_json_text_and_a_winner_in_three(self) -> None:
        several, one = samples("lmarena.columns.jsonl")
        assert (several.id, turns(several)) == ("30192", [("user", "Is it rude?")])
        assert texts(several)[1] == "Assistant: Perhaps.\n\nUser: And now?\n\nAssistant: "
        assert (said_by(several), said_by(one)) == ([("lmarena", (1, 2), None)], [("lmarena", (1, 1), None)])
        assert several.metadata.keys() == {"prompt", "response_a", "response_b"}

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"winner": "model_c"}, "winner: must be one of model_a"),
            ({"conversation_b": [said("user", "Where?"), said("assistant", "x")]}, "begin with the same turns"),
            ({"conversation_a": []}, "conversation_a: must be a list of at least 1"),
            ({"model_a": None}, "model_a: must be a text"),
        ],
    )
    def test_a_battle_that_says_no_such_thing_is_refused(self, changed: dict[str, object], words: str) -> None:
        with pytest.raises(Refused, match=words):
            row_of("lmarena", battle(**changed))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"winner_tie": 1}, "winner_model_a: must be one of 1, 0, 0"),
            ({"response_a": '["No."]'}, "response_a: must be a list of 2, as many as prompt"),
            ({"prompt": "Why?"}, "prompt: not valid JSON"),
        ],
    )
    def test_columns_that_do_not_fit_each_other_are_refused(self, changed: dict[str, object], words: str) -> None:
        with pytest.raises(Refused, match=words):
            row_of("lmarena", records_of(FOLDER / "lmarena.columns.jsonl")[0] | changed)


class TestBench:
    def test_a_question_that_many_models_answer_is_a_row_for_each_pair_and_turn(self) -> None:
        first, second, third = samples("lmarena.mt-bench.jsonl")
        assert [row.id for row in (first, second, third)] == ["81-one-two-1", "81-one-two-2", "81-one-three-1"]
        assert [row.rankings[0].labeler for row in (first, second, third)] == ["expert_1", "expert_1", "author_2"]

    def test_of_a_judged_first_turn_the_second_is_not_shown_but_kept(self) -> None:
        first, second, _ = samples("lmarena.mt-bench.jsonl")
        assert texts(first) == ["The waltz.", "A table."]
        assert texts(second)[1] == "Assistant: A table.\n\nUser: Rhyme it.\n\nAssistant: Cable."
        assert len(first.metadata["conversation_a"]) == 4  # type: ignore[arg-type]

    def test_conversations_that_a_copy_has_as_json_text_are_read(self) -> None:
        [row] = samples("lmarena.text.jsonl")
        assert (turns(row), texts(row)) == ([("user", "Name a bone.")], ["A stone.", "A phone."])
        with pytest.raises(Refused, match="conversation_a: not valid JSON"):
            row_of("lmarena", battle(conversation_a="[{"))


class TestStrengths:
    def test_each_annotator_of_helpsteer3_ranks_with_a_strength_and_keeps_the_reason(self) -> None:
        row, overall = samples("helpsteer3.jsonl")
        assert [role for role, _ in turns(row)] == ["user", "assistant", "user"]
        assert said_by(row) == [
            ("helpsteer3-1", (1, 2), 3), ("helpsteer3-2", (1, 2), 1), ("helpsteer3-3", (1, 1), None),
        ]  # fmt: skip
        assert row.metadata["overall_preference"] == -2
        assert row.metadata["individual_preference"][0]["reasoning"] == "Response 2 is no cheese."  # type: ignore[index]
        assert said_by(overall) == [("helpsteer3", (2, 1), 3)]

    def test_helpsteer2_marks_the_turns_of_its_prompts(self) -> None:
        one, several = samples("helpsteer2.jsonl")
        assert said_by(one) == [("helpsteer2-1", (1, 2), 2), ("helpsteer2-2", (1, 2), 1)]
        assert (one.split, one.metadata["split"]) == ("", "train")  # theirs, not the project's
        assert turns(several) == [("user", "Hi"), ("assistant", "Hello."), ("user", "Name a fruit.")]
        assert said_by(several) == [("helpsteer2", (1, 1), None)]

    @pytest.mark.parametrize("value", [4, -4, 0.5, None, "much"])
    def test_a_strength_beyond_the_scale_is_refused(self, value: object) -> None:
        record = records_of(FOLDER / "helpsteer3.jsonl")[1]
        with pytest.raises(Refused, match="overall_preference: must be"):
            row_of("helpsteer3", {**record, "overall_preference": value})

    def test_each_person_of_multipref_ranks_under_their_name(self) -> None:
        (row,) = samples("multipref.jsonl")
        assert said_by(row) == [("u1", (1, 2), 2), ("u2", (1, 2), 1), ("e1", (1, 1), None), ("e2", (2, 1), 1)]
        assert row.metadata["normal_worker_annotations"][0]["helpful_reasons"] == ["More complete"]  # type: ignore[index]
        assert row.id == "d0be"


class TestRatings:
    def test_the_responses_to_a_prompt_are_one_row_ranked_by_helpfulness(self) -> None:
        records = records_of(FOLDER / "helpsteer2-ratings.jsonl")
        made = [rows.parse_row(row) for _, row in read(BY_NAME["helpsteer2-ratings"], enumerate(records, start=1))]
        assert [texts(row) for row in made] == [["Tea.", "A chair."], ["A saw.", "A file."]]
        assert [said_by(row) for row in made] == [[("helpsteer2", (1, 2), None)], [("helpsteer2", (1, 1), None)]]
        assert made[0].metadata["correctness"] == [4, 0]
        assert turns(made[1]) == [("user", "Hi"), ("assistant", "Hello."), ("user", "Name a tool.")]

    def test_a_bad_response_costs_its_prompt_alone_and_one_that_comes_again_is_named(self) -> None:
        good = records_of(FOLDER / "helpsteer2-ratings.jsonl")
        bad = [{**good[0], "response": 7}, {**good[1], "helpfulness": "good"}]
        found = list(read(BY_NAME["helpsteer2-ratings"], enumerate([bad[0], *good[2:], bad[1], good[2]], start=1)))
        assert [(n, made.code if isinstance(made, Refused) else "") for n, made in found] == [
            (1, "text"),
            (2, ""),
            (4, "comes_again"),
            (5, "comes_again"),
        ]


class TestRankedLists:
    def test_nectars_prompt_is_a_transcript_and_gaps_in_ranks_are_closed(self) -> None:
        first, second = samples("nectar.jsonl")
        assert turns(first) == [("user", "Name a metal."), ("assistant", "Iron."), ("user", "Another.")]
        assert said_by(first) == [("nectar", (1, 2, 3), None)]
        assert said_by(second) == [("nectar", (1, 1, 2), None)]
        assert first.metadata["good_natured"] is True

    def test_nemo_counts_ranks_from_0_in_any_order(self) -> None:
        first, second = samples("nemo-rl.jsonl")
        assert turns(first) == [("system", "Be brief."), ("user", "Name a sea.")]
        assert (said_by(first), said_by(second)) == (
            [("nemo-rl", (1, 2), None)],
            [("nemo-rl", (2, 1, 1), None)],
        )

    @pytest.mark.parametrize("name", ["nectar", "nemo-rl"])
    def test_each_labelers_ranking_is_written_with_its_name_and_strength(self, name: str) -> None:
        row: dict[str, object] = {
            "id": "p", "prompt": "Why?",
            "completions": [{"id": "x", "text": "one", "model": "m"}, {"id": "y", "text": "two"}],
            "rankings": [{"labeler": "ann", "ranks": [2, 1], "strength": 3}, {"labeler": "bob", "ranks": [1, 1]}],
            "split": "test",
        }  # fmt: skip
        write = BY_NAME[name].write
        assert write is not None
        again = [row_of(name, record) for record in write(row)]
        assert [said_by(each) for each in again] == [[("ann", (2, 1), 3)], [("bob", (1, 1), None)]]
        assert {(each.id, each.split, each.completions[0].id, each.completions[0].model) for each in again} == {
            ("p", "test", "x", "m")
        }

    @pytest.mark.parametrize("name", ["nectar", "nemo-rl"])
    def test_what_it_has_no_place_for_is_not_dropped_but_refused(self, name: str) -> None:
        row: dict[str, object] = {"id": "p", "prompt": "Why?", "completions": [{"text": "one"}, {"text": "two"}]}
        write = BY_NAME[name].write
        assert write is not None
        with pytest.raises(Refused, match="rankings: can't be written so"):
            list(write(row))
        row["rankings"] = [{"labeler": "ann", "ranks": [1, 2], "flags": [{"bad": True}, {}]}]
        with pytest.raises(Refused, match="flags: can't be written so"):
            list(write(row))
