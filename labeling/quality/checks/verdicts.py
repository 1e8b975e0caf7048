"""What a person's checks say about their care. Plain values, no database.

A check is a gold (a prompt whose order is known) or a repeat (a prompt that the same person ranked before). Of each it
is counted how many of the known order's comparisons the answer has in order; a person's share of all, with its interval
over checks, is held against the project's marks. `python -m benchmarks.checks` simulates what these rules do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from labeling.quality.comparisons import agreement_of
from labeling.quality.shares import Share


@dataclass(frozen=True)
class Checked:
    """One answered check: of so many comparisons of the known answer so many are right, half of one where the answer
    has a tie. `worth` is how many independent yes/no questions tell as much about somebody who guesses."""

    comparisons: int
    right: float
    worth: float


class Action(StrEnum):
    NONE = "none"
    WARN = "warn"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True)
class Marks:
    """Below which lower end of the interval something happens, as shares; None: it never does.

    least: nothing does before the checks are worth so many independent questions. Of prompts with K completions a gold
    is worth 1 at K = 2, 4.2 at K = 4 and 9.2 at K = 7.
    """

    warn: float | None = None
    pause: float | None = None
    stop: float | None = None
    least: float = 70.0
    fewest: int = 10  # checks, however much each is worth


# By simulation: of those who guess 98 in 100 are paused within 20 golds of 4 completions, and of those who
# have three of four comparisons right fewer than one in 100 ever is (docs/decisions/0190).
GOLD_MARKS = Marks(warn=0.60, pause=0.50)
# Two answers of one person differ twice as often as either differs from the truth: a repeat tells less than a gold.
REPEAT_MARKS = Marks(warn=0.55, pause=0.50, least=300.0)


@dataclass(frozen=True)
class Verdict:
    """What is to be done about a person, and by which checks; both shares have their n and interval."""

    action: Action
    golds: Share
    repeats: Share
    because: str = ""  # "gold", "repeat" or, where nothing is to be done, ""


def check_order(known: Mapping[int, int], given: Mapping[int, int], *, rest: Set[int] = frozenset()) -> Checked | None:
    """Counts the comparisons of the known ranks (1 is best) that the given ranks have in order.

    Both by the completions' keys. None where the known answer orders nothing. What the known answer ties it does not
    decide, as of two of a rest that it leaves unranked, and of two of the `rest` that the given answer left unranked
    that one says nothing: none of these is counted. The worth is 1/4 over the variance of the share in a random order.
    """
    right, n = 0.0, 0
    both = sorted(known.keys() & given.keys())
    for one, other in combinations(both, 2):
        if known[one] == known[other] or (one in rest and other in rest):
            continue
        n += 1
        if given[one] == given[other]:
            right += 0.5
        elif (known[one] < known[other]) == (given[one] < given[other]):
            right += 1
    if not n:
        return None
    tied = [size for size in Counter(known[key] for key in both).values() if size > 1]
    return Checked(n, right, n * _worth_of_one(len(both), tied, len(rest & known.keys() & given.keys())))


def _worth_of_one(k: int, tied: Sequence[int], left: int) -> float:
    """Gives what a comparison among k completions tells about somebody who guesses: the mean number of them over the
    variance of Kendall's S, those in order less those turned round, where the known order has tiers of the sizes `tied`
    and the given one a rest of `left` (Rank Correlation Methods, 1970, section 4.4). With neither 9 / (2 k + 5)."""
    every, known, given = (
        [sum(times(size) for size in sizes) for times in (_times_2, _times_3, _times_v)]
        for sizes in ([k], tied, [left])
    )
    n = (every[0] - known[0] - given[0] + known[0] * given[0] / every[0]) / 2
    variance = (every[2] - known[2] - given[2]) / 18 + known[0] * given[0] / (2 * every[0])
    variance += known[1] * given[1] / (9 * every[1]) if every[1] else 0
    return n / variance


def _times_2(size: int) -> int:
    return size * (size - 1)


def _times_3(size: int) -> int:
    return size * (size - 1) * (size - 2)


def _times_v(size: int) -> int:
    return size * (size - 1) * (2 * size + 5)


def check_flags(known: Mapping[int, Mapping[str, bool]], given: Mapping[int, Mapping[str, bool]]) -> Checked | None:
    """Counts the yes/no questions that are answered as the known answer has them. None where it answers none.

    A question without an answer is not right. Where most answers are no, whoever says no to all has most right: the
    golds of a project should have as many yes as no.
    """
    asked = [(key, name) for key, named in known.items() for name in named]
    right = sum(given.get(key, {}).get(name) == known[key][name] for key, name in asked)
    return Checked(len(asked), float(right), float(len(asked))) if asked else None


def share_of(checks: Iterable[Checked]) -> Share:
    """Gives the share of comparisons that are right, its 95 % interval over checks (comparisons.agreement_of)."""
    found = agreement_of([(check.comparisons, check.right) for check in checks])
    return Share(found.value, found.low, found.high, found.n_pairs, found.n_prompts)


def judge(
    golds: Sequence[Checked],
    repeats: Sequence[Checked],
    *,
    of_golds: Marks = GOLD_MARKS,
    of_repeats: Marks = REPEAT_MARKS,
) -> Verdict:
    """Says what is to be done about whoever answered these: the harsher of what golds and repeats say."""
    shares = {"gold": share_of(golds), "repeat": share_of(repeats)}
    says = {
        "gold": _action(golds, shares["gold"], of_golds),
        "repeat": _action(repeats, shares["repeat"], of_repeats),
    }
    because = max(says, key=lambda kind: _HARSH.index(says[kind]))
    action = says[because]
    return Verdict(action, shares["gold"], shares["repeat"], because if action is not Action.NONE else "")


_HARSH = (Action.NONE, Action.WARN, Action.PAUSE, Action.STOP)


def _action(checks: Sequence[Checked], share: Share, marks: Marks) -> Action:
    if share.low is None or len(checks) < marks.fewest or sum(check.worth for check in checks) < marks.least:
        return Action.NONE
    for action, mark in ((Action.STOP, marks.stop), (Action.PAUSE, marks.pause), (Action.WARN, marks.warn)):
        if mark is not None and share.low < mark:
            return action
    return Action.NONE
