from pathlib import Path

import pytest
from transformers import AutoTokenizer

from rewardtrain.core.data.encoding import CHAT, PAIR, TEXT, Encoder, Frame, assemble, render
from rewardtrain.core.data.groups import Message

BERT = Frame(before=((101, 0),), between=((102, 0),), after=((102, 1),))
USER = (Message("user", "how do i bake bread"),)


def test_a_single_user_turn_is_its_content() -> None:
    assert render(USER) == "how do i bake bread"


def test_a_dialogue_has_a_labelled_line_a_turn() -> None:
    dialogue = [Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello")]
    assert render(dialogue) == "System: Be brief.\n\nUser: Hi\n\nAssistant: Hello"


def test_a_pair_that_fits_is_kept_whole() -> None:
    got = assemble([1, 2], [7, 8, 9], BERT, max_length=8)
    assert got.ids.tolist() == [101, 1, 2, 102, 7, 8, 9, 102]
    assert got.types.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert (got.prompt_cut, got.completion_cut) == (False, False)


def test_the_prompt_is_cut_from_its_left_and_the_completion_stays() -> None:
    got = assemble([1, 2, 3, 4], [7, 8], BERT, max_length=7)
    assert got.ids.tolist() == [101, 3, 4, 102, 7, 8, 102]
    assert (got.prompt_cut, got.completion_cut) == (True, False)


def test_a_completion_is_cut_from_its_right_only_where_it_is_too_long_alone() -> None:
    got = assemble([1, 2], [6, 7, 8, 9], BERT, max_length=6)
    assert got.ids.tolist() == [101, 102, 6, 7, 8, 102]
    assert (got.prompt_cut, got.completion_cut) == (True, True)
    exact = assemble([1, 2], [6, 7, 8], BERT, max_length=6)
    assert exact.ids.tolist() == [101, 102, 6, 7, 8, 102]
    assert (exact.prompt_cut, exact.completion_cut) == (True, False)


def test_an_encoder_gets_what_its_own_tokenizer_makes_of_a_pair(tiny_bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    encoder = Encoder(tokenizer, PAIR, max_length=32)
    for got, text in zip(encoder.encode(USER, ["please", "go away"]), ["please", "go away"], strict=True):
        wanted = tokenizer(USER[0].content, text)
        assert got.ids.tolist() == wanted["input_ids"]
        assert got.types.tolist() == wanted["token_type_ids"]


def test_a_decoder_without_a_template_gets_labelled_text_and_an_end(tiny_llama: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    (got,) = Encoder(tokenizer, TEXT, max_length=32).encode(USER, ["please"])
    assert tokenizer.convert_ids_to_tokens(got.ids.tolist()) == [
        *["<s>", "how", "do", "i", "bake", "bread"], "[UNK]", ":", "please", "</s>"
    ]  # fmt: skip


def test_a_decoder_with_a_template_gets_it(tiny_llama: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    tokenizer.chat_template = (
        "<s>{% for m in messages %}{{ m.role }} : {{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}assistant : {% endif %}"
    )
    (got,) = Encoder(tokenizer, CHAT, max_length=32).encode(USER, ["please help"])
    text = "<s> user : how do i bake bread </s> assistant : please help </s>"
    assert tokenizer.convert_ids_to_tokens(got.ids.tolist()) == text.split()


@pytest.mark.parametrize("length", [8, 12, 20])
def test_no_sequence_is_longer_than_asked(tiny_bert: Path, length: int) -> None:
    encoder = Encoder(AutoTokenizer.from_pretrained(tiny_bert), PAIR, max_length=length)
    encoded = encoder.encode([Message("user", "bread " * 30)], ["please " * 3, "please " * 30])
    assert [len(sequence) for sequence in encoded] == [length, length]
