"""A report's figures one by one, for who wants them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _

from formats.evaluation_report.figures import Counted, Estimate
from formats.evaluation_report.pairs import RankCorrelation
from formats.evaluation_report.report import PairReport


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    n_prompts: int  # that the n are of
    kind: str  # of what n are: pairs, rankings or ties
    beside: float | None = None  # what a coin has, or a perfect model
    of: str = ""  # whose that is


def figures(report: PairReport) -> list[Figure]:
    """Lists those of a report that has pairs."""
    n, coin = Of(report["n_pairs"], report["n_pair_prompts"], "pairs"), _("a coin")
    error, perfect, tau = report["ece"], _("a perfect model on these pairs"), report["kendall_tau_b"]
    margins, ties = report["margins"], report["margins"]["size_on_ties"]
    shown = [
        _figure(_("Log loss"), report["log_loss"], n, report["ln2"], coin),
        _figure(_("Log loss before calibration"), report["log_loss_raw"], n, report["ln2"], coin),
        _figure(_("Brier score"), report["brier"], n, 0.25, coin),
        _figure(_("Calibration error (ECE)"), error, n, error["by_chance"], perfect),
        _figure(_("Calibration error before calibration"), report["ece_raw"], n),
        _figure(_("Kendall's tau-b of rankings"), tau, _of(tau, "rankings"), 0.0, coin),
        _figure(_("Mean margin of pairs"), margins, n, 0.0, coin),
        _figure(_("Mean size of margins on pairs"), margins["size"], n),
        ties and _figure(_("Mean size of margins on ties"), ties, _of(ties, "ties")),
        _figure(_("AUC of chosen against rejected"), report["rewards"]["auc"], n, 0.5, coin),
    ]
    return [figure for figure in shown if figure]


class Of(NamedTuple):
    """How many judgements, of how many prompts, and of what kind."""

    n: int
    n_prompts: int
    kind: str


def _of(seen: Counted, kind: str) -> Of:
    return Of(seen["n"], seen["n_prompts"], kind)


def _figure(
    name: str, seen: Estimate | RankCorrelation, n: Of, beside: float | None = None, of: str = ""
) -> Figure | None:
    """Makes a figure; none of a mean of nothing."""
    if seen["value"] is None:
        return None
    return Figure(name, seen["value"], seen["low"], seen["high"], *n, beside, of)
