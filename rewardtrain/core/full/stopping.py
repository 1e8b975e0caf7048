"""When a run ends before its last step, and which of its steps is kept. No torch."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass
class EarlyStopping:
    """What the validations of a run have said so far; part of every checkpoint."""

    patience: (
        int  # validations without a lower log loss that end the run; with 0 nothing does, and the last step is kept
    )
    best_step: int | None = None
    best_log_loss: float = math.inf
    waited: int = 0  # validations since the best one

    def observe(self, step: int, log_loss: float | None) -> bool:
        """Take a validation's log loss (None where there was no pair); True where this step is the one to keep."""
        if self.patience == 0 or log_loss is None:
            return False
        if log_loss < self.best_log_loss:
            self.best_step, self.best_log_loss, self.waited = step, log_loss, 0
            return True
        self.waited += 1
        return False

    @property
    def is_over(self) -> bool:
        """Tells whether the run has waited long enough."""
        return self.patience > 0 and self.waited >= self.patience

    def kept(self, last_step: int) -> dict[str, Any]:
        """Says which step's weights are kept after last_step steps, and why, as JSON values."""
        if self.best_step is not None:
            reason = "the lowest log loss of the validations"
            return {"step": self.best_step, "last_step": last_step, "log_loss": self.best_log_loss, "reason": reason}
        reason = "the last step, as patience is 0" if self.patience == 0 else "the last step: no pair to validate on"
        return {"step": last_step, "last_step": last_step, "log_loss": None, "reason": reason}
