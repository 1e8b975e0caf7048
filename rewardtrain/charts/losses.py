"""A run's losses by step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rewardtrain.models import RunPoint


def loss_curve(points: Sequence[RunPoint]) -> dict[str, Any]:
    """Gives what <loss-curve> reads: steps and two curves over them, null where a step has no value."""
    return {
        "steps": [point.step for point in points],
        "loss": [point.loss for point in points],
        "validation": [point.validation_log_loss for point in points],
        "ln2": math.log(2),
    }
