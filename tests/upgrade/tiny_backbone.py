"""A random BERT of some thousand weights and a few dozen words, as Hugging Face's library keeps what it downloaded."""

from __future__ import annotations

from pathlib import Path

NAME = "podium/tiny"
COMMIT = "0" * 40  # of its snapshot
WORDS = [f"{letter}{vowel}" for letter in "bdfgklmnprst" for vowel in "aeiou"]
GOOD, BAD = "good", "bad"
SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


def save(hub: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    folder = hub / f"models--{NAME.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    vocabulary = [*SPECIAL.values(), "?", ":", "User", "Assistant", *WORDS, GOOD, BAD]
    torch.manual_seed(0)
    network = BertModel(
        BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
            initializer_range=0.3,  # wide enough that texts differ
        )
    )
    network.save_pretrained(snapshot)
    save_tokenizer(vocabulary, snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)


def save_tokenizer(vocabulary: list[str], snapshot: Path) -> None:
    """Of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: place for place, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=SPECIAL["unk"]))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in SPECIAL.values()],
    )
    names = {f"{name}_token": token for name, token in SPECIAL.items()}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=inputs, model_max_length=64, **names
    ).save_pretrained(snapshot)
