"""How much of the row format a door takes. What a row means is the same at all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """None: no limit. Lengths are in characters, those of metadata in bytes as JSON.

    differing_texts: no two completions may say the same. needs_prompt: a text can't stand alone, without a prompt.
    other_keys: keys outside the format are left alone, for the columns of a table are their writer's.
    """

    min_completions: int = 1
    max_completions: int | None = None
    differing_texts: bool = False
    needs_prompt: bool = False
    other_keys: bool = False
    max_id: int | None = None  # and a model and a flag's name
    max_labeler: int | None = None
    max_text: int | None = None
    max_messages: int | None = None
    max_rankings: int | None = None
    max_flags: int | None = None  # of one completion
    max_metadata: int | None = None
    max_tags: int | None = None
    max_tag: int | None = None
    max_explanation: int | None = None  # of gold


NONE = Limits()
