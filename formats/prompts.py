"""What counts as the same prompt, and the split that follows from it: for ever, in every project, file and run."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence

SPLITS = ("train", "validation", "test")
TEST_SHARE = 0.10
VALIDATION_SHARE = 0.10

# Control characters that are no white space; then what Unicode calls default-ignorable (soft hyphens, zero-width
# characters, marks of direction, selectors of variants, byte-order marks) and its marks of annotation.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)


def normalised(text: str) -> str:
    """Gives a text as prompts are compared: composed (NFC), without invisible characters, with single blanks alone
    between words. Upper and lower case stay, and so does every other letter and sign."""
    spaced = " ".join(text.split())  # at Unicode's white space: non-breaking blanks and all line ends too
    if spaced.isascii() and spaced.isprintable():
        return spaced  # as most are, and a third of the time
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).split())


def prompt_key(turns: Iterable[tuple[str, str]], texts: Sequence[str]) -> str:
    """Gives the sha256 in hex that prompts share which are the same: each turn's (role, content) after normalised().

    Of texts that stand alone, whose dialogue is empty and equal for all, the texts themselves decide.
    """
    said = [(role, normalised(content)) for role, content in turns]
    if not any(content for _, content in said):
        said = [("assistant", normalised(text)) for text in texts]
    messages = [{"content": content, "role": role} for role, content in said]
    canonical = json.dumps(messages, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def split_of(key: str) -> str:
    """Tells the split of a prompt's key: a tenth test, a tenth validation."""
    place = int(key[:16], 16) / 2**64
    if place < TEST_SHARE:
        return "test"
    return "validation" if place < TEST_SHARE + VALIDATION_SHARE else "train"


def has_extra_overlap(key: str, percent: int) -> bool:
    """Tells whether a prompt of this key is of the percent of all that more people rank than the rest.

    For ever the same ones, and of a higher percent the same and others. The hash is one of its own, so that each split
    has its part. podium_overlap_of (labeling/models/sql/overlap.sql) says the same in the database.
    """
    return int(hashlib.sha256(f"overlap:{key}".encode()).hexdigest()[:8], 16) * 100 < percent * 2**32
