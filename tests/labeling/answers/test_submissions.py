"""What an answer, a draft and a reason may say."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.answers import submissions
from labeling.answers.submissions import MAX_COMMENT, MAX_NOTE, Submission
from labeling.errors import Invalid
from labeling.queue import draft_checks
from labeling.queue.draft_checks import MAX_DRAFT_KIB

IDS = ["11", "12", "13"]
TWO = {"tiers": [["11"], ["12"]]}


def parsed(payload: object) -> Submission:
    return submissions.parse(payload, completion_ids=IDS, flag_names=["hateful"])


def of_two(payload: object, *, ask_strength: bool = True) -> Submission:
    return submissions.parse(payload, completion_ids=IDS[:2], flag_names=[], ask_strength=ask_strength)


def test_tiers_give_dense_ranks() -> None:
    submission = parsed({"tiers": [["12"], [], ["11", "13"]]})
    assert submission.rank_of() == {"12": 1, "11": 2, "13": 2}


@pytest.mark.parametrize(
    ("payload", "code", "said"),
    [
        (None, "not_an_object", "not null"),
        ({}, "tiers_not_lists", "not null"),
        ({"tiers": "11"}, "tiers_not_lists", '"11"'),
        ({"tiers": []}, "nothing_ranked", "place every completion"),
        ({"tiers": [[], []]}, "nothing_ranked", "place every completion"),
        ({"tiers": [["11"], ["12"], ["99"]]}, "unknown_completion", '"99" is not a completion of this task'),
        ({"tiers": [["11"], ["12"]]}, "not_all_ranked", "1 of 3 completions is not ranked yet (13)"),
        ({"tiers": [["11"]]}, "not_all_ranked", "2 of 3 completions are not ranked yet (12, 13)"),
        ({"tiers": [["11", "12"], ["13", "11"]]}, "ranked_twice", "more than once: 11"),
        ({"tiers": [["11"], ["12"], ["13"]], "flags": []}, "flags_not_an_object", "not []"),
        ({"tiers": [IDS], "flags": {"11": None}}, "flags_not_an_object", "not null"),
        ({"tiers": [IDS], "flags": {"99": {}}}, "unknown_completion", '"99"'),
        ({"tiers": [IDS], "flags": {"11": {"rude": True}}}, "unknown_flag", "it has: hateful"),
        ({"tiers": [IDS], "flags": {"11": {"hateful": "yes"}}}, "flag_not_boolean", '"yes"'),
        ({"tiers": [IDS], "notes": ["wrong"]}, "notes_not_an_object", '["wrong"]'),
        ({"tiers": [IDS], "notes": {"99": "wrong"}}, "unknown_completion", '"99"'),
        ({"tiers": [IDS], "notes": {"11": 3}}, "note_invalid", "A note is text, not 3"),
        ({"tiers": [IDS], "notes": {"11": "a\x00b"}}, "note_invalid", "NUL"),
        (
            {"tiers": [IDS], "notes": {"11": "x" * (MAX_NOTE + 1)}},
            "note_invalid",
            "at most 1000 characters; this has 1001",
        ),
        ({"tiers": [IDS], "comment": 3}, "comment_invalid", "A comment is text, not 3"),
        ({"tiers": [IDS], "comment": "\x00"}, "comment_invalid", "NUL"),
        ({"tiers": [IDS], "comment": "x" * (MAX_COMMENT + 1)}, "comment_invalid", "this has 5001"),
        ({"tiers": [IDS], "active_seconds": -1}, "seconds_invalid", "-1"),
        ({"tiers": [IDS], "active_seconds": float("nan")}, "seconds_invalid", "NaN"),
        ({"tiers": [IDS], "active_seconds": 86_401}, "seconds_invalid", "from 0 to 86400, a day, not 86401"),
        ({"tiers": [IDS], "active_seconds": 1.7e308}, "seconds_invalid", "1.7e+308"),
        ({"tiers": [[["11"] * 9999]]}, "unknown_completion", '["11", "11"'.replace("\\", "")),
        ({"tiers": [["11", "12"]] * 99_999}, "ranked_twice", "more than once: 11, 12"),
    ],
)
def test_it_names_what_is_wrong(payload: object, code: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        parsed(payload)
    assert caught.value.code == code
    assert said in caught.value.detail


def test_the_same_answer_is_recognised_whatever_the_order_of_a_tie_and_the_time() -> None:
    one = parsed({"tiers": [["11", "12"], ["13"]], "active_seconds": 3, "flags": {"11": {"hateful": False}}})
    two = parsed({"tiers": [["12", "11"], ["13"]], "active_seconds": 9})
    assert one.digest() == two.digest()
    assert one.digest() != parsed({"tiers": [["13"], ["11", "12"]]}).digest()


@given(st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_ranks_follow_the_tiers_for_any_assignment_of_slots(slots: list[int]) -> None:
    tiers = [[one for one, own in zip(IDS, slots, strict=True) if own == slot] for slot in range(6)]
    ranks = parsed({"tiers": tiers}).rank_of()
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert (slots[i] < slots[j]) == (ranks[IDS[i]] < ranks[IDS[j]])


def test_notes_are_stripped_and_empty_ones_left_out() -> None:
    submission = parsed({"tiers": [IDS], "notes": {"11": "  Wrong year.\n", "12": "   "}})
    assert submission.notes == {"11": "Wrong year."}
    assert parsed({"tiers": [IDS], "notes": {"11": " " * 2_000 + "x" * MAX_NOTE}}).notes["11"] == "x" * MAX_NOTE


def test_a_strength_is_how_much_better_the_better_of_two_is() -> None:
    assert [of_two({**TWO, "strength": strength}).strength for strength in (None, 1, 2, 3)] == [None, 1, 2, 3]


@pytest.mark.parametrize(
    ("strength", "shown"), [(0, "0"), (4, "4"), (True, "true"), ("2", '"2"'), (2.0, "2.0"), ([], "[]")]
)
def test_a_strength_that_is_none_is_named(strength: object, shown: str) -> None:
    with pytest.raises(Invalid, match="A strength is 1") as caught:
        of_two({**TWO, "strength": strength})
    assert (caught.value.code, caught.value.attr) == ("strength_invalid", "strength")
    assert f"not {shown}" in caught.value.detail


def test_a_strength_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(Invalid, match="project asks for no strength; leave 2 out"):
        of_two({**TWO, "strength": 2}, ask_strength=False)
    with pytest.raises(Invalid, match="tied, so neither is better by 2"):
        of_two({"tiers": [["11", "12"]], "strength": 2})
    with pytest.raises(Invalid, match="this task has more; leave 2 out"):
        submissions.parse(
            {"tiers": [["11"], ["12", "13"]], "strength": 2}, completion_ids=IDS, flag_names=[], ask_strength=True
        )


def test_an_answer_without_notes_and_strength_has_the_digest_that_it_always_had() -> None:
    plain = parsed({"tiers": [["11"], ["12", "13"]], "flags": {"11": {"hateful": True}}, "comment": "Close."})
    assert plain.digest() == "5a1429f95d13d5ae7bdaf77a0a83ff4fe4ccbedf149b45ec0af7ca7b346dc859"
    assert parsed({"tiers": [["11"], ["12", "13"]], "notes": {"11": " "}, "strength": None}).digest() == (
        parsed({"tiers": [["11"], ["12", "13"]]}).digest()
    )


def test_another_note_or_strength_is_another_answer() -> None:
    digests = {
        of_two({**TWO, **more}).digest()
        for more in ({}, {"strength": 1}, {"strength": 2}, {"notes": {"11": "Wrong."}}, {"notes": {"12": "Wrong."}})
    }
    assert len(digests) == 5


def test_a_draft_has_room_for_any_answer_and_no_more() -> None:
    ids = [str(10**12 + number) for number in range(10)]
    longest = {
        "ranks": dict.fromkeys(ids, 10),
        "notes": dict.fromkeys(ids, "😀" * MAX_NOTE),
        "comment": "😀" * MAX_COMMENT,
        "strength": None,
        "active_seconds": 12345.678,
    }
    assert draft_checks.checked_draft(longest) == longest
    with pytest.raises(Invalid, match=f"at most {MAX_DRAFT_KIB} KiB; this has {MAX_DRAFT_KIB + 1}"):
        draft_checks.checked_draft({"comment": "x" * MAX_DRAFT_KIB * 1024})


@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason_required"), ("  ", "reason_required"), ("x" * 301, "reason_too_long")]
)
def test_a_reason_is_a_few_words(reason: str, code: str) -> None:
    assert draft_checks.checked_reason(" Not my field. ") == "Not my field."
    with pytest.raises(Invalid) as caught:
        draft_checks.checked_reason(reason)
    assert (caught.value.code, caught.value.attr) == (code, "reason")


class TestAClassification:
    QUESTIONS = ("hateful", "insult")

    def answered(self, flags: object, ids: list[str] | None = None) -> Submission:
        ids = ids or ["11"]
        return submissions.parse(
            {"tiers": [[pk] for pk in ids], "flags": flags},
            completion_ids=ids,
            flag_names=self.QUESTIONS,
            ask_flags=True,
        )

    def test_one_text_with_each_question_answered_is_an_answer(self) -> None:
        said = {"11": {"hateful": False, "insult": True}}
        assert self.answered(said).flags == said
        assert self.answered(said).rank_of() == {"11": 1}

    @pytest.mark.parametrize(
        ("flags", "said"),
        [
            (None, "Answer hateful, insult of 11 with true or false"),
            ({}, "Answer hateful, insult of 11"),
            ({"11": {"hateful": False}}, "Answer insult of 11 with true or false: no answer is taken for granted."),
        ],
    )
    def test_no_answer_is_taken_for_granted(self, flags: object, said: str) -> None:
        with pytest.raises(Invalid, match=re.escape(said)) as caught:
            self.answered(flags)
        assert (caught.value.code, caught.value.attr) == ("not_all_answered", "flags.11")

    def test_each_of_several_texts_is_asked(self) -> None:
        with pytest.raises(Invalid, match="Answer hateful, insult of 12"):
            self.answered({"11": {"hateful": False, "insult": False}}, ["11", "12"])

    def test_yes_and_no_are_different_answers(self) -> None:
        yes = self.answered({"11": {"hateful": True, "insult": False}})
        no = self.answered({"11": {"hateful": False, "insult": False}})
        assert yes.digest() != no.digest()
