"""Batches across callers: whenever the network is free it takes what fits from everyone who waits.

Nobody is made to wait for a batch to fill up: while one is computed the next ones to ask gather. See
docs/decisions/0062-scoring-service.md.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.errors import CoreError, DataError, NotFiniteError
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.score import Outputs, Scorer, refusal
from rewardtrain.core.serving.waiting import Request, Taken, Waiting

MOST_WAITING = 4_000_000  # tokens: what a CPU needs an hour for, and a large GPU half a minute
MOST_CALLS = 8  # of those that need the network alone, which take seconds each
Tick = Callable[[], None]
Result = TypeVar("Result")


class Busy(CoreError):
    """More waits already than will be answered while anyone still wants it."""


class UnreadableError(DataError):
    """The network gave no reward for one of the sequences."""

    def __init__(self, index: int, why: str) -> None:
        super().__init__(why)
        self.index = index


class Batcher:
    """One thread that does all computing. submit and call may be called from any other."""

    def __init__(self, *, across_callers: bool = True, token_budget: int | None = None) -> None:
        """across_callers False gives each caller batches of their own: what the benchmark compares with."""
        self._across = across_callers
        self._budget = token_budget
        self._changed = threading.Condition()
        self._waiting = Waiting()
        self._calls: deque[Callable[[], None]] = deque()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    @property
    def tokens_waiting(self) -> int:
        return self._waiting.tokens

    @property
    def requests_waiting(self) -> int:
        return len(self._waiting)

    def submit(self, scorer: Scorer, sequences: list[Encoded]) -> "Future[Outputs]":
        """Computes the outputs of the sequences, in their order. Who no longer wants them cancels the future. Raises
        Busy."""
        request = Request(scorer, sequences)
        with self._changed:
            waiting, tokens = self._waiting.tokens, request.tokens
            if waiting and waiting + tokens > MOST_WAITING:
                raise Busy(f"{waiting:,} tokens wait already, and these are {tokens:,}: try again later")
            self._waiting.add(request)
            self._changed.notify()
        request.done.add_done_callback(self._drop)
        return request.done

    def call(self, work: Callable[[Tick], Result]) -> "Future[Result]":
        """Does something else with the network, between two batches. Raises Busy.

        work is given a function that computes a batch of those who wait: called now and then, it keeps them moving.
        """
        done: Future[Result] = Future()

        def run() -> None:
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(work(self._compute_next))
                except BaseException as error:
                    done.set_exception(error)

        with self._changed:
            if len(self._calls) >= MOST_CALLS:
                raise Busy(f"{len(self._calls)} wait already for what needs the network alone: try again later")
            self._calls.append(run)
            self._changed.notify()
        return done

    def end(self) -> None:
        """Ends what was submitted and then the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _drop(self, done: "Future[Outputs]") -> None:
        """A caller that is gone, or was told of a fault, costs no computing, except for what is being computed."""
        with self._changed:
            self._waiting.drop(done)

    # --- In the thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._calls or self._ended)
                call = self._calls.popleft() if self._calls else None
                if not call and not self._waiting:
                    return
            if call:
                call()
            self._compute_next()  # after a call too, so that many of those keep nobody's batch waiting

    def _compute_next(self) -> None:
        if taken := self._take():
            self._compute(taken)

    def _take(self) -> Taken:
        """Takes the next batch. Everyone's turn comes round, so that many completions of one don't keep out one of
        many."""
        with self._changed:
            if not self._waiting:
                return []
            budget = Budgets.on(self._waiting.first.scorer.device, self._budget).tokens
            return self._waiting.take(budget, across=self._across)

    def _compute(self, taken: Taken) -> None:
        sequences = [request.sequences[index] for request, indices in taken for index in indices]
        try:
            outputs = taken[0][0].scorer.forward(sequences)
        except Exception as error:
            self._compute_apart(taken, error)
            return
        start = 0
        for request, indices in taken:
            part = slice(start, start + len(indices))
            start = part.stop
            request.add(indices, outputs[part])

    def _compute_apart(self, taken: Taken, error: Exception) -> None:
        """Computes each caller's part of a batch that failed, and of a caller's each sequence, to find whose fault it
        was."""
        if len(taken) > 1:
            for part in taken:
                self._compute([part])
            return
        ((request, indices),) = taken
        if len(indices) == 1:
            self._fail(request, indices[0], error)
        for index in indices if len(indices) > 1 else []:
            if not request.done.done():  # the first fault ends the request
                self._compute([(request, [index])])

    def _fail(self, request: Request, index: int, error: Exception) -> None:
        own = isinstance(error, CoreError) and not isinstance(error, NotFiniteError)
        request.fail(error if own else UnreadableError(index, refusal(error)))
