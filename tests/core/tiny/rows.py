"""Rankings in the words of tests/core/tiny/backbones.py."""

import json
import random
from pathlib import Path

from tests.core.tiny.backbones import BAD, GOOD, WORDS


def write_rows(path: Path) -> Path:
    """Eight prompts to train on, which are two steps of four, three to validate and three to test."""
    random_, rows = random.Random(0), []
    for index in range(14):
        texts = [" ".join([word, *random_.choices(WORDS, k=random_.randint(1, 10))]) for word in (GOOD, BAD, "ka")]
        row = {
            "id": f"p{index}",
            "split": "train" if index < 8 else "validation" if index < 11 else "test",
            "prompt": " ".join(random_.choices(WORDS, k=random_.randint(1, 8))),
            "completions": [{"id": str(place), "text": text} for place, text in enumerate(texts)],
            "rankings": [{"labeler": "ann", "ranks": [1, 3, 2]}],
        }
        rows.append(json.dumps(row) + "\n")
    path.write_text("".join(rows))
    return path
