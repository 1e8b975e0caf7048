"""The secret of a job: signed, so it is kept nowhere, and good for as long as the job of that name has its run."""

from __future__ import annotations

from django.core.signing import BadSignature, Signer

VARIABLE = "PODIUM_JOB_TOKEN"  # as in rewardtrain/core/job/job.py


def token_of(name: str) -> str:
    """Gives the token of the job of this name."""
    return _signer().signature(name)


def is_token_of(name: str, token: str) -> bool:
    """Tells whether it is that one, or was under an earlier key that still counts."""
    try:
        return _signer().unsign(f"{name}:{token}") == name
    except BadSignature:
        return False


def _signer() -> Signer:
    return Signer(salt="rewardtrain.training.remote.job")
