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
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import large_site, sweep

if TYPE_CHECKING:
    from django.test import Client

    from benchmarks.large_site import Site
    from labeling.models import User

PAGE_MS, STATEMENT_MS = 300, 100
PATIENCE = 20.0  # seconds: an address that takes more is asked for less often
OTHER_PROJECTS = 200
OF_VERSION = ("version", "export_folder", "labeling_api:dataset")
SCORED = 20_000  # prompts of which the champion's word is stored


@dataclass(frozen=True)
class Asked:
    who: str
    name: str
    url: str
    is_part: bool = False

    def __str__(self) -> str:
        _, _, query = self.url.partition("?")
        return f"{self.name}{'?' * bool(query)}{query[:40]} as {self.who}{', a part' * self.is_part}"


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


def everything(site: Site) -> Iterator[Asked]:
    """Each address that somebody may open, as each of them."""
    from tests.doors import NOT_OURS, PARTS, doors

    queries = _queries(site)
    for who, person in people(site).items():
        values = _values(site, person)
        frozen = {**values, "number": site.project.dataset_versions.latest("number").number}
        for door in doors():
            of_version = door.name.startswith(OF_VERSION)
            if door.name.startswith(NOT_OURS) or (who == "administrator" and door.parts):
                continue
            for query in ("", *queries.get(door.name, ())):
                yield Asked(who, door.name, door.address(frozen if of_version else values) + query)
            if door.name in PARTS:
                yield Asked(who, door.name, door.address(frozen if of_version else values), is_part=True)


def people(site: Site) -> dict[str, User]:
    from labeling.models import User

    administrator = User.objects.filter(username="administrator").first() or User.objects.create_superuser(
        "administrator"
    )
    return {
        "manager": site.manager,
        "reviewer": site.reviewer,
        "labeler": site.labelers[0],
        "administrator": administrator,
    }


def _values(site: Site, person: User) -> dict[str, object]:
    from labeling.models import Assignment
    from labeling.queue import claims

    own = Assignment.objects.filter(labeler=person, prompt__project=site.project)
    ranked = own.filter(state="ranked").first() or own.first() or claims.claim(site.project, person)
    assert ranked is not None
    return {
        "slug": site.project.slug, "assignment_id": ranked.pk, "pk": ranked.pk, "number": 1, "version": 50,
        "prompt_id": ranked.prompt_id, "username": "nobody", "token": "none", "invitation": 1, "invitation_id": 1,
        "external_id": ranked.prompt.external_id, "place": 70_000, "link": 1, "link_id": 1,
        "layout": "podium", "person": site.labelers[0].pk, "person_id": site.labelers[0].pk,
    }  # fmt: skip


# A rare word, a common one, one that was said, phrases, and three more conditions at once.
SEARCHED = (
    "q=row-70007",
    "q=neighbour",
    "q=well&disagreement=yes&split=test",
    "q=neighbour&split=test&labeler=nobody&model=nobody",
    "q=%22to+a+child%22+-less&split=test&model=nobody",
    "q=nothingofthekind",
)
# What no index has, and what nothing meets, so that a look goes through all that it may.
NARROWED = (
    "split=test&order=newest",
    "model=nobody",
    "labeler=nobody",
    "to_day=2000-01-01",
    "disagreement=yes&split=test",
    "split=test&labeler=nobody&model=nobody",
    "state=ranked&split=test&labeler=nobody&flag=hateful",
    "disagreement=no&flag=hateful&model=nobody&from_day=2020-01-01",
    *SEARCHED,
)


