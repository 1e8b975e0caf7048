"""Small tokenizers of the kinds that real backbones have, each trained on the spot on a few sentences.

make(kind) gives a new one of a few hundred tokens that reads 64.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tests.core.tiny.chat_templates import CHATML, GEMMA, LLAMA2, LLAMA3, MISTRAL, QWEN3, R1

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CORPUS = [
    "go away and never ask that question again, you fool",
    "please let me gladly help you with this question",
    "how do i bake bread and how do you learn chess",
    "the answer is 42: bake bread at 180 degrees, then go on",
    "user: hello\n\nassistant: hello, thanks, perfect, welcome\n\nsystem: be kind",
    "if a < b and b > c:\n    return [a, b]\n",
    "Größe, naïve café, привет, 你好",
    " ".join(map(chr, range(33, 127))),
] * 4
LENGTH = 64  # tokens that each says its network reads

_QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_BLOOM_SPLIT = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def make(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer of one of KINDS, the caller's own."""
    from transformers import PreTrainedTokenizerFast

    _, special = KINDS[kind]
    backend = Tokenizer.from_str(_trained(kind))
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=LENGTH, **special)


@lru_cache
def _trained(kind: str) -> str:
    return str(KINDS[kind][0]().to_str())


def _bytes(special: list[str], pre: Any = None, *, words: list[AddedToken] | None = None, n: int = 420) -> Tokenizer:
    """Byte-level BPE, as GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre or pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=n, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens(words or [])
    return tokenizer


def _before(tokenizer: Tokenizer, token: str) -> Tokenizer:
    """It writes a token before every text."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token} $B", special_tokens=[(token, tokenizer.token_to_id(token))]
    )
    return tokenizer


def _words(*texts: str) -> list[AddedToken]:
    """Added tokens that aren't special: marks of a template, or text."""
    return [AddedToken(text, special=False, normalized=False) for text in texts]


def _neox() -> Tokenizer:
    tokenizer = _bytes(["<|endoftext|>", "<|padding|>"])
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken(" " * count, special=False, normalized=True) for count in (4, 3, 2)])
    return tokenizer


