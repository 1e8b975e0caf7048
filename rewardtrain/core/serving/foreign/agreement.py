"""Whether a server's rewards are ours, and rewards from it for as long as they are.

It is asked only for the champion, and only once its rewards of the fixed texts were ours to TOLERANCE. Each request
carries one of those texts along, so that an answer of another model, put there meanwhile, is noticed and thrown away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Group
from rewardtrain.core.errors import CoreError, from_exception
from rewardtrain.core.score import Outputs, Scorer
from rewardtrain.core.serving.batcher import Batcher
from rewardtrain.core.serving.foreign.fixed_texts import fixed_groups
from rewardtrain.core.serving.foreign.kinds import KINDS
from rewardtrain.core.serving.foreign.server import SECONDS, Address, ForeignError, Server
from rewardtrain.core.serving.model_cache import Ref

TOLERANCE = 1e-3
RETRY_SECONDS = 15.0  # before a server that was away or refused is checked again
THREADS = 8  # that wait for it; who comes then waits for one of them
OWN_SECONDS = 120.0  # for our own rewards of the fixed texts


@dataclass(frozen=True)
class Probe:
    """One of the fixed texts, as the server is asked for it, and our logits of it."""

    item: Any
    logits: torch.Tensor  # (labels,)


class Foreign:
    """One project's server. Its methods may be called from several threads."""

    def __init__(
        self,
        address: Address,
        batcher: Batcher,
        *,
        seconds: float = SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.address, self._batcher, self._tell = address, batcher, tell
        self._seconds, self._retry = seconds, retry_seconds
        self._kind, self._server = KINDS[address.kind], Server(address, seconds=seconds)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"foreign-{address.kind}")
        self._lock = threading.Lock()
        self._ref: Ref | None = None  # that it was checked for, or is being
        self._probe: Probe | None = None  # None: it isn't asked
        self._why, self._due, self._checking = "not checked yet", 0.0, False

    def state(self) -> dict[str, Any]:
        """Tells where it is, and whether it is asked; else why not."""
        with self._lock:
            asked = self._probe is not None
            return {"kind": self.address.kind, "url": self.address.url, "asked": asked, "why": self._why or None}

    def submit(
        self, ref: Ref, scorer: Scorer, groups: Sequence[Group], sequences: Sequence[Encoded]
    ) -> Future[Outputs | None]:
        """Computes the outputs of the sequences there; None where it must be done here. groups: empty for whole
        texts."""
        probe = self._probe_for(ref, scorer)
        if probe is None:
            done: Future[Outputs | None] = Future()
            done.set_result(None)
            return done
        return self._pool.submit(self._outputs, ref, scorer, groups, sequences, probe)

    def end(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- Whether it agrees

    def _probe_for(self, ref: Ref, scorer: Scorer) -> Probe | None:
        """Gives what to check the next answer by; None where the server hasn't agreed about this model, which is then
        looked into without anybody waiting."""
        with self._lock:
            if ref != self._ref:  # a new champion
                self._ref, self._probe, self._due, self._why = ref, None, 0.0, "not checked yet"
            if self._probe is None and not self._checking and time.monotonic() >= self._due:
                self._checking = True
                self._pool.submit(self._check, ref, scorer)
            return self._probe

    def _check(self, ref: Ref, scorer: Scorer) -> None:
        try:
            probe = self._agreed(scorer)
            with self._lock:
                if ref == self._ref:
                    self._probe, self._why = probe, ""
            self._tell(f"model {ref.version} of {ref.project} is asked of {self.address.kind} at {self.address.url}")
        except Exception as error:
            self._refuse(ref, str(error) if isinstance(error, CoreError) else f"{from_exception(error) or repr(error)}")
        finally:
            with self._lock:
                self._checking = False

    def _refuse(self, ref: Ref, why: str) -> None:
        with self._lock:
            news = ref == self._ref and why != self._why
            if ref == self._ref:
                self._probe, self._why, self._due = None, why, time.monotonic() + self._retry
        if news:
            self._tell(f"model {ref.version} of {ref.project} is computed here, not by {self.address.kind}: {why}")

    def _agreed(self, scorer: Scorer) -> Probe:
        """Raises ForeignError where it doesn't agree, naming the text that differs most."""
        groups = fixed_groups()
        sequences = [sequence for group in groups for sequence in scorer.encode(group)]
        items = self._kind.items(scorer, groups, sequences)
        places = [place for place, item in enumerate(items) if item is not None]
        if not places:
            raise ForeignError(f"{self.address.kind} can't be asked for this kind of model; take the other kind")
        own = self._batcher.submit(scorer, sequences).result(OWN_SECONDS).logits[places]
        theirs = self._logits([items[place] for place in places], scorer.labels)
        differences = (theirs - own).abs().amax(dim=1)
        worst = int(differences.argmax())
        if float(differences[worst]) > TOLERANCE:
            raise ForeignError(_disagreement(places[worst], len(sequences), theirs[worst], own[worst]))
        return Probe(items[places[0]], own[0])

    # --- Asking it

    def _outputs(
        self, ref: Ref, scorer: Scorer, groups: Sequence[Group], sequences: Sequence[Encoded], probe: Probe
    ) -> Outputs | None:
        if self._probe is not probe:  # it failed another caller while this one waited
            return None
        items = self._kind.items(scorer, groups, sequences)
        there = [place for place, item in enumerate(items) if item is not None]
        here = [place for place, item in enumerate(items) if item is None]
        if not there:
            return None
        try:
            logits = torch.empty(len(sequences), len(scorer.labels))
            logits[there] = self._checked([items[place] for place in there], scorer.labels, probe)
        except ForeignError as error:
            self._refuse(ref, str(error))
            return None
        if here:
            own = self._batcher.submit(scorer, [sequences[place] for place in here])
            logits[here] = own.result(OWN_SECONDS).logits
        return Outputs(logits, None)

    def _checked(self, items: list[Any], labels: Sequence[str], probe: Probe) -> torch.Tensor:
        """Asks in requests of as many as it takes, each with the probe at its end. Raises ForeignError."""
        parts, most, ends = [], self._kind.most - 1, time.monotonic() + self._seconds
        for start in range(0, len(items), most):
            if time.monotonic() > ends:
                raise ForeignError(f"it scored {start} of {len(items)} texts within {self._seconds:.0f} s")
            logits = self._logits([*items[start : start + most], probe.item], labels)
            if float((logits[-1] - probe.logits).abs().max()) > TOLERANCE:
                words = f"its reward of a text that it was right about is {float(logits[-1][-1]):.4f} now"
                raise ForeignError(f"{words}, not {float(probe.logits[-1]):.4f}: it no longer computes this model")
            parts.append(logits[:-1])
        return torch.cat(parts)

    def _logits(self, items: list[Any], labels: Sequence[str]) -> torch.Tensor:
        """Gives (N, labels) logits of any number of items. Raises ForeignError."""
        rows = list[list[float]]()
        for start in range(0, len(items), self._kind.most):
            some = items[start : start + self._kind.most]
            found = self._kind.rows(self._server.post(self._kind.path, self._kind.body(some)), labels)
            if len(found) != len(some):
                raise ForeignError(f"{len(found)} rows came back of {len(some)} texts")
            rows += found
        return torch.tensor(rows, dtype=torch.float32)


def _disagreement(place: int, count: int, theirs: torch.Tensor, own: torch.Tensor) -> str:
    difference = float((theirs - own).abs().max())
    words = f"of {count} fixed texts it differs most at number {place + 1}: its reward is {float(theirs[-1]):.4f}, ours"
    advice = "serve this version's exported folder, in float32, and raw scores"
    return f"{words} {float(own[-1]):.4f}, logits are {difference:.4f} apart and may be {TOLERANCE}; {advice}"
