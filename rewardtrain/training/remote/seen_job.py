"""What a run's row says of the job that has it: all that a look needs, whoever makes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from rewardtrain.models import TrainingRun


@dataclass
class SeenJob:
    """A job as the last look left it."""

    round: int = 0  # 0 trains, later ones compare with whoever became champion meanwhile
    spec_sha256: str = ""
    champion: int | None = None  # whom its reports compare with, by their keys, and the checksum of the data
    head: int | None = None
    data: str = ""
    id: str = ""  # the scheduler's number; "" until it has said one
    reason: str = ""  # why it waits, or why nothing can be said of it, in the scheduler's words
    owner: str = ""  # which start of the job writes the metrics
    starts: int = 0
    position: int = 0  # up to where its metrics were read
    heard_at: str = ""
    gone_at: str = ""  # since when the scheduler says that it works no more, and the job itself says nothing

    @classmethod
    def of(cls, run: TrainingRun) -> SeenJob:
        """Reads the row's."""
        return cls(**{name: value for name, value in run.job_seen.items() if name in cls.__dataclass_fields__})

    def as_row(self) -> dict[str, Any]:
        """Gives what the row holds."""
        return asdict(self)

    def hear(self) -> None:
        """Notes that it has said something just now."""
        self.heard_at = timezone.now().isoformat()

    def silent_for(self) -> float:
        """Tells for how many seconds it has said nothing."""
        return _seconds_since(self.heard_at)

    def gone_for(self) -> float:
        """Notes that the scheduler knows of no work, and gives the seconds since it did so first."""
        self.gone_at = self.gone_at or timezone.now().isoformat()
        return _seconds_since(self.gone_at)


def _seconds_since(moment: str) -> float:
    return (timezone.now() - datetime.fromisoformat(moment)).total_seconds() if moment else 0.0
