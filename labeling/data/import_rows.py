"""One line of an import: a row of the format (formats.rows) within a project's limits, which are in docs/import.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from formats import fields, rows
from formats.limits import Limits
from formats.rankings import RankingRow
from formats.refusals import Refused
from formats.rows import Row

MIN_COMPLETIONS, MAX_COMPLETIONS = 2, 10
MIN_TEXTS = 1  # of a classification
MAX_ID, MAX_LABELER, MAX_TEXT = 200, 140, 1_000_000  # characters
MAX_MESSAGES = 2_000
MAX_RANKINGS = 10_000  # of one prompt
MAX_FLAGS = 100  # of one completion
MAX_METADATA = 2**20  # bytes as JSON

RANKS = Limits(
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
)
CLASSIFIES = replace(RANKS, min_completions=MIN_TEXTS, needs_prompt=False)


def parse_line(line: bytes, *, flags: Sequence[str] = (), classifies: bool = False) -> Row:
    """Reads one line of JSON Lines. Raises Refused.

    flags: the project's. classifies: single texts and texts without a prompt are taken, and each recorded ranking
    answers every one of the flags.
    """
    row = rows.parse_row(rows.read_json(line), CLASSIFIES if classifies else RANKS)
    if classifies:
        _check_answers(row.rankings, flags)
    else:
        _check_names(row.rankings, flags)
    return row


def _check_names(rankings: Sequence[RankingRow], known: Sequence[str]) -> None:
    """Recorded flags may be others than the project's, but none that is one of the project's in another spelling."""
    for place, ranking in enumerate(rankings):
        for index, flags in enumerate(ranking.flags):
            for name in flags:
                if name not in known and (meant := fields.nearest(name, known)):
                    field = f"rankings[{place}].flags[{index}].{name}"
                    raise Refused(field, flags[name], "misspelt_key", meant=meant)


def _check_answers(rankings: Sequence[RankingRow], asked: Sequence[str]) -> None:
    """Every flag of every text with yes or no, and no other flag, which would be trained on unseen."""
    for place, ranking in enumerate(rankings):
        for index, flags in enumerate(ranking.flags):
            if set(flags) != set(asked):
                raise Refused(f"rankings[{place}].flags[{index}]", flags, "not_answered", asked=", ".join(asked))
