"""A report's figures one by one, for who wants them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from rewardtrain.charts.shares import Report


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    n_prompts: int | None  # that the n are of; older reports don't say
    kind: str  # of what n are: pairs, rankings or ties
    beside: float | None = None  # what a coin has, or a perfect model
    of: str = ""  # whose that is


def figures(report: Report) -> list[Figure]:
    """Lists what the report has; one of schema 1 has few of them, and some without an interval."""
    n, coin = Of(report["n_pairs"], report.get("n_pair_prompts"), "pairs"), _("a coin")
    error, perfect, tau = report["ece"], _("a perfect model on these pairs"), report["kendall_tau_b"]
    found = [
        _figure(_("Log loss"), report["log_loss"], n, report["ln2"], coin),
        _figure(_("Log loss before calibration"), report.get("log_loss_raw"), n, report["ln2"], coin),
        _figure(_("Brier score"), report["brier"], n, 0.25, coin),
        _figure(_("Calibration error (ECE)"), error, n, error.get("by_chance"), perfect),
        _figure(_("Calibration error before calibration"), report.get("ece_raw"), n),
        _figure(_("Kendall's tau-b of rankings"), tau, _of(tau, "rankings"), 0.0, coin),
    ]
    if margins := report.get("margins"):
        found += [
            _figure(_("Mean margin of pairs"), margins, n, 0.0, coin),
            _figure(_("Mean size of margins on pairs"), margins["size"], n),
        ]
        if ties := margins["size_on_ties"]:
            found.append(_figure(_("Mean size of margins on ties"), ties, _of(ties, "ties")))
        found.append(_figure(_("AUC of chosen against rejected"), report["rewards"]["auc"], n, 0.5, coin))
    return [figure for figure in found if figure]


class Of(NamedTuple):
    """How many judgements, of how many prompts, and of what kind."""

    n: int
    n_prompts: int | None
    kind: str


def _of(seen: Mapping[str, Any], kind: str) -> Of:
    return Of(seen["n"], seen.get("n_prompts"), kind)


def _figure(
    name: str, seen: Mapping[str, Any] | float | None, n: Of, beside: float | None = None, of: str = ""
) -> Figure | None:
    if isinstance(seen, float):
        return Figure(name, seen, None, None, *n, beside, of)
    if seen is None or seen["value"] is None:
        return None
    return Figure(name, seen["value"], seen.get("low"), seen.get("high"), *n, beside, of)
