"""How much of the row format a project takes, as docs/import.md tells it."""

from __future__ import annotations

from formats.limits import Limits

MIN_COMPLETIONS, MAX_COMPLETIONS = 2, 10
MAX_ID, MAX_LABELER, MAX_TEXT = 200, 140, 1_000_000  # characters
MAX_MESSAGES = 2_000
MAX_RANKINGS = 10_000  # of one prompt
MAX_FLAGS = 100  # of one completion
MAX_METADATA = 2**20  # bytes as JSON
MAX_TAGS, MAX_TAG = 20, 50  # of one prompt, and letters of one
MAX_EXPLANATION = 2_000  # letters, of gold

LIMITS = Limits(
    min_completions=MIN_COMPLETIONS,
    max_completions=MAX_COMPLETIONS,
    differing_texts=True,
    needs_prompt=True,
    max_id=MAX_ID,
    max_labeler=MAX_LABELER,
    max_text=MAX_TEXT,
    max_messages=MAX_MESSAGES,
    max_rankings=MAX_RANKINGS,
    max_flags=MAX_FLAGS,
    max_metadata=MAX_METADATA,
    max_tags=MAX_TAGS,
    max_tag=MAX_TAG,
    max_explanation=MAX_EXPLANATION,
)
