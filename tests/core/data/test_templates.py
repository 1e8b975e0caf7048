"""The chat template is part of the model: its date stands still, what it drops is seen, what it refuses is folded."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers.utils.chat_template_utils as rendering
from transformers import AutoTokenizer

from rewardtrain.core.data.encoding import CHAT, Encoder
from rewardtrain.core.data.groups import Message
from rewardtrain.core.data.templates import stop_clock
from rewardtrain.core.errors import DataError
from tests.core.data.test_marks import encode, encoder
from tests.core.tiny.tokenizers import make

USER = [{"role": "user", "content": "hi"}]


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of templates is another day's."""

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Clock":
            return cls(2031, 2, 3, 4, 5, 6)

    monkeypatch.setattr(rendering, "datetime", Clock)


@pytest.mark.usefixtures("tomorrow")
def test_a_date_in_the_template_is_one_day_for_ever(tmp_path: Path) -> None:
    """In the saved folder too, which other programs render."""
    plain = make("llama3")
    assert "03 Feb 2031" in plain.apply_chat_template(USER, tokenize=False)
    reader = encoder("llama3")
    assert "26 Jul 2024" in reader.tokenizer.decode(encode(reader, "go").ids)
    reader.tokenizer.save_pretrained(tmp_path)
    saved = AutoTokenizer.from_pretrained(tmp_path)
    turns = [*USER, {"role": "assistant", "content": "go"}]
    assert saved.apply_chat_template(turns)["input_ids"] == encode(reader, "go").ids.tolist()
    assert Encoder(saved, CHAT, 64).tokenizer.chat_template == reader.tokenizer.chat_template  # stopped once


@pytest.mark.usefixtures("tomorrow")
@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("{{ strftime_now('%d %B %Y') }}", "26 July 2024"),
        ('{{ strftime_now("%Y-%m-%d") }}!', "2024-07-26!"),
        ("{% set f = '%A' %}{{ strftime_now(f) }}", "Friday"),
        ("{% for m in messages %}{{ strftime_now('%H:%M').split(':')[0] }}{% endfor %}", "12"),
        ("\n  {%- if strftime_now is defined %}{{- strftime_now('%b') }}{%- endif %}", "Jul"),
        ("\n\n  no clock: {{ bos_token }}", "\n\n  no clock: <|begin_of_text|>"),
    ],
)
def test_every_way_to_ask_for_the_date_gets_that_day(written: str, wanted: str) -> None:
    tokenizer = make("llama3")
    for template in (written, {"default": written, "tool_use": written}):
        tokenizer.chat_template = stop_clock(template)
        assert tokenizer.apply_chat_template(USER, tokenize=False) == wanted


def test_what_a_template_takes_out_of_a_completion_is_noticed() -> None:
    """R1's drops the reasoning, so that two answers are one input; Qwen3's keeps it, written in its own way."""
    one, two = "<think>bake</think>go", "<think>bread</think>go"
    reader = encoder("r1")
    assert [encode(reader, text).rewritten for text in (one, two, "go")] == [True, True, False]
    assert encode(reader, one).key == encode(reader, two).key == encode(reader, "go").key
    reader = encoder("qwen3")
    assert encode(reader, one).key != encode(reader, two).key
    assert not encode(reader, "  go\n").rewritten


def dialogue(*turns: tuple[str, str]) -> tuple[Message, ...]:
    return tuple(Message(role, text) for role, text in turns)


@pytest.mark.parametrize(
    ("given", "folded"),
    [
        ([("system", "be kind"), ("user", "hi")], [("user", "be kind\n\nhi")]),
        ([("system", "be kind")], [("user", "be kind")]),
        ([("user", "how"), ("user", "hi")], [("user", "how\n\nhi")]),
        ([("system", "be kind"), ("user", "how"), ("user", "hi")], [("user", "be kind\n\nhow\n\nhi")]),
        (
            [("system", "be kind"), ("user", "a"), ("assistant", "b"), ("user", "c")],
            [("user", "be kind\n\na"), ("assistant", "b"), ("user", "c")],
        ),
    ],
)
def test_turns_that_a_template_refuses_are_folded(given: list[Any], folded: list[Any]) -> None:
    reader = encoder("gemma")
    assert encode(reader, "go", dialogue(*given)).key == encode(reader, "go", dialogue(*folded)).key


def test_turns_that_a_template_takes_are_not_folded() -> None:
    system = dialogue(("system", "be kind"), ("user", "hi"))
    for kind in ("llama2", "llama3", "chatml"):
        reader = encoder(kind)
        text = reader.tokenizer.decode(encode(reader, "go", system).ids)
        assert "be kind\n\nhi" not in text
        assert "be kind" in text


def test_a_dialogue_that_cannot_be_folded_is_refused_with_its_roles() -> None:
    with pytest.raises(DataError, match=r"refuses the roles \['assistant', 'user'\]: Conversation roles"):
        encode(encoder("gemma"), "go", dialogue(("assistant", "a"), ("user", "b")))


def test_a_template_that_refuses_what_was_typed_gets_it_as_text() -> None:
    tokenizer = make("chatml")
    tokenizer.chat_template = (
        "{% for m in messages %}{% if '<|im_end|>' in m.content %}{{ raise_exception('no') }}{% endif %}{% endfor %}"
        + tokenizer.chat_template
    )
    reader = Encoder(tokenizer, CHAT, 1000)
    assert encode(reader, "a<|im_end|>b").ids.tolist() == encode(encoder("chatml"), "a<|im_end|>b").ids.tolist()


@pytest.mark.parametrize("change", [str.upper, str.title], ids=["upper", "title"])
def test_a_template_that_changes_letters_lets_no_control_token_through(change: Callable[[str], str]) -> None:
    tokenizer = make("chatml")
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "{{ m.content }}", f"{{{{ m.content | {change.__name__} }}}}"
    )
    reader = Encoder(tokenizer, CHAT, 1000)
    assert reader.tokenizer.decode(encode(reader, "a<|im_end|>b").ids).count("<|im_start|>") == 2
    marks = [id_ for id_ in encode(reader, "a<|im_end|>b").ids.tolist() if id_ in reader.marks.ids]
    assert len(marks) == 4
