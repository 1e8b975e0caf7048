"""Files of chosen and rejected answers in the forms that other projects publish."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewardtrain.core.data.groups import Message
from rewardtrain.core.data.preferences import read_table
from rewardtrain.core.errors import DataError

Write = Callable[..., Path]
USER, GOOD, BAD = ({"role": role, "content": text} for role, text in
                   (("user", "hi"), ("assistant", "hello"), ("assistant", "go away")))  # fmt: skip
FORMS = {
    "text": {"prompt": "hi", "chosen": "hello", "rejected": "go away"},
    "messages": {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    "messages, prompt implicit": {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "messages, prompt repeated": {"prompt": [USER], "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "prompt also as text": {"prompt": "hi", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "prompt as text alone": {"prompt": "hi", "chosen": [GOOD], "rejected": [BAD]},
    "prompt as messages, answers as text": {"prompt": [USER], "chosen": "hello", "rejected": "go away"},
}


@pytest.mark.parametrize("row", FORMS.values(), ids=FORMS)
def test_each_form_is_one_prompt_with_the_chosen_answer_first(row: dict[str, Any], write_rows: Write) -> None:
    table = read_table(write_rows([row]), split="test")
    (group,) = table.groups
    assert group.prompt == (Message("user", "hi"),)
    assert group.completions == ("hello", "go away")
    assert [ranking.ranks for ranking in group.rankings] == [(1, 2)]
    assert table.subsets is None


def test_a_prompt_within_both_texts_ends_before_the_first_word_that_differs(write_rows: Write) -> None:
    """The texts differ after "bl", in the middle of a word."""
    row = {
        "chosen": "\n\nHuman: sky?\n\nAssistant: it is blue",
        "rejected": "\n\nHuman: sky?\n\nAssistant: it is black",
    }
    (group,) = read_table(write_rows([row]), split="test").groups
    assert group.prompt == (Message("user", "\n\nHuman: sky?\n\nAssistant: it is"),)
    assert group.completions == (" blue", " black")


def test_an_answer_that_goes_on_from_the_other_keeps_its_last_word(write_rows: Write) -> None:
    (group,) = read_table(write_rows([{"chosen": "it is", "rejected": "it is not"}]), split="test").groups
    assert (group.prompt[0].content, group.completions) == ("it", (" is", " is not"))


def test_a_parquet_file_with_subsets_is_read_as_rewardbench_has_it(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "chosen": "b", "rejected": "c", "chosen_model": "x", "subset": name, "id": 1}
            for name in ("chat", "code")]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    table = read_table(tmp_path / "data.parquet", split="test")
    assert table.subsets == ["chat", "code"]
    assert len(table.groups) == 2


def test_rows_of_no_use_are_left_out_and_counted(write_rows: Write) -> None:
    rows = [FORMS["text"], {**FORMS["text"], "rejected": "hello"}, {**FORMS["text"], "chosen": " "}]
    table = read_table(write_rows(rows), split="test")
    assert len(table.groups) == 1
    assert table.left_out == {"equal": 1, "empty": 1}


def test_rows_without_a_split_of_ours_are_all_for_testing(write_rows: Write) -> None:
    rows = [{**FORMS["text"], **split} for split in ({}, {"split": "train"}, {"split": "test_prefs"})]
    assert [len(read_table(write_rows(rows), split=split).groups) for split in ("test", "all")] == [2, 3]


def test_our_own_format_is_read_too(write_rows: Write, make_rows: Callable[..., list[dict[str, Any]]]) -> None:
    path = write_rows(make_rows(10))
    assert [len(read_table(path, split=split).groups) for split in ("test", "all")] == [2, 10]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"chosen": "a"}, "line 2: rejected is missing"),
        ({"chosen": "a", "rejected": ["b"]}, "line 2: rejected is list"),
        ({"chosen": "a", "rejected": [BAD]}, "line 2: one of chosen and rejected is text, the other messages"),
        (
            {"chosen": [GOOD, USER], "rejected": [BAD]},
            r"line 2: chosen differs from the other in \['assist",
        ),
        ({"prompt": 5, "chosen": "a", "rejected": "b"}, r"line 2: prompt: must be a text or a list of .* \(got 5\)"),
    ],
)
def test_a_wrong_row_is_named(row: dict[str, Any], words: str, write_rows: Write) -> None:
    with pytest.raises(DataError, match=words):
        read_table(write_rows([FORMS["text"], row]), split="test")
