"""The gate that a new model must pass to become champion by itself: every check in words, with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from formats.evaluation_report.report import Report
from rewardtrain.evidence import Evidence
from rewardtrain.evidence.figures import Check


@dataclass(frozen=True)
class Gate:
    """Whether a model may become champion by itself, rule by rule."""

    checks: list[Check]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def reasons(self) -> list[str]:
        return [check.words for check in self.checks]

    def but(self, reason: str) -> Gate:
        """Adds something else that keeps the model from passing."""
        return Gate([*self.checks, Check(False, reason)])


def gate(report: Report, evidence: Evidence) -> Gate:
    """Judges the report of an evaluation on the test split, with the champion's on the same data if there is one."""
    return Gate(evidence.checks(report))
