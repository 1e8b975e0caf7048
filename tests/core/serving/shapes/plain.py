"""What another server of a folder computes: plain transformers, each text alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class Plain:
    def __init__(self, folder: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()

    def logits(self, text: str, pair: str | None = None, **options: Any) -> list[float]:
        pairs = None if pair is None else [pair]  # in a list, for an empty one alone would be none
        inputs = self.tokenizer([text], pairs, return_tensors="pt", **options)
        with torch.no_grad():
            row: list[float] = self.network(**inputs).logits[0].tolist()
        return row

    def count(self, text: str, pair: str | None = None, **options: Any) -> int:
        return len(self.tokenizer(text, pair, **options)["input_ids"])