def _falcon() -> Tokenizer:
    steps = [
        pre_tokenizers.Punctuation(behavior="contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(individual_digits=False),
    ]
    return _bytes([">>TITLE<<", "<|endoftext|>"], pre_tokenizers.Sequence(steps))


def _split(pattern: str) -> Any:
    first = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    return pre_tokenizers.Sequence([first, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _qwen() -> Tokenizer:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = _bytes(special, _split(_QWEN_SPLIT), words=_words("<think>", "</think>", "<tool_call>"))
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def _r1() -> Tokenizer:
    special = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"]
    words = _words("<｜User｜>", "<｜Assistant｜>", "<think>", "</think>")
    return _before(_bytes(special, _split(_QWEN_SPLIT), words=words), special[0])


def _llama3() -> Tokenizer:
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    return _before(_bytes(special, _split(_QWEN_SPLIT)), special[0])


def _pieces(special: list[str], *, split: bool = True) -> Tokenizer:
    """BPE over characters with a sign for the blank, as sentencepiece's."""
    tokenizer = Tokenizer(models.BPE(unk_token=special[0], fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=split)
    codes = [f"<0x{code:02X}>" for code in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=620, special_tokens=[*special, *codes], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    state = tokenizer.to_str().replace("\n", "")
    tokenizer = Tokenizer.from_str(_without_added(state, codes))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _without_added(state: str, texts: list[str]) -> str:
    import json

    parsed = json.loads(state)
    parsed["added_tokens"] = [token for token in parsed["added_tokens"] if token["content"] not in texts]
    return json.dumps(parsed)


def _llama2() -> Tokenizer:
    """The blank before a text is put there by its normalizer, and so after every control token too."""
    tokenizer = _pieces(["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = None
    return _before(tokenizer, "<s>")


def _mistral() -> Tokenizer:
    """The blank is put before the first piece only; [INST] is a control token."""
    tokenizer = _pieces(["<unk>", "<s>", "</s>", "[INST]", "[/INST]"])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return _before(tokenizer, "<s>")


def _gemma() -> Tokenizer:
    """No blank is put anywhere; runs of line ends and HTML are added tokens that are text."""
    tokenizer = _pieces(["<unk>", "<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"])
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.add_tokens(_words("\n\n", "<table>", "<b>", "</b>", "<unused7>"))
    return _before(tokenizer, "<bos>")


def _unigram(special: list[str], unknown: str, *, single: str, pair: str, more: list[str] | None = None) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=220, special_tokens=[*special, *(more or [])], unk_token=unknown, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    named = [(token, tokenizer.token_to_id(token)) for token in special]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=named)
    return tokenizer


def _t5() -> Tokenizer:
    more = ["<extra_id_0>", "<extra_id_1>"]
    special = ["<pad>", "</s>", "<unk>"]
    return _unigram(special, "<unk>", single="$A </s>", pair="$A </s> $B </s>", more=more)


def _xlm_roberta() -> Tokenizer:
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = _unigram(special, "<unk>", single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", more=["<mask>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def _xlnet() -> Tokenizer:
    special = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>"]
    single, pair = "$A:0 <sep>:0 <cls>:2", "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2"
    return _unigram(special, "<unk>", single=single, pair=pair)


def _bert(*, segments: bool = True) -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=260, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1" if segments else "[CLS] $A [SEP] $B [SEP]"
    named = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair=pair, special_tokens=named)
    return tokenizer


def _roberta() -> Tokenizer:
    tokenizer = _bytes(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    places = {token: tokenizer.token_to_id(token) for token in ("<s>", "</s>")}
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", places["</s>"]), ("<s>", places["<s>"]), add_prefix_space=False
    )
    return tokenizer


_SEGMENTS = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
_BERT = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
_ANGLES = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
_ROBERTA = {**_ANGLES, "cls_token": "<s>", "sep_token": "</s>", "mask_token": AddedToken("<mask>", lstrip=True)}
_END = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
_QWEN = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
_R1 = {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"}
_SENTENCES = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}

# By name: how it is made, and what transformers is told of it.
KINDS: dict[str, tuple[Callable[[], Tokenizer], dict[str, Any]]] = {
    # Encoders, which read a pair.
    "bert": (_bert, {**_BERT, **_SEGMENTS}),
    "bert of one segment": (lambda: _bert(segments=False), {**_BERT, **_SEGMENTS}),
    "roberta": (_roberta, _ROBERTA),
    "xlm-roberta": (_xlm_roberta, _ROBERTA),
    "xlnet": (_xlnet, {**_ANGLES, "cls_token": "<cls>", "sep_token": "<sep>", "padding_side": "left", **_SEGMENTS}),
    # Encoder-decoders.
    "t5": (_t5, {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}),
    # Decoders without a template.
    "gpt2": (lambda: _bytes(["<|endoftext|>"]), _END),
    "neox": (_neox, {**_END, "pad_token": "<|padding|>"}),
    "opt": (lambda: _before(_bytes(["<s>", "<pad>", "</s>", "<unk>"]), "</s>"),
            {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"}),
    "falcon": (_falcon, {"eos_token": "<|endoftext|>"}),
    "bloom": (lambda: _bytes(["<unk>", "<s>", "</s>", "<pad>"], _split(_BLOOM_SPLIT)), _ANGLES),
    "llama2 base": (_llama2, _SENTENCES),
    "mistral base": (_mistral, _SENTENCES),
    # Decoders with a template.
    "chatml": (_qwen, {**_QWEN, "chat_template": CHATML}),
    "qwen3": (_qwen, {**_QWEN, "chat_template": QWEN3}),
    "r1": (_r1, {**_R1, "chat_template": R1}),
    "llama3": (_llama3, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "chat_template": LLAMA3}),
    "llama2": (_llama2, {**_SENTENCES, "chat_template": LLAMA2}),
    "mistral": (_mistral, {**_SENTENCES, "chat_template": MISTRAL}),
    "gemma": (_gemma, {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>",
                       "chat_template": GEMMA}),
}  # fmt: skip
