"""What a model is worth in a few words: said first wherever a model is spoken of, before its figures."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from formats.evaluation_report.report import Report
from rewardtrain.evidence import Evidence
from rewardtrain.evidence.worth import BETTER, Worth


@dataclass(frozen=True)
class Verdict:
    """What a model is worth, whether its gate let it through, and both in words."""

    worth: Worth
    passed: bool
    words: str

    @property
    def state(self) -> str:
        """Gives green only where the gate let it through and a model is worth having: the pages' badges by name."""
        return "good" if self.passed and self.worth in BETTER else "waiting"


def verdict(report: Report, evidence: Evidence, *, passed: bool) -> Verdict:
    """Says of a report on the test split what the model is worth. `passed`: what its gate decided when it was made.

    A difference that counts is one beyond noise: see worth.apart.
    """
    worth, words = evidence.worth(report)
    if not passed and worth in BETTER and (behind := _behind(report, evidence)):
        words = f"{words}. {behind}"
    return Verdict(worth, passed, words)


def _behind(report: Report, evidence: Evidence) -> str:
    """Tells which model kept this one from passing."""
    failed = {check.beside for check in evidence.checks(report) if not check.passed}
    if "champion" in failed:
        return _("Not better than the champion of that day")
    if "head_rival" in failed:
        return _("Not better than the newest head of that day")
    return ""
