"""What a request costs, counted and never timed, and whether that grows in proportion to what is sent.

A count is the same on a busy machine. What no count of calls sees (one call of C that takes the square of its input,
as a pattern that goes back and forth) is caught by `ends`: of a megabyte a square needs many minutes of a core, a line
a second or two. A limit of processor time between them, which no waiting uses up, is right on any machine.
"""

from __future__ import annotations

import cProfile
import gc
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from itertools import count
from types import FrameType
from typing import Any

import psutil
from django.db import connection, transaction

Act = Callable[[int], Any]  # sends something of size n, gives the answer
SECONDS = 20  # of processor time
MEMORY = 2**30  # bytes beyond what is in use
# What may come on top: another page where a limit lies between two sizes, a small table that PostgreSQL reads whole.
SLACK = (20_000, 6, 4_000, 40_000, 80_000)

_TOUCHED = """
SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del), 0)
FROM pg_stat_xact_user_tables
"""


@dataclass(frozen=True)
class Work:
    calls: int  # of functions, in Python and in C
    statements: int
    rows: int  # that PostgreSQL read or wrote
    sent: int  # characters to PostgreSQL
    answered: int  # bytes


Measure = Callable[[Act, int], Work]


def worse_than_linear(act: Act, base: int, measure: Measure | None = None) -> str:
    """In words what grows faster than what is sent, of 1, 2 and 4 times `base`; nothing where all is well.

    Four times is first: what is read or compiled once, at the first request of all, can only seem too much by that.
    """
    measure = measure or work_of
    four, one = measure(act, 4 * base), measure(act, base)
    if not _steep(one, four):
        return ""
    four, two = measure(act, 4 * base), measure(act, 2 * base)
    found = []
    for place in _steep(one, four):
        small, middle, large = (astuple(work)[place] for work in (one, two, four))
        if large - middle > 2.3 * max(middle - small, 0) + SLACK[place]:
            found.append(f"{fields(Work)[place].name}: {small:,}, {middle:,}, {large:,}")
    return "; ".join(found)


def _steep(one: Work, four: Work) -> list[int]:
    """The places of what is not nearly the same."""
    differences = [large - small for small, large in zip(astuple(one), astuple(four), strict=True)]
    return [place for place, slack in enumerate(SLACK) if differences[place] > slack]


def work_of(act: Act, size: int) -> Work:
    """Of one request, of which nothing stays."""
    statements = sent = 0

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal statements, sent
        statements += 1
        sent += len(sql) + len(repr(params))
        return execute(sql, params, many, context)

    profile = cProfile.Profile()
    with transaction.atomic(), _without_collecting():
        # As of a large table: whether a small one is read whole depends on what autovacuum saw of it last.
        connection.cursor().execute("SET LOCAL enable_seqscan = off")
        before = _rows()
        with connection.execute_wrapper(note):
            profile.enable()
            try:
                answer = act(size)
                body = b"".join(answer) if getattr(answer, "streaming", False) else answer.content
            finally:
                profile.disable()
        rows = _rows() - before
        transaction.set_rollback(True)
    calls = sum(entry.callcount for entry in profile.getstats())
    return Work(calls, statements, rows, sent, len(body))


def calls_of(act: Callable[[], object]) -> int:
    """How many functions one act calls, in Python and in C."""
    profile = cProfile.Profile()
    with _without_collecting():
        profile.runcall(act)
    return sum(entry.callcount for entry in profile.getstats())


@contextmanager
def counting_threads() -> Iterator[Measure]:
    """Of a server without a database: the work of this thread, of all that begin within, and during each measuring."""
    calls = count()  # its next is one step, whoever else counts

    def note(frame: FrameType, event: str, arg: object) -> None:
        if event in ("call", "c_call"):
            next(calls)

    def measure(act: Act, size: int) -> Work:
        with _without_collecting(), _told_to_threads(note):
            before = next(calls)
            sys.setprofile(note)
            try:
                answer = act(size)
            finally:
                sys.setprofile(None)
            return Work(next(calls) - before, 0, 0, 0, len(answer.content))

    with _told_to_threads(note):
        yield measure


@contextmanager
def _told_to_threads(note: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    threading.setprofile(note)
    try:
        yield
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]


@contextmanager
def ends() -> Iterator[None]:
    """Fails where this takes more than SECONDS of our processor time; more than MEMORY there isn't."""

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise AssertionError(f"not done after {SECONDS} s of processor time")

    before = signal.signal(signal.SIGVTALRM, give_up)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, hard))
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def largest(bytes_of: Callable[[int], int], limit: int) -> int:
    """The greatest size whose bytes, which grow evenly, are no more than `limit`."""
    small, large = bytes_of(1000), bytes_of(2000)
    each = (large - small) / 1000
    return max(1, int((limit - (small - 1000 * each)) / each)) if each > 0 else 1


def _rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED)
        return int(cursor.fetchone()[0])


@contextmanager
def _without_collecting() -> Iterator[None]:
    """What a collection calls would be counted with what it came amid."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
