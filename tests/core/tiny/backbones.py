"""Backbones that train in a second, made on the spot: one of each kind of network that a reward model is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORDS = [f"{letter}{vowel}" for letter in "bdfgklmnprst" for vowel in "aeiou"]
GOOD, BAD = "good", "bad"
POSITIONS = 64


def save_tiny_bert(folder: Path, *, spread: float = 0.02) -> Path:
    """A random BERT: 2 layers of 32, and a WordPiece vocabulary of a few dozen words. spread is of its weights."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast  # type: ignore[attr-defined]

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz?", *WORDS, GOOD, BAD]
    vocabulary += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=POSITIONS,
        initializer_range=spread,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    BertTokenizerFast(vocab={word: place for place, word in enumerate(vocabulary)}).save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Marks:
    """What a kind of tokenizer adds to a text: the first of its special tokens have the ids 0, 1, ..."""

    specials: tuple[str, ...]
    single: str
    pair: str
    names: dict[str, str]  # by the tokenizer's name for each
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    template: str | None = None
    side: str = "right"


_TYPED = ("input_ids", "token_type_ids", "attention_mask")
_TEMPLATE = (
    "{% for m in messages %}<start> {{ m.role }} {{ m.content }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<start> assistant {% endif %}"
)
BERT = Marks(
    ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "[CLS] $A [SEP]",
    "[CLS] $A [SEP] $B:1 [SEP]:1",
    {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    _TYPED,
)
ROBERTA = Marks(
    ("<s>", "<pad>", "</s>", "<unk>"),
    "<s> $A </s>",
    "<s> $A </s> </s> $B </s>",
    {"pad": "<pad>", "unk": "<unk>", "bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>"},
)
T5 = Marks(("<pad>", "</s>", "<unk>"), "$A </s>", "$A </s> $B </s>", {"pad": "<pad>", "eos": "</s>", "unk": "<unk>"})
XLNET = Marks(
    ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>"),
    "$A <sep> <cls>:2",
    "$A <sep> $B:1 <sep>:1 <cls>:2",
    {"pad": "<pad>", "unk": "<unk>", "bos": "<s>", "eos": "</s>", "cls": "<cls>", "sep": "<sep>"},
    _TYPED,
    side="left",
)
GPT = Marks(("<|end|>", "<unk>"), "$A", "$A $B", {"eos": "<|end|>", "bos": "<|end|>", "unk": "<unk>"})
LLAMA = Marks(("<unk>", "<s>", "</s>"), "<s> $A", "<s> $A <s> $B", {"unk": "<unk>", "bos": "<s>", "eos": "</s>"})
CHAT = Marks(
    ("<pad>", "<unk>", "<start>", "<end>"),
    "$A",
    "$A $B",
    {"pad": "<pad>", "unk": "<unk>", "eos": "<end>"},
    template=_TEMPLATE,
)


@dataclass(frozen=True)
class Backbone:
    """A kind of network, with the tokenizer of its kind and the numbers that make it tiny."""

    kind: str  # transformers' model_type
    marks: Marks
    numbers: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path, **numbers: Any) -> Path:
        """Write the trunk, random and spread widely enough that texts differ, and the tokenizer."""
        import torch
        from transformers import AutoModel

        config = self._config(numbers)
        torch.manual_seed(0)
        network = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.ndim >= 2:
                    parameter.normal_(0, 0.3, generator=generator)
        network.save_pretrained(folder)
        make_tokenizer(self.marks).save_pretrained(folder)
        return folder

    def save_without_weights(self, folder: Path) -> Path:
        """Write the config and the tokenizer, of a network that can't be made here."""
        from safetensors.torch import save_file

        self._config({}).save_pretrained(folder)
        save_file({}, folder / "model.safetensors", metadata={"format": "pt"})
        make_tokenizer(self.marks).save_pretrained(folder)
        return folder

    def _config(self, numbers: dict[str, Any]) -> Any:
        from transformers import AutoConfig

        tokenizer = make_tokenizer(self.marks)
        ids = {f"{name}_token_id": tokenizer.convert_tokens_to_ids(token) for name, token in self.marks.names.items()}
        own = {"vocab_size": len(tokenizer), "pad_token_id": ids.get("pad_token_id"), **ids}
        given = {**self.numbers, **numbers}
        nested = [name for name in _PARTS if name in given]
        for name in nested:
            given[name] = _with_tokens(given[name], own)
        return AutoConfig.for_model(self.kind, **({} if nested else own) | given)


_PARTS = ("text_config", "encoder", "decoder")  # of a config that read tokens


