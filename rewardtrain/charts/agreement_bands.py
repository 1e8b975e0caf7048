"""A model beside people, as the page of automatic labels draws it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from labeling.quality.comparisons import Agreement as OfPeople
from labeling.templatetags.podium import between, percent
from rewardtrain.charts.reports import Reliability, bins
from rewardtrain.charts.shares import Share
from rewardtrain.evidence.agreement import Share as Seen
from rewardtrain.monitoring.model_agreement import Agreement, Band, Part


@dataclass(frozen=True)
class BandRow:
    says: float
    share: Share


def beside_people(agreement: Agreement, people: OfPeople) -> list[Share]:
    """Lists the model's agreement on held-out prompts and what it must be compared with, top to bottom."""
    held_out, learnt = agreement.held_out, agreement.learnt
    rows: list[Share | None] = []
    if held_out:
        sure = _("Where it is at least %(share)s sure") % {"share": percent(agreement.threshold)}
        rows += [
            _share(_("This model"), "model", held_out.right),
            _share(sure, "model", held_out.sure),
            _share(_("Longer wins"), "longer", held_out.longer),
        ]
    of = people.n_pairs, people.n_prompts
    if people.value is not None:
        rows.append(Share(_("People agree"), "people", people.value, people.low, people.high, *of))
    if learnt:
        rows.append(_share(_("This model, on prompts it learnt from"), "champion", learnt.right))
    return [row for row in rows if row]


def bands(part: Part) -> list[BandRow]:
    return [row for band in part.bands if (row := _band(band))]


def calibration(part: Part, *, raw: bool) -> list[Reliability]:
    name = _("Before calibration") if raw else _("After calibration")
    return [Reliability(name, part.calibration, bins(part.calibration))]


def _band(band: Band) -> BandRow | None:
    share = _share(between(band.low, band.high), "model", band.right)
    return BandRow(band.says, share) if share and band.says is not None else None


def _share(label: str, kind: str, seen: Seen) -> Share | None:
    return None if seen.value is None else Share(label, kind, seen.value, seen.low, seen.high, seen.n, seen.n_prompts)
