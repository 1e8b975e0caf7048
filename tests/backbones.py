"""A backbone that trains in a second, made on the spot."""

from __future__ import annotations

from pathlib import Path

WORDS = [f"{letter}{vowel}" for letter in "bdfgklmnprst" for vowel in "aeiou"]
GOOD, BAD = "good", "bad"


def save_tiny_bert(folder: Path, *, spread: float = 0.02) -> Path:
    """A random BERT: 2 layers of 32, and a WordPiece vocabulary of a few dozen words. spread is of its weights."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz?", *WORDS, GOOD, BAD]
    vocabulary += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=spread,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    BertTokenizerFast(vocab={word: place for place, word in enumerate(vocabulary)}).save_pretrained(folder)
    return folder