def _queries(site: Site) -> dict[str, list[str]]:
    """What else an address can be asked for: every filter, and a place deep in the list."""
    from labeling.people import project_people
    from labeling.views.answers.prompts import FILTERS

    middle = site.project.prompts.order_by("pk").values_list("pk", flat=True)[site.project.prompts.count() // 2]
    latest = site.project.dataset_versions.latest("number").number
    return {
        "people": [f"?sort=-{name}" for name in project_people.SORTS],
        "prompts": [
            *(f"?show={name}" for name in FILTERS),
            *(f"?show={name}&after={middle}" for name in FILTERS),
            *(f"?show={name}&before={middle}" for name in FILTERS),
            *(
                f"?{narrowed}{place}"
                for narrowed in NARROWED
                for place in ("", f"&after={middle}", f"&before={middle}")
            ),
            "?go=900000",
            "?go=row-900000",
            "?page=20000",
        ],
        "history": ["?after=100000", "?before=100000", "?page=1000", "?q=neighbour", "?q=nowhere", "?q=row-99999"],
        "rankings": [
            "?after=100000",
            "?before=100000",
            "?flag=hateful",
            "?labeler=nobody",
            "?words=some",
            "?split=test&words=some&state=all",
            "?least_seconds=5000",
            "?to_day=2000-01-01",
            "?disagreement=yes&split=test",
            "?disagreement=yes&model=nobody&flag=hateful",
            *(f"?{searched}" for searched in SEARCHED),
        ],
        "labeling_api:prompts": [
            f"?cursor={_cursor(middle)}",
            "?page_size=1000",
            *(f"?state={name}&since={middle}" for name in ("waiting", "ranked", "held")),
            *(f"?split={name}&since={middle}" for name in ("train", "test")),
            "?state=held&split=test",
            *(f"?{narrowed}&since={middle}" for narrowed in NARROWED if "order" not in narrowed),
            "?id=row-7&id=row-70007",
        ],
        "labeling_api:rankings": [
            f"?cursor={_cursor(100_000)}",
            "?page_size=1000",
            "?disagreement=yes&model=nobody&flag=hateful",
            "?from_day=2099-01-01",
            *(f"?{searched}" for searched in SEARCHED),
        ],
        "labeling_api:pairs": [f"?cursor={_cursor(600_000)}", "?page_size=1000"],
        "version_prompts": ["?page=1000", "?id=row-70007"],
        "version_difference": [f"?to={latest - 1}"],
        "runs": ["?depth=head", "?page=4"],
        "models": ["?page=4"],
        "auto_labels": ["?probabilities=raw"],
    }


def _cursor(position: int) -> str:
    from base64 import b64encode
    from urllib.parse import quote

    return quote(b64encode(f"p={position}".encode()).decode())


def freeze(site: Site) -> None:
    """Freezes two versions with files, a ranking of each of a hundred prompts apart."""
    from labeling.data.versions import datasets
    from tests.factories import rank_next

    for _ in range(2):
        before = time.perf_counter()
        version = datasets.freeze(site.project, by=site.manager)
        seconds = time.perf_counter() - before
        print(f"version {version.number}: {version.n_rankings:,} rankings, {version.bytes:,} bytes, {seconds:.1f} s")
        rank_next(site.project, site.labelers[-1], 100)


def read_words() -> None:
    """Reads the words of all texts, as sweeps do in the minutes after an import."""
    from django.db import connection

    from labeling.answers.search import texts

    before = time.perf_counter()
    n = texts.read(seconds=math.inf)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE labeling_searchtext")
        cursor.execute("SELECT pg_total_relation_size('labeling_searchtext')")
        [(size,)] = cursor.fetchall()
    print(f"words of {n:,} prompts: {size / 2**20:,.0f} MB, {time.perf_counter() - before:.0f} s")


def score(site: Site) -> None:
    """Stores the champion's word on the prompts ranked last, as the drift guard leaves it."""
    from django.db import connection

    from rewardtrain.models import RewardModel

    champion = RewardModel.objects.get(project=site.project, champion=True)
    with connection.cursor() as cursor:
        cursor.execute(SCORES, {"model": champion.pk, "project": site.project.pk, "scored": SCORED})
        cursor.execute("ANALYZE rewardtrain_promptscore")


SCORES = """
INSERT INTO rewardtrain_promptscore (reward_model_id, prompt_id, completions, rewards, probabilities, created_at)
SELECT %(model)s, prompt.id, jsonb_agg(completion.id ORDER BY position), jsonb_agg(0.5 * position ORDER BY position),
       jsonb_agg((position + 1) / 10.0 ORDER BY position), now()
FROM (SELECT id FROM labeling_prompt WHERE project_id = %(project)s AND ranked > 0
      ORDER BY id DESC LIMIT %(scored)s) prompt
JOIN labeling_completion completion ON completion.prompt_id = prompt.id
GROUP BY prompt.id
ON CONFLICT DO NOTHING
"""


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
        freeze(site)
        print(f"{platform.machine()}, {os.cpu_count()} cores; filled in {site.seconds:.0f} s")
        show(run(site, asked.requests, asked.only))


if __name__ == "__main__":
    main()
