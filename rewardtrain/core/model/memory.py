"""How many tokens go through the model at once, and what is done when they were too many."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rewardtrain.core.device import Device, forget_cached
from rewardtrain.core.errors import OutOfMemoryError, SmallerBatches, from_exception
from rewardtrain.core.model.needed_memory import LIKED_TOKENS

Result = TypeVar("Result")


@dataclass
class Budgets:
    """Tokens, padding included, of a micro-batch, and of all micro-batches whose activations are held together."""

    tokens: int
    graph: int = 0

    @classmethod
    def on(cls, device: Device, tokens: int | None, graph: int = 0) -> "Budgets":
        """Gives the budgets of a run's settings; None is what the device likes."""
        return cls(tokens or LIKED_TOKENS[device.kind], graph)

    def at_most(self, other: "Budgets") -> "Budgets":
        """Gives the smaller of each."""
        return Budgets(min(self.tokens, other.tokens), min(self.graph, other.graph))

    def shrink(self, longest: int) -> bool:
        """Halve both; False where less is impossible, with the longest sequence alone and one graph at a time."""
        smaller = max(self.tokens // 2, min(longest, self.tokens)), self.graph // 2 if self.graph > longest else 0
        if smaller == (self.tokens, self.graph):
            return False
        self.tokens, self.graph = smaller
        return True


def in_memory(
    work: Callable[[], Result],
    budgets: Budgets,
    *,
    longest: int,
    alone: bool = True,
    tell: Callable[[Budgets, str], None] = lambda budgets, reason: None,
) -> Result:
    """Do work, which reads the budgets; while it runs out of memory shrink them, tell, and do it again from its start.

    longest: tokens of the longest sequence. The budgets stay small for what comes after. Raises OutOfMemoryError when
    one sequence alone is too much. alone: False where other processes are in the midst of it too: it then can't be done
    again, and SmallerBatches says what to begin anew with.
    """
    while True:
        try:
            return work()
        except (
            MemoryError,
            RuntimeError,
        ) as error:  # torch's is one, on a CPU without a class
            if not isinstance(from_exception(error), OutOfMemoryError):
                raise
            reason = str(error).strip().partition("\n")[0][:200]
            if not budgets.shrink(longest):
                advice = "lower max_length, set gradient_checkpointing=true or take a smaller backbone"
                raise OutOfMemoryError(
                    f"out of memory with one sequence of {longest} tokens alone ({reason}); {advice}"
                ) from error
            if not alone:
                seen = f"out of memory ({reason}); the same command goes on from the last checkpoint with micro-batches"
                raise SmallerBatches(f"{seen} of {budgets.tokens} tokens", budgets.tokens, budgets.graph) from error
        # Only here, where the exception and the tensors its traceback held are gone.
        forget_cached()
        tell(budgets, reason)