def _with_tokens(part: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    if "text_config" in part:
        return {**part, "text_config": {**own, **part["text_config"]}}
    return {**own, **part}


def make_tokenizer(marks: Marks) -> Any:
    """A tokenizer of whole words that adds these marks."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = [*marks.specials, *"abcdefghijklmnopqrstuvwxyz?:", "user", "assistant", "User", "Assistant", *WORDS]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys([*words, GOOD, BAD]))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=marks.names["unk"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(":", "isolated")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=marks.single, pair=marks.pair, special_tokens=[(token, vocabulary[token]) for token in marks.specials]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_input_names=list(marks.inputs),
        padding_side=marks.side,
        chat_template=marks.template,
        model_max_length=POSITIONS,
        **{f"{name}_token": token for name, token in marks.names.items()},
    )


_SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
_ENCODER = {**_SIZE, "intermediate_size": 32, "max_position_embeddings": POSITIONS}
_OFFSET = {**_ENCODER, "max_position_embeddings": POSITIONS + 2, "type_vocab_size": 1}  # positions follow the pad's id
_DECODER = {**_ENCODER, "num_key_value_heads": 1, "head_dim": 8}
_WINDOWS = {**_DECODER, "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}
_MIXTURE = {**_DECODER, "num_experts_per_tok": 2}
RECURRENT = {
    **_DECODER,
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
_PICTURES = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
_QWEN_PICTURES = {"depth": 3, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 16}

BACKBONES = {
    "bert": Backbone("bert", BERT, _ENCODER),
    "roberta": Backbone("roberta", ROBERTA, _OFFSET),
    "xlm-roberta": Backbone("xlm-roberta", ROBERTA, _OFFSET),
    "mpnet": Backbone("mpnet", ROBERTA, _OFFSET),
    "distilbert": Backbone(
        "distilbert", BERT, {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 64}
    ),
    "electra": Backbone("electra", BERT, {**_ENCODER, "embedding_size": 8}),
    "albert": Backbone("albert", BERT, {**_ENCODER, "embedding_size": 8}),
    "deberta-v2": Backbone(
        "deberta-v2",
        BERT,
        {**_ENCODER, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False},
    ),
    "modernbert": Backbone("modernbert", BERT, {**_ENCODER, "local_attention": 8}),
    "gpt2": Backbone("gpt2", GPT, {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS}),
    "gpt_neox": Backbone("gpt_neox", GPT, _ENCODER),
    "opt": Backbone(
        "opt",
        ROBERTA,
        {**_SIZE, "ffn_dim": 32, "word_embed_proj_dim": 16, "max_position_embeddings": POSITIONS, "layerdrop": 0.5},
    ),
    "falcon": Backbone("falcon", GPT, {**_SIZE, "ffn_hidden_size": 32, "num_kv_heads": 1}),
    "falcon-alibi": Backbone("falcon", GPT, {**_SIZE, "ffn_hidden_size": 32, "num_kv_heads": 1, "alibi": True}),
    "bloom": Backbone("bloom", LLAMA, {"hidden_size": 16, "n_layer": 2, "n_head": 2}),
    "llama": Backbone("llama", LLAMA, _DECODER),
    "qwen2": Backbone("qwen2", CHAT, _DECODER),
    "qwen3": Backbone("qwen3", CHAT, _DECODER),
    "mistral": Backbone("mistral", LLAMA, {**_DECODER, "sliding_window": 8}),
    "gemma": Backbone("gemma", CHAT, _DECODER),
    "phi": Backbone("phi", GPT, {**_ENCODER, "resid_pdrop": 0.5}),
    "mixtral": Backbone("mixtral", LLAMA, {**_MIXTURE, "num_local_experts": 4, "router_jitter_noise": 0.3}),
    "qwen2_moe": Backbone(
        "qwen2_moe",
        CHAT,
        {**_MIXTURE, "num_experts": 4, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16},
    ),
    "t5": Backbone(
        "t5", T5, {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}
    ),
    "bart": Backbone(
        "bart",
        ROBERTA,
        {
            "d_model": 16,
            **{f"{part}_layers": 2 for part in ("encoder", "decoder")},
            **{f"{part}_ffn_dim": 32 for part in ("encoder", "decoder")},
            **{f"{part}_attention_heads": 2 for part in ("encoder", "decoder")},
            **{f"{part}_layerdrop": 0.5 for part in ("encoder", "decoder")},
            "max_position_embeddings": POSITIONS,
            "decoder_start_token_id": 2,
        },
    ),
    "xlnet": Backbone("xlnet", XLNET, {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, "d_head": 8}),
    "gemma3": Backbone("gemma3", CHAT, {"text_config": _WINDOWS, "vision_config": _PICTURES, "mm_tokens_per_image": 4}),
    "gemma3_text": Backbone("gemma3_text", CHAT, _WINDOWS),
    "qwen3_5": Backbone("qwen3_5", CHAT, {"text_config": RECURRENT, "vision_config": _QWEN_PICTURES}),
}
