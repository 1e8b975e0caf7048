"""LLaMA-Factory's preference data, in the three ways in which its users have it."""

from __future__ import annotations

import pytest

from formats.refusals import Refused
from tests.formats.layouts.samples_of import FOLDER, records_of
from tests.formats.layouts.test_training import row_of, samples, texts, turns

TALK = records_of(FOLDER / "llama-factory.json")[0]
ASKED = records_of(FOLDER / "llama-factory.instruction.json")[0]


def test_conversations_are_the_prompt_and_the_chosen_turn_is_first() -> None:
    row, _ = samples("llama-factory.json")
    assert turns(row) == [("user", "Name a bird."), ("assistant", "A wren."), ("user", "Another.")]
    assert (texts(row), row.rankings[0].ranks, row.rankings[0].labeler) == (
        ["A robin.", "A bat."],
        (1, 2),
        "llama-factory",
    )
    assert row.metadata == {}


def test_calls_and_what_they_gave_are_turns_and_the_tools_stay_beside() -> None:
    _, row = samples("llama-factory.json")
    assert turns(row) == [
        ("system", "You may look things up."),
        ("user", "Is it raining?"),
        ("assistant", '{"name": "weather", "arguments": {}}'),
        ("user", '[tool]\n\n{"rain": false}'),
    ]
    assert row.metadata["tools"] == '[{"name": "weather"}]'
    assert row.metadata["conversations"] == records_of(FOLDER / "llama-factory.json")[1]["conversations"]


def test_messages_are_taken_too_and_images_stay_named() -> None:
    [row] = samples("llama-factory.messages.jsonl")
    assert (turns(row), row.metadata) == ([("user", "<image>What is this?")], {"images": ["gate.jpg"]})


def test_an_instruction_comes_after_its_history_with_its_input_below() -> None:
    with_history, with_input, older = samples("llama-factory.instruction.json")
    assert turns(with_history)[0] == ("system", "Be brief.")
    assert turns(with_history)[3:] == [
        ("user", "And on Saturdays?"),
        ("assistant", "At ten."),
        ("user", "And on Sundays?"),
    ]
    assert turns(with_input) == [("user", "Translate.\nGuten Morgen")]
    assert (texts(older), older.rankings[0].ranks) == (["A walnut.", "A bolt."], (1, 2))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            {**TALK, "conversations": [{"from": "nobody", "value": "x"}]},
            r"conversations\[0\].from: must be one of human",
        ),
        ({**TALK, "conversations": [{"from": "human"}]}, r"conversations\[0\].value: must be a text"),
        ({**TALK, "conversations": []}, "conversations: must be a list of at least 1"),
        ({**TALK, "chosen": "A robin."}, "chosen: must be an object"),
        ({**TALK, "rejected": {"from": "gpt", "value": 7}}, "rejected.value: must be a text"),
        ({**TALK, "rejected": TALK["chosen"]}, "chosen: is the same as rejected"),
        ({**TALK, "system": 7}, "system: must be a text"),
        ({**ASKED, "history": [["x"]]}, r"history\[0\]: must be a list of at least 2"),
        ({**ASKED, "history": [["x", "y", "z"]]}, r"history\[0\]: must be a list of 2"),
        ({**ASKED, "output": ["x"]}, "output: must be a list of at least 2"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(record: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        row_of("llama-factory", record)
