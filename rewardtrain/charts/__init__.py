"""The numbers behind the pages' drawings, as plain values. The templates draw; each drawing has a table beside it."""

from rewardtrain.charts.agreement_bands import bands, beside_people, calibration
from rewardtrain.charts.best_of_gains import doubts, gains
from rewardtrain.charts.learning import learning
from rewardtrain.charts.losses import loss_curve
from rewardtrain.charts.reports import flag_reliability, reliability, rewards, verdicts
from rewardtrain.charts.shares import attributes, by_gap, by_labeler, by_length_difference, comparison, versions

__all__ = [
    "attributes",
    "bands",
    "beside_people",
    "by_gap",
    "by_labeler",
    "by_length_difference",
    "calibration",
    "comparison",
    "doubts",
    "flag_reliability",
    "gains",
    "learning",
    "loss_curve",
    "reliability",
    "rewards",
    "verdicts",
    "versions",
]
