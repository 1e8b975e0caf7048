"""What each page and each list costs the server at a million prompts: milliseconds, statements, the slowest of them.

    python -m benchmarks.pages [--prompts 1000000] [--rankings 200000] [--models 100] [--requests 20]

Addresses are found by walking the URL configuration, so that none is forgotten, and asked for as a manager, a reviewer,
the labeler who ranked the most and an administrator of 200 projects would; lists also deep inside, by every filter and
with a search. `wall` is the time of a request in this process, database included; `processor` is what Python took of
it. A page is met where p95 of wall is below 300 ms and p95 of its slowest statement below 100 ms. Of a download it is
the time to the first bytes.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import large_site, sweep
from benchmarks.pages.addresses import Asked, everything, people
from benchmarks.pages.rows import act_on_cases, freeze, read_words, score

if TYPE_CHECKING:
    from django.test import Client

    from benchmarks.large_site import Site

PAGE_MS, STATEMENT_MS = 300, 100
PATIENCE = 20.0  # seconds: an address that takes more is asked for less often
OTHER_PROJECTS = 200


@dataclass(frozen=True)
class Cost:
    asked: Asked
    status: int
    wall: list[float]  # ms of each request
    processor: float  # ms, the median
    statements: int
    slowest: list[tuple[float, str]]  # of each request: ms, and the statement

    @property
    def p95(self) -> float:
        return _p95(self.wall)

    @property
    def slowest_p95(self) -> float:
        return _p95([ms for ms, _ in self.slowest])

    @property
    def met(self) -> bool:
        return self.p95 < PAGE_MS and self.slowest_p95 < STATEMENT_MS


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def measure(client: Client, asked: Asked, requests: int) -> Cost:
    wall: list[float] = []
    processor: list[float] = []
    slowest: list[tuple[float, str]] = []
    began = time.perf_counter()
    _one(client, asked)  # what is read or compiled once
    while len(wall) < requests and (not wall or time.perf_counter() - began < PATIENCE):
        before, busy = time.perf_counter(), time.process_time()
        status, statements = _one(client, asked)
        wall.append(1000 * (time.perf_counter() - before))
        processor.append(1000 * (time.process_time() - busy))
        slowest.append(max(statements, default=(0.0, "")))
    return Cost(asked, status, wall, statistics.median(processor), len(statements), slowest)


def _one(client: Client, asked: Asked) -> tuple[int, list[tuple[float, str]]]:
    """Nothing that it does stays, such as a task that is taken."""
    from django.db import connection, transaction

    statements: list[tuple[float, str]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            statements.append((1000 * (time.perf_counter() - began), sql))

    with transaction.atomic(), connection.execute_wrapper(note):
        answer: Any = client.get(asked.url, headers={"HX-Request": "true"} if asked.is_part else None)
        if answer.streaming:
            next(iter(answer), b"")
        answer.close()
        transaction.set_rollback(True)
    return answer.status_code, statements


def run(site: Site, requests: int, only: str = "") -> list[Cost]:
    from django.test import Client
    from rest_framework.test import APIClient

    logging.disable(logging.CRITICAL)  # refusals of what somebody may not see
    pages, apis = {}, {}
    for who, person in people(site).items():
        pages[who] = Client(raise_request_exception=False, SERVER_NAME="localhost")
        apis[who] = APIClient(raise_request_exception=False, SERVER_NAME="localhost")
        pages[who].force_login(person)
        apis[who].force_login(person)
    costs = []
    for asked in everything(site):
        if only in str(asked):
            cost = measure((apis if "_api:" in asked.name else pages)[asked.who], asked, requests)
            costs += [cost] if cost.status < 400 or cost.status >= 500 else []  # not what the person may not open
    return sorted(costs, key=lambda cost: -cost.p95)


def show(costs: list[Cost]) -> None:
    print(f"{'address':<72}{'status':>7}{'p95 ms':>9}{'processor':>10}{'statements':>11}{'slowest':>9}")
    for cost in costs:
        verdict = "met" if cost.met else "MISSED"
        print(
            f"{cost.asked!s:<72}{cost.status:>7}{cost.p95:>9.0f}{cost.processor:>10.0f}{cost.statements:>11}"
            f"{cost.slowest_p95:>9.1f} {verdict}"
        )
    slow = {
        (sql, round(cost.slowest_p95), str(cost.asked))
        for cost in costs
        if cost.slowest_p95 >= STATEMENT_MS
        for sql in [max(cost.slowest)[1]]
    }
    print(f"\n{len(costs)} addresses, the worst five by p95:")
    for cost in costs[:5]:
        print(f"  {cost.p95:.0f} ms, {cost.processor:.0f} of them Python: {cost.asked}")
    print(f"p95 over {PAGE_MS} ms: {sum(cost.p95 >= PAGE_MS for cost in costs)}")
    print(f"statements over {STATEMENT_MS} ms: {len(slow)}")
    for sql, ms, asked in sorted(slow, key=lambda each: -each[1]):
        print(f"  {ms} ms, {asked}: {' '.join(sql.split())[:300]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=1_000_000)
    parser.add_argument("--rankings", type=int, default=200_000)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--only", default="", help="addresses that this stands in")
    asked = parser.parse_args()
    with large_site.server():
        site = large_site.fill(prompts=asked.prompts, rankings=asked.rankings, each=2, models=asked.models)
        read_words()
        sweep.fill(OTHER_PROJECTS)
        score(site)
        act_on_cases(site)
        freeze(site)
        print(f"{platform.machine()}, {os.cpu_count()} cores; filled in {site.seconds:.0f} s")
        show(run(site, asked.requests, asked.only))


if __name__ == "__main__":
    main()
