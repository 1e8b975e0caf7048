"""Texts that hold prompt and completion already: the ids that the tokenizer alone gives them."""

from typing import Any

import pytest

from rewardtrain.core.data.whole_texts import WholeTexts, encode_whole
from rewardtrain.core.errors import DataError
from tests.core.tiny.backbones import BACKBONES, make_tokenizer

TEXTS = ("ba be bi", "good da user : bad", "")
KINDS = sorted({backbone.marks.single: kind for kind, backbone in BACKBONES.items()}.values())


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return make_tokenizer(BACKBONES[request.param].marks)


@pytest.mark.parametrize("special", [True, False])
def test_the_ids_are_the_tokenizers_own(tokenizer: Any, special: bool) -> None:
    texts = TEXTS if special and tokenizer("")["input_ids"] else TEXTS[:2]
    read = tokenizer(list(texts), add_special_tokens=special)
    sequences = encode_whole(tokenizer, WholeTexts(texts, special), max_length=32)
    assert [sequence.ids.tolist() for sequence in sequences] == read["input_ids"]
    if "token_type_ids" in read:
        assert [sequence.types.tolist() for sequence in sequences] == read["token_type_ids"]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("special", [True, False])
def test_a_long_one_is_cut_as_the_tokenizer_cuts_or_refused(tokenizer: Any, special: bool, side: str) -> None:
    tokenizer.truncation_side = side
    read = tokenizer([TEXTS[1]], add_special_tokens=special, truncation=True, max_length=4)["input_ids"]
    tokenizer(["a"])  # which tells the tokenizer to cut no more
    (sequence,) = encode_whole(tokenizer, WholeTexts((TEXTS[1],), special, 4, side == "left"), max_length=32)
    assert sequence.ids.tolist() == read[0]
    assert sequence.completion_cut
    with pytest.raises(DataError, match=r"text 0 has \d+ tokens, the model reads 4; shorten it"):
        encode_whole(tokenizer, WholeTexts((TEXTS[1],), special), max_length=4)


def test_what_has_no_tokens_is_refused(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="text 1 has no tokens at all"):
        encode_whole(tokenizer, WholeTexts(("ba", ""), special=False), max_length=8)
