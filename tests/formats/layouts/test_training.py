"""TRL, HH-RLHF and OpenAI: what of a record becomes the prompt, the completions, their order and the metadata."""

from __future__ import annotations

import pytest

from formats import rows, values
from formats.layouts.known import BY_NAME
from formats.layouts.layout import read
from formats.refusals import Refused
from formats.rows import Row
from tests.formats.layouts.samples_of import FOLDER, records_of


def row_of(name: str, record: object) -> Row:
    ((_, made),) = read(BY_NAME[name], [(1, record)])
    if isinstance(made, Refused):
        raise made
    return rows.parse_row(made)


def samples(file: str) -> list[Row]:
    return [row_of(file.split(".")[0], record) for record in records_of(FOLDER / file)]


def turns(row: Row) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in row.messages]


def texts(row: Row) -> list[str]:
    return [completion.text for completion in row.completions]


def said(role: str, content: object, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


class TestTRL:
    def test_an_explicit_prompt_and_what_stands_beside_it(self) -> None:
        first, second, third = samples("trl-preference.plain.jsonl")
        assert turns(first) == [("user", "What colour is a clear sky at noon?")]
        assert texts(first) == [" Blue.", " Green."]
        assert (first.rankings[0].labeler, first.rankings[0].ranks) == ("trl", (1, 2))
        assert (second.id, second.split, second.rankings[0].labeler, second.rankings[0].strength) == (
            "41",
            "test",
            "ann",
            2,
        )
        assert [completion.model for completion in second.completions] == ["big", "small"]
        assert second.metadata == {"score_chosen": 4.5, "score_rejected": 1.0, "margin": 3.5, "source": "quiz"}
        assert third.rankings[0].ranks == (1, 1)  # equal scores

    def test_an_implicit_prompt_is_what_both_begin_with(self) -> None:
        words, one_turn, several = samples("trl-preference.implicit.jsonl")
        assert (turns(words), texts(words)) == ([("user", "A clear sky at noon is")], [" blue.", " black."])
        assert (turns(one_turn), texts(one_turn)) == ([("user", "Name a prime.")], ["Seven.", "Nine."])
        assert turns(several) == [("user", "Go on.")]
        assert texts(several)[0] == "Assistant: With what?\n\nUser: The tale.\n\nAssistant: Once upon a time."

    @pytest.mark.parametrize(
        ("chosen", "rejected", "prompt"),
        [
            ("Yes.", "No.", ""),  # texts that stand alone
            ("Yes.", "Yes. Of course.", ""),  # one begins the other
            ("A b", "A b c", "A"),
            ("one  two", "one  ten", "one "),
            ("x" * 400_000 + " a", "x" * 400_000 + " b", "x" * 400_000),
            (" " * 400_000 + "a", " " * 400_000 + "b", ""),
            ("x" * 400_000, "x" * 400_001, ""),
        ],
    )
    def test_words_that_both_begin_with_leave_each_one_of_its_own(
        self, chosen: str, rejected: str, prompt: str
    ) -> None:
        row = row_of("trl-preference", {"chosen": chosen, "rejected": rejected})
        assert row.messages[0]["content"] == prompt
        assert all(text.strip() for text in texts(row))

    def test_a_prompt_is_not_said_twice_where_the_messages_repeat_it(self) -> None:
        row = samples("trl-preference.conversational.jsonl")[1]
        assert (turns(row), texts(row)) == (
            [("user", "Which river runs through Vienna?")],
            ["The Danube.", "The Rhine."],
        )
        assert row.metadata == {"prompt_id": "f00d", "score_chosen": 9.0, "score_rejected": 2.0}
        start = [said("system", "Short."), said("user", "Why?")]
        for prompt in ("Why?", start[1:], start, None):
            record = {
                "prompt": prompt,
                "chosen": [*start, said("assistant", "a")],
                "rejected": [*start, said("assistant", "b")],
            }
            assert turns(row_of("trl-preference", record)) == [("system", "Short."), ("user", "Why?")]

    def test_turns_that_both_share_after_the_prompt_belong_to_it(self) -> None:
        shared = [said("assistant", "Of what?"), said("user", "Of that.")]
        record = {
            "prompt": [said("user", "Why?")],
            "chosen": [*shared, said("assistant", "a")],
            "rejected": [*shared, said("assistant", "b")],
        }
        assert turns(row_of("trl-preference", record)) == [
            ("user", "Why?"),
            ("assistant", "Of what?"),
            ("user", "Of that."),
        ]

    def test_tools_are_shown_as_text_and_kept_as_they_were(self) -> None:
        row, picture = samples("trl-preference.tools.jsonl")
        record = records_of(FOLDER / "trl-preference.tools.jsonl")[0]
        assert turns(row) == [("system", "Use the tools."), ("user", "Is it warm in Graz?")]
        assert texts(row)[0] == (
            'Assistant: ```json\n{"name": "weather", "arguments": {"city": "Graz"}}\n```\n\n'
            "User: [tool weather]\n\n24 degrees\n\nAssistant: Yes, 24 degrees."
        )
        assert row.metadata == {key: record[key] for key in ("prompt", "chosen", "tools")}
        assert turns(picture) == [("user", "What is this?\n\n![image](<https://example.org/cat.png>)")]

    def test_a_column_that_a_table_fills_with_null_says_nothing(self) -> None:
        """Parquet gives each message every key that any of them has."""
        chosen, rejected = ([said("assistant", text, name=None, tool_calls=None)] for text in "ab")
        row = row_of(
            "trl-preference", {"prompt": [said("user", "Why?", name=None)], "chosen": chosen, "rejected": rejected}
        )
        assert (row.metadata, texts(row)) == ({}, ["a", "b"])

    @pytest.mark.parametrize("text", [
        '{"prompt": "a", "prompt": "b", "chosen": "c", "rejected": "d"}',
        '{"prompt": [{"role": "user", "role": "system", "content": "a"}], "chosen": "c", "rejected": "d"}',
    ])  # fmt: skip
    def test_a_key_that_stands_twice_is_refused_as_in_our_own_rows(self, text: str) -> None:
        with pytest.raises(Refused, match="this key stands twice"):
            row_of("trl-preference", values.parse(text))

    def test_two_completions_that_say_the_same_prefer_nothing(self) -> None:
        with pytest.raises(Refused, match="chosen: is the same as rejected"):
            row_of("trl-preference", {"prompt": "Why?", "chosen": "So.", "rejected": " So. "})


class TestTranscripts:
    def test_turns_that_both_share_are_the_prompt(self) -> None:
        row, early = samples("hh-rlhf.jsonl")
        assert [role for role, _ in turns(row)] == ["user", "assistant", "user"]
        assert texts(row) == ["Eight minutes.\n\nThen cool it.", "An hour."]
        assert turns(early) == [("user", "Tell me a joke")]
        assert texts(early)[0] == "Assistant: Which kind?\n\nUser: A short one\n\nAssistant: Knock knock."

    def test_a_prompt_apart_is_read_as_turns(self) -> None:
        (row,) = samples("hh-rlhf.prompt.jsonl")
        assert (turns(row), texts(row)) == ([("user", "Name a fruit.")], ["A pear.", "A stone."])

    @pytest.mark.parametrize(
        ("chosen", "code"), [("Hello", "no_transcript"), ("\n\nHuman: B\n\nAssistant: c", "no_common_beginning")]
    )
    def test_what_is_no_transcript_of_the_same_prompt_is_refused(self, chosen: str, code: str) -> None:
        with pytest.raises(Refused) as caught:
            row_of("hh-rlhf", {"chosen": chosen, "rejected": "\n\nHuman: A\n\nAssistant: b"})
        assert caught.value.code == code

    @pytest.mark.parametrize("text", ["a\n\nHuman: b", "Assistant: b\n\nAssistant: c"])
    def test_a_text_that_would_be_read_as_turns_is_not_written(self, text: str) -> None:
        row = {
            "id": "p",
            "prompt": "Why?",
            "completions": [{"text": text}, {"text": "b"}],
            "rankings": [{"labeler": "ann", "ranks": [1, 2]}],
        }
        with pytest.raises(Refused, match="HH-RLHF transcripts"):
            list(BY_NAME["hh-rlhf"].write(row))  # type: ignore[misc]


class TestOpenAI:
    def test_outputs_are_the_completions_and_a_refusal_is_a_text(self) -> None:
        first, second = samples("openai-preference.jsonl")
        assert (texts(first), first.metadata) == (
            ["136 metres.", "Quite tall."],
            {"tools": [], "parallel_tool_calls": True},
        )
        assert turns(second) == [("system", "Be brief."), ("user", "Look this up.")]
        assert texts(second)[1] == "I can't."
        assert set(second.metadata) == {"tools", "messages", "preferred_output", "non_preferred_output"}

    def test_a_chat_is_one_completion_and_no_preference(self) -> None:
        row, weighed, pair = samples("openai-chat.jsonl")
        assert (turns(row)[0], texts(row), row.rankings) == (("system", "You are a cook."), ["Salt."], ())
        assert texts(weighed) == ["Well, thanks."]
        assert set(weighed.metadata) == {"messages", "tools"}  # weights are kept, and no preference
        assert (texts(pair), pair.rankings[0].ranks) == (["Two.", "Three."], (1, 2))

    def test_a_chat_that_nobody_answered_is_refused(self) -> None:
        with pytest.raises(Refused, match="must end with the assistant's turn"):
            row_of("openai-chat", {"messages": [said("user", "Why?")]})


@pytest.mark.parametrize("name", ["trl-preference", "hh-rlhf", "openai-preference"])
def test_a_ranking_of_more_than_two_is_written_as_its_pairs(name: str) -> None:
    row = {
        "id": "p", "prompt": "Why?", "completions": [{"text": text} for text in ("one", "two", "three")],
        "rankings": [{"labeler": "ann", "ranks": [2, 1, 2]}],
    }  # fmt: skip
    written = list(BY_NAME[name].write(row))  # type: ignore[misc]
    assert [texts(row_of(name, record)) for record in written] == [["two", "one"], ["two", "three"]]
    assert len({row_of(name, record).id for record in written}) == 2


@pytest.mark.parametrize("name", ["trl-preference", "hh-rlhf", "openai-preference"])
def test_a_row_that_nobody_ranked_is_not_written_as_a_pair(name: str) -> None:
    row: dict[str, object] = {"id": "p", "prompt": "Why?", "completions": [{"text": "one"}, {"text": "two"}]}
    with pytest.raises(Refused, match="rankings: can't be written so"):
        list(BY_NAME[name].write(row))  # type: ignore[misc]
