"""What the machines of one run say to each other: notes by name, as JSON, in a store on the first machine."""

import json
import time
from datetime import timedelta
from typing import Any

from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from rewardtrain.core import errors
from rewardtrain.core.errors import ConfigError, CoreError, ProcessDiedError, SmallerBatches
from rewardtrain.core.full.node import Node

CONNECT_SECONDS = 5.0  # of one try
SIGN_SECONDS = 1.0  # between two signs of life
SILENT_SECONDS = 90.0  # after which a machine is given up
LOST = "the run's first machine was lost; the last checkpoint is from before"


def new_store() -> TCPStore:
    """Opens a store at a port that is free."""
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


class Board:
    """The notes of one run. Raises ProcessDiedError once the first machine can't be reached."""

    def __init__(self, store: TCPStore, node: Node) -> None:
        self._store, self._rank = PrefixStore(f"podium/{node.name}", store), node.rank
        self._signed = -SIGN_SECONDS
        self._signs: dict[int, tuple[int, float]] = {}  # how many another has given, and when that was seen first

    @classmethod
    def opened(cls, node: Node) -> "Board":
        """Opens it on the first machine. Raises ConfigError where the port is taken."""
        try:
            return cls(TCPStore("127.0.0.1", node.port, is_master=True, wait_for_workers=False), node)
        except RuntimeError as error:
            seen = f"port {node.port} of this machine can't be had ({str(error).splitlines()[0][:200]})"
            raise ConfigError(f"{seen}; another run may have it, so take another port") from error

    @classmethod
    def found(cls, node: Node) -> "Board | None":
        """Finds it from another machine; None while the first doesn't listen."""
        try:
            seconds = timedelta(seconds=CONNECT_SECONDS)
            return cls(TCPStore(node.host, node.port, is_master=False, timeout=seconds), node)
        except (RuntimeError, OSError):
            return None

    def has(self, name: str) -> bool:
        try:
            self._sign()
            return bool(self._store.check([name]))
        except (RuntimeError, OSError) as error:
            raise ProcessDiedError(LOST) from error

    def say(self, name: str, value: object) -> None:
        try:
            self._store.set(name, json.dumps(value))
        except (RuntimeError, OSError) as error:
            raise ProcessDiedError(LOST) from error

    def heard(self, name: str) -> Any:
        """Gives what was said; None of nothing."""
        if not self.has(name):
            return None
        try:
            return json.loads(self._store.get(name))
        except (RuntimeError, OSError) as error:
            raise ProcessDiedError(LOST) from error

    # --- Who is there -------------------------------------------------------------------------------------------------

    def _sign(self) -> None:
        if time.monotonic() - self._signed >= SIGN_SECONDS:
            self._store.add(f"signs/{self._rank}", 1)
            self._signed = time.monotonic()

    def is_silent(self, rank: int) -> bool:
        """Tells whether that machine has given no sign of life for long. Asked again and again."""
        count, now = self._store.add(f"signs/{rank}", 0), time.monotonic()
        if self._signs.get(rank, (None, now))[0] != count:
            self._signs[rank] = (count, now)
        return now - self._signs[rank][1] > SILENT_SECONDS


# --- Errors as notes --------------------------------------------------------------------------------------------------


def described(error: Exception) -> dict[str, Any]:
    """Gives an error as JSON values."""
    values = {"kind": type(error).__name__, "words": str(error)}
    return values | ({"budgets": [error.tokens, error.graph]} if isinstance(error, SmallerBatches) else {})


def named(said: dict[str, Any]) -> Exception:
    """Gives the error that was described."""
    kind = getattr(errors, said["kind"], None)
    if kind is SmallerBatches:
        return SmallerBatches(said["words"], *said["budgets"])
    if isinstance(kind, type) and issubclass(kind, CoreError):
        return kind(said["words"])
    return RuntimeError(said["words"])
