"""Gives the sample project its retraining policy: people and prompts are labeling's."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from labeling.sample import sample_project
from labeling.sample.sample_project import LOGINS
from rewardtrain.training.policy import update_policy

__all__ = ["LOGINS", "load"]

# Small numbers, so that a first visitor sees a retraining after a coffee's worth of rankings.
POLICY = {"head_every_pairs": 30, "first_minimum": 60, "every_pairs": 60, "cooldown_minutes": 1}


def load(data_dir: Path) -> dict[str, str]:
    """Makes what is missing of both. Returns the new accounts' passwords, see labeling/sample/sample_project.py."""
    with transaction.atomic():
        sample = sample_project.load(data_dir)
        if sample.is_new:
            update_policy(sample.project, **POLICY)
    return sample.passwords
