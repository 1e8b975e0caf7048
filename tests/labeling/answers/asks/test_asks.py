"""What is asked beyond an order, read from an answer: plain values, no database."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from labeling.answers import submissions
from labeling.answers.asks.asked import Asked, Attribute
from labeling.answers.asks.rewrite import Rewrite
from labeling.answers.submissions import Submission
from labeling.errors import Invalid

IDS = ["c1", "c2"]
HELPFUL, AHEAD = Attribute("helpful", "Helpful", 5), Attribute("kinder", "Kinder", 0)
REASONS = ({"name": "correct", "label": "Correct"}, {"name": "shorter", "label": "Shorter"})
ALL = Asked(acceptable=True, reasons=REASONS, justification="required", attributes=(HELPFUL, AHEAD), rewrite=True)
ANSWER: dict[str, Any] = {
    "tiers": [["c2"], ["c1"]],
    "acceptable": 1,
    "reasons": ["shorter", "correct", "shorter"],
    "attributes": {"c1": {"helpful": 2}, "c2": {"helpful": 5}},
    "comparisons": {"c1": {"kinder": -2}},
    "rewrite": {"of": "c2", "text": " Better. "},
}


def parsed(asked: Asked = ALL, **changes: object) -> Submission:
    payload = {key: value for key, value in {**ANSWER, **changes}.items() if value is not ...}
    return submissions.parse(payload, completion_ids=IDS, flag_names=[], asked=asked)


def test_all_of_it_is_read() -> None:
    more = parsed().more
    assert (more.acceptable, more.reasons) == (1, ("correct", "shorter"))
    assert more.rewrite == Rewrite("c2", "Better.")
    assert more.attributes == {"c1": {"helpful": 2, "kinder": -2}, "c2": {"helpful": 5, "kinder": 2}}


def test_a_comparison_says_the_same_whichever_of_the_two_is_named() -> None:
    other = parsed(comparisons={"c2": {"kinder": 2}})
    assert other.more.attributes == parsed().more.attributes
    assert other.digest() == parsed().digest()
    even = parsed(comparisons={"c2": {"kinder": 0}}).more.attributes
    assert [even["c1"]["kinder"], even["c2"]["kinder"]] == [0, 0]


@pytest.mark.parametrize(
    "change",
    [{"acceptable": 2}, {"reasons": ["correct"]}, {"comparisons": {"c1": {"kinder": 2}}}, {"rewrite": ...}],
)
def test_what_is_said_makes_another_answer(change: dict[str, object]) -> None:
    assert parsed(**change).digest() != parsed().digest()


def test_an_answer_to_nothing_more_has_the_digest_that_it_always_had() -> None:
    plain = submissions.parse({"tiers": [["c2"], ["c1"]]}, completion_ids=IDS, flag_names=[])
    answer = [[["c2"], ["c1"]], {}, ""]
    assert plain.digest() == sha256(json.dumps(answer).encode()).hexdigest()
    assert plain.more.stored(IDS) == {}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"acceptable": ...}, "acceptable_missing", "from 0 (all are bad) to 2"),
        ({"acceptable": 3}, "acceptable_invalid", "from 0 to 2, not 3"),
        ({"acceptable": -1}, "acceptable_invalid", "not -1"),
        ({"acceptable": True}, "acceptable_invalid", "not true"),
        ({"acceptable": 1.0}, "acceptable_invalid", "not 1.0"),
        ({"reasons": "correct"}, "reasons_not_a_list", 'not "correct"'),
        ({"reasons": ["wrong"]}, "unknown_reason", 'no reason "wrong" in this project; it has: correct, shorter'),
        ({"reasons": [["correct"]]}, "unknown_reason", '["correct"]'),
        ({"reasons": []}, "justification_missing", "pick a reason (correct, shorter), or write a comment"),
        ({"attributes": ...}, "not_all_rated", "Rate helpful of c1"),
        ({"attributes": []}, "attributes_not_an_object", "not []"),
        ({"attributes": {"c1": 4}}, "attributes_not_an_object", "not 4"),
        ({"attributes": {"c9": {"helpful": 1}}}, "unknown_completion", "c9"),
        ({"attributes": {"c1": {"helpful": 6}}}, "rating_invalid", "helpful is rated from 1 to 5, not 6"),
        ({"attributes": {"c1": {"helpful": 0}}}, "rating_invalid", "not 0"),
        ({"attributes": {"c1": {"helpful": True}}}, "rating_invalid", "not true"),
        ({"attributes": {"c1": {"kinder": 1}}}, "unknown_attribute", "asked for: helpful"),
        ({"attributes": {"c1": {"helpful": 1}}}, "not_all_rated", "Rate helpful of c2"),
        ({"rewrite": "Better."}, "rewrite_not_an_object", 'not "Better."'),
        ({"rewrite": {"of": "c9", "text": "x"}}, "unknown_completion", "c9"),
        ({"rewrite": {"of": "c1", "text": "x"}}, "rewrite_not_of_the_best", "rewrite one of these: c2"),
        ({"rewrite": {"of": "c2"}}, "rewrite_invalid", "is text, not null"),
        ({"rewrite": {"of": "c2", "text": " "}}, "rewrite_invalid", "is empty"),
        (
            {"rewrite": {"of": "c2", "text": "x" * 20_001}},
            "rewrite_invalid",
            "at most 20000 characters; this has 20001",
        ),
        ({"rewrite": {"of": "c2", "text": "a\0b"}}, "rewrite_invalid", "NUL"),
        ({"rewrite": {"of": "c2", "text": "x", "why": 1}}, "rewrite_invalid", "it has no why"),
        ({"comparisons": ...}, "not_all_compared", "kinder"),
        ({"comparisons": {"c1": {"kinder": 4}}}, "comparison_invalid", "not 4"),
        ({"comparisons": {"c1": {"helpful": 1}}}, "unknown_attribute", "asked for: kinder"),
        ({"comparisons": {"c1": {"kinder": 1}, "c2": {"kinder": -1}}}, "compared_twice", "stands at both"),
    ],
)
def test_it_refuses_naming_the_value_and_what_to_do(change: dict[str, object], code: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parsed(**change)
    assert caught.value.code == code
    assert words in caught.value.detail


def test_a_comment_is_a_justification_too() -> None:
    assert parsed(reasons=[], comment="It is right.").more.reasons == ()
    with pytest.raises(Invalid, match="Say why in a comment"):
        parsed(
            Asked(justification="required"), acceptable=..., reasons=..., attributes=..., comparisons=..., rewrite=...
        )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"acceptable": 1}, "acceptable_invalid"),
        ({"reasons": ["correct"]}, "unknown_reason"),
        ({"attributes": {"c1": {"helpful": 1}}}, "unknown_attribute"),
        ({"comparisons": {"c1": {"kinder": 1}}}, "unknown_attribute"),
        ({"rewrite": {"of": "c2", "text": "x"}}, "rewrite_invalid"),
    ],
)
def test_it_takes_nothing_that_was_not_asked(change: dict[str, object], code: str) -> None:
    nothing = {"acceptable": ..., "reasons": ..., "attributes": ..., "comparisons": ..., "rewrite": ...}
    with pytest.raises(Invalid) as caught:
        parsed(Asked(), **{**nothing, **change})
    assert caught.value.code == code


def test_an_answer_from_before_may_lack_what_is_asked_now() -> None:
    asked = ALL.as_far_as_said()
    more = parsed(asked, acceptable=..., reasons=..., attributes=..., comparisons=..., rewrite=...).more
    assert more.said() == {}


def test_a_huge_answer_costs_no_more_than_what_is_asked() -> None:
    with pytest.raises(Invalid, match="no such attribute"):
        parsed(attributes={"c1": {f"a{n}": 1 for n in range(100_000)}})
    with pytest.raises(Invalid, match="There is no reason"):
        parsed(reasons=["x" * 1_000_000] * 10)
