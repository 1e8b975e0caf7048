"""Which of a row's metadata says its texts as the file had them."""

from __future__ import annotations

import pytest

from formats.layouts.kept_originals import originals, texts_shown
from formats.messages import as_text

ASKED = {"role": "user", "content": [{"type": "text", "text": "Warm?"}]}
TOOL = {"role": "tool", "name": "weather", "content": "21"}
ANSWER = {"role": "assistant", "content": "Yes."}
METADATA = {
    "prompt": [ASKED],
    "messages": [ASKED, TOOL, ANSWER],
    "topic": "Warm?",
    "scores": [1, 2],
    "note": {"role": "user", "content": "Warm?"},
    "broken": [{"role": "nobody", "content": "Warm?"}],
    "others": [{"role": "user", "content": "Cold?"}],
}


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"Warm?"}, {"prompt", "messages"}),
        ({"Yes."}, {"messages"}),
        ({"[tool weather]\n\n21"}, {"messages"}),
        ({as_text([{"role": "user", "content": "[tool weather]\n\n21"}, {"role": "assistant", "content": "Yes."}])},
         {"messages"}),
        ({"Warm"}, set()),
        (set(), set()),
    ],
    ids=["a turn", "an answer", "a tool", "a completion of several turns", "a part of a turn", "nothing"],
)  # fmt: skip
def test_conversations_that_say_one_of_the_texts_are_originals(texts: set[str], found: set[str]) -> None:
    assert originals(METADATA, texts).keys() == found


def test_a_long_conversation_is_looked_through_in_time() -> None:
    turns = [{"role": ("user", "assistant")[n % 2], "content": f"{n} " + "x" * 500} for n in range(2_000)]
    assert originals({"messages": turns}, {turns[0]["content"]}).keys() == {"messages"}
    assert originals({"messages": turns}, {"y"}) == {}


def test_empty_turns_are_no_texts() -> None:
    assert texts_shown([{"role": "system", "content": ""}, {"role": "user", "content": "a"}], ["b", ""]) == {"a", "b"}
