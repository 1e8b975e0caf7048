"""Gold as a list: each with how it was answered, the newest first, for a page and the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.models import Assignment, CheckResult, GoldAnswer
from labeling.quality.checks.verdicts import Checked, share_of
from labeling.quality.shares import Share

MOST_COUNTED = 500  # answers to each, the newest
FEW = 0.5  # of comparisons right: whoever reads the list looks at such a gold first


@dataclass(frozen=True)
class Answered:
    """How a gold was answered. doubts: reasons of those who said that it can't be ranked."""

    gold: GoldAnswer
    share: Share
    doubts: Sequence[str] = ()

    @property
    def is_doubtful(self) -> bool:
        """Tells whether people doubt it, or most are against it: then it may be the gold that is wrong."""
        return bool(self.doubts) or self.share.is_below(FEW)


def answered(golds: Sequence[GoldAnswer]) -> list[Answered]:
    """Finds it of the golds of a page, in two statements."""
    prompts = [gold.prompt_id for gold in golds]
    rows = CheckResult.objects.filter(prompt__in=prompts, purpose="gold").order_by("-pk")
    checks: dict[int, list[Checked]] = {}
    doubted: dict[int, int] = {}  # task: prompt
    for row in rows[: MOST_COUNTED * max(len(prompts), 1)]:
        if row.doubted:
            doubted[row.assignment_id] = row.prompt_id
        if row.comparisons and row.right is not None and row.worth is not None:
            checks.setdefault(row.prompt_id, []).append(Checked(row.comparisons, row.right, row.worth))
    reasons: dict[int, list[str]] = {}
    for key, reason in Assignment.objects.filter(pk__in=doubted).values_list("pk", "skip_reason"):
        reasons.setdefault(doubted[key], []).append(reason)
    return [Answered(gold, share_of(checks.get(gold.prompt_id, ())), reasons.get(gold.prompt_id, ())) for gold in golds]
