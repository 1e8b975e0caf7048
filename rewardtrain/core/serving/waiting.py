"""What waits for the network: whose turn it is, and what goes with it.

A batch costs as much as is taken for it, not as much as waits: else who waits in a long line makes it longer.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from rewardtrain.core.data.batching import distinct
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.score import Outputs, Scorer


@dataclass(eq=False)
class Request:
    """Sequences of one caller, by one model, until all are computed."""

    scorer: Scorer
    sequences: list[Encoded]
    done: "Future[Outputs]" = field(default_factory=Future)
    left: OrderedDict[int, deque[int]] = field(init=False)  # what hasn't been taken: indices by length, longest first
    parts: list[tuple[list[int], Outputs]] = field(default_factory=list)
    distinct: tuple[list[int], list[int]] = field(init=False)  # equal ones are computed once; see batching.distinct
    missing: int = field(init=False)  # sequences that aren't computed

    def __post_init__(self) -> None:
        self.distinct = distinct(self.sequences)
        self.missing = len(self.distinct[0])
        self.left = OrderedDict()
        for index in sorted(self.distinct[0], key=lambda index: -len(self.sequences[index])):
            self.left.setdefault(len(self.sequences[index]), deque()).append(index)

    @property
    def longest(self) -> int:
        """Counts the tokens of the longest sequence that is left."""
        return next(iter(self.left))

    @property
    def tokens(self) -> int:
        """Counts those of all that is left."""
        return sum(length * len(indices) for length, indices in self.left.items())

    def add(self, indices: list[int], outputs: Outputs) -> None:
        self.parts.append((indices, outputs))
        self.missing -= len(indices)
        if not self.missing:
            firsts, places = self.distinct
            computed = [index for indices, _ in self.parts for index in indices]
            row = {index: place for place, index in enumerate(computed)}
            order = [row[firsts[place]] for place in places]
            self._end(lambda: self.done.set_result(Outputs.joined([part for _, part in self.parts])[order]))

    def fail(self, error: Exception) -> None:
        self._end(lambda: self.done.set_exception(error))

    @staticmethod
    def _end(tell: Callable[[], None]) -> None:
        with suppress(InvalidStateError):  # the caller has gone meanwhile
            tell()


Taken = list[tuple[Request, list[int]]]


class Line:
    """Who waits for one model: requests by the lengths of what is left of them, those of one length in turn."""

    def __init__(self) -> None:
        self._lengths: list[int] = []  # sorted
        self._requests: dict[int, OrderedDict[Request, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._lengths)

    def join(self, request: Request) -> None:
        for length in request.left:
            if length not in self._requests:
                insort(self._lengths, length)
                self._requests[length] = OrderedDict()
            self._requests[length][request] = None

    def leave(self, request: Request, length: int) -> None:
        """Nothing of this length is left of it."""
        del self._requests[length][request]
        if not self._requests[length]:
            del self._requests[length], self._lengths[bisect_left(self._lengths, length)]

    def go_behind(self, request: Request) -> None:
        for length in request.left:
            self._requests[length].move_to_end(request)

    def take(self, longest: int, room: int, chosen: dict[Request, list[int]]) -> None:
        """Takes at most `room` sequences, the longest that are no longer than `longest`; see take_from."""
        place = bisect_right(self._lengths, longest)
        while room and place:
            place -= 1
            length = self._lengths[place]
            for request in list(islice(self._requests[length], room)):
                room -= self.take_from(request, [length], room, chosen)

    def take_from(self, request: Request, lengths: list[int], room: int, chosen: dict[Request, list[int]]) -> int:
        """Takes at most `room` of a request's sequences of these lengths, which no longer are in `left`.

        Gives how many.
        """
        taken = list[int]()
        for length in lengths:
            indices = request.left[length]
            taken += [indices.popleft() for _ in range(min(len(indices), room - len(taken)))]
            if indices:
                break
            del request.left[length]
            self.leave(request, length)
        if taken:
            chosen.setdefault(request, []).extend(taken)
        return len(taken)


class Waiting:
    """Requests in the order of their turns. Its methods are called by one thread at a time."""

    def __init__(self) -> None:
        self.tokens = 0  # of all that wait
        self._turns: OrderedDict[Future[Outputs], Request] = OrderedDict()
        self._lines: defaultdict[Scorer, Line] = defaultdict(Line)

    def __len__(self) -> int:
        """Counts how many requests wait."""
        return len(self._turns)

    @property
    def first(self) -> Request:
        """Tells whose turn it is."""
        return next(iter(self._turns.values()))

    def add(self, request: Request) -> None:
        self.tokens += request.tokens
        self._turns[request.done] = request
        self._lines[request.scorer].join(request)

    def drop(self, done: "Future[Outputs]") -> None:
        """What is left of a request, where it still waits, isn't wanted any more."""
        if request := self._turns.get(done):
            self.tokens -= request.tokens
            for length in request.left:
                self._lines[request.scorer].leave(request, length)
            self._end(request)

    def take(self, budget: int, *, across: bool = True) -> Taken:
        """Takes from the first in line its longest sequence, and from all what is nearest below in length, up to
        `budget` tokens. across: from others too. Then it is the next one's turn.

        Padding included, as all are padded to the first one. Where completions share their prompt's pass, those of the
        first go before the others'. What is taken no longer is in `left`.
        """
        first, longest = self.first, self.first.longest
        line, chosen = self._lines[first.scorer], dict[Request, list[int]]()
        room = max(1, budget // max(1, longest))
        if first.scorer.packs or not across:
            room -= line.take_from(first, list(first.left), room, chosen)
        if across:
            line.take(longest, room, chosen)
        self.tokens -= sum(len(request.sequences[index]) for request, indices in chosen.items() for index in indices)
        self._turns.move_to_end(first.done)
        line.go_behind(first)
        for request in chosen:
            if not request.left:
                self._end(request)
        return list(chosen.items())

    def _end(self, request: Request) -> None:
        del self._turns[request.done]
        if not self._lines[request.scorer]:
            del self._lines[request.scorer]
