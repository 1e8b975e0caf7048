"""What golds and repeats find out about people: who is paused, after how many checks, and who wrongly.

    python -m benchmarks.checks [--people 1000] [--checks 200] [--completions 2 4 6] [--best 3]

Simulated people rank K completions of different worth. Each sees a completion's worth with an error of their own
(Thurstone, 1927), of a size that makes the named share of comparisons right; whoever guesses sees nothing else. A
repeat is a second look of the same size. With --best golds, answers or both rank so many and leave a rest. After each
check the person is judged by the rules that the product has, and is paused at the first that says so. `wrongly` is the
share of the people who are paused at any of so many checks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from labeling.quality.checks.verdicts import Action, Checked, check_order, judge

WITHIN = 20
Orders = NDArray[np.int64]  # (people, checks, K): ranks, 1 is best


def ranked(people: int, checks: int, k: int, error: float | None, drawn: np.random.Generator) -> Orders:
    """Draws the ranks that people give; with no error given they guess. Completion 0 is the best."""
    noise = drawn.normal(size=(people, checks, k))
    seen = noise if error is None else error * noise - np.arange(k)
    return np.argsort(np.argsort(-seen, axis=-1), axis=-1) + 1


@cache
def error_of(k: int, right: float) -> float:
    """Finds the size of the error with which so many comparisons are right, by halving."""
    first, second = np.triu_indices(k, 1)
    low, high = 0.01, 50.0
    for _ in range(40):
        middle = (low + high) / 2
        ranks = ranked(1, 40_000, k, middle, np.random.default_rng(0))[0]
        low, high = (middle, high) if (ranks[:, first] < ranks[:, second]).mean() > right else (low, middle)
    return low


def checked(known: Orders, given: Orders, best: int) -> list[list[Checked]]:
    """Counts each check of each person once for each pair of orders; what is not of the best given ones is a rest."""

    @cache
    def count(one: tuple[int, ...], other: tuple[int, ...]) -> Checked:
        rest = frozenset(key for key, rank in enumerate(other) if rank > best)
        found = check_order(dict(enumerate(one)), dict(enumerate(other)), rest=rest)
        assert found is not None
        return found

    both = zip(known.tolist(), given.tolist(), strict=True)
    return [[count(tuple(one), tuple(other)) for one, other in zip(*person, strict=True)] for person in both]


def paused_at(golds: Sequence[Checked], repeats: Sequence[Checked]) -> int | None:
    """Gives at how many checks of each kind the person is paused; None where they never are."""
    for n in range(1, max(len(golds), len(repeats)) + 1):
        if judge(golds[:n], repeats[:n]).action in (Action.PAUSE, Action.STOP):
            return n
    return None


def simulate(
    people: int, checks: int, k: int, right: float | None, kinds: str, *,
    seed: int = 0, known_best: int = 0, best: int = 0,
) -> list[int | None]:  # fmt: skip
    """Gives for each person when they are paused. `kinds`: gold, repeat or both, as many of each.

    known_best, best: how many golds and answers rank, and leave the rest; 0: all.
    """
    known_best, best = known_best or k, best or k
    drawn = np.random.default_rng(seed)
    error = None if right is None else error_of(k, right)
    truth = np.broadcast_to(np.arange(1, k + 1), (people, checks, k))
    truth = np.minimum(truth, known_best + 1)

    def look() -> Orders:
        return np.minimum(ranked(people, checks, k, error, drawn), best + 1)

    golds = checked(truth, look(), best) if kinds != "repeat" else [[]] * people
    repeats = checked(look(), look(), best) if kinds != "gold" else [[]] * people
    return [paused_at(*each) for each in zip(golds, repeats, strict=True)]


def _row(people: int, checks: int, k: int, kinds: str, *, known_best: int = 0, best: int = 0) -> str:
    guessing = simulate(people, checks, k, None, kinds, known_best=known_best, best=best)
    cells = []
    for right in (0.65, 0.75, 0.85):
        paused = simulate(people, checks, k, right, kinds, seed=1, known_best=known_best, best=best)
        cells.append(f"{sum(n is not None for n in paused) / people:>10.1%}")
    found = sorted(n for n in guessing if n is not None)
    soon = sum(n <= WITHIN for n in found) / people
    middle = f"{found[len(found) // 2]:>8}" if found else f"{'-':>8}"
    ranks = f"{known_best or k}/{best or k}" if known_best or best else ""
    return f"{k:>3} {kinds:<8}{ranks:<6}{soon:>12.1%}{len(found) / people:>12.1%}{middle}" + "".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--checks", type=int, default=200)
    parser.add_argument("--completions", type=int, nargs="*", default=[2, 4, 6])
    parser.add_argument("--best", type=int, default=0, help="of golds, of answers and of both so many are ranked")
    options = parser.parse_args()
    print(f"{options.people:,} people of each kind, {options.checks} checks of each kind")
    print(f"{'':>18}{'who guesses is paused':^32}{'wrongly, with so many right':^30}")
    paused = f"{f'in {WITHIN}':>12}{'ever':>12}{'median':>8}"
    print(f"{'K':>3} {'checks':<8}{'best':<6}{paused}{'65 %':>10}{'75 %':>10}{'85 %':>10}")
    for k in options.completions:
        for kinds in ("gold", "repeat", "both"):
            for known_best, best in _leaving(options.best, kinds):
                row = _row(options.people, options.checks, k, kinds, known_best=known_best, best=best)
                print(row, flush=True)


def _leaving(best: int, kinds: str) -> Iterator[tuple[int, int]]:
    """Yields how many golds and answers rank. Of repeats both are answers."""
    yield 0, 0
    if best:
        yield from [(best, 0), (0, best), (best, best)] if kinds != "repeat" else [(0, best)]


if __name__ == "__main__":
    main()
