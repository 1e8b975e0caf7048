"""What a sweep costs by the number of projects: statements and milliseconds, where there is nothing to do.

    python -m benchmarks.sweep [--projects 1 100 10000]

A database of its own holds that many projects with the default policy, each with two prompts and at most one ranking,
too few to train on. A sweep runs every 5 seconds in life: `of 5 s` is the share of that time that it takes. `each
project alone` is the same look project by project, as the pages ask it: what a sweep was until it looked at all of them
together. `bare` is a statement that does nothing, the least that any sweep can cost.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

from benchmarks import large_site


def measure(work: Callable[[], object], *, times: int) -> tuple[int, float]:
    """Statements, and the median of milliseconds."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        work()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return len(queries), 1000 * statistics.median(seconds)


def fill(count: int) -> None:
    """Add projects up to this number: a hundred as people make them, the rest by one statement with no ranking."""
    from django.db import connection

    from labeling.models import Project
    from tests.factories import join, make_project, make_prompt, rank

    have = Project.objects.count()
    for _ in range(min(count - have, 100)):  # with a ranking each
        project = make_project()
        make_prompt(project)
        make_prompt(project)
        rank(project, join(project))
    rest = count - Project.objects.count()
    if rest > 0:
        with connection.cursor() as cursor:
            cursor.execute(COPIES, {"first": count - rest + 1, "last": count})
            cursor.execute("ANALYZE")


COPIES = """
WITH made AS (
    INSERT INTO labeling_project (slug, name, guidelines, kind, flags, overlap, lease_minutes, created_at)
    SELECT 'copy-' || n, 'copy', '', 'ranking', '[]', 1, 20, now() FROM generate_series(%(first)s, %(last)s) n
    RETURNING id
)
INSERT INTO labeling_prompt
    (project_id, external_id, messages, content_sha256, split, overlap, metadata, created_at, held_reason)
SELECT made.id, 'p' || n, '[{"role": "user", "content": "why?"}]', md5(made.id || '-' || n), 'train', 1, '{}', now(), ''
FROM made, generate_series(1, 2) n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--projects", type=int, nargs="+", default=[1, 100, 10_000])
    counts = parser.parse_args().projects
    with large_site.server():
        run(counts)


def run(counts: list[int]) -> None:
    from django.db import connection

    import config.celery  # noqa: F401  makes it the app of this process, as in a worker
    from labeling.models import Project
    from rewardtrain import tasks
    from rewardtrain.training import policy

    def alone() -> None:
        for project in Project.objects.all():
            policy.next_retrainings(project)

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    _, least = measure(bare, times=100)
    print(f"{platform.machine()}; a bare statement {least:.2f} ms")
    print(f"{'projects':>9}{'statements':>12}{'ms':>9}{'bare':>8}{'of 5 s':>9}   each project alone: statements, ms")
    for count in counts:
        fill(count)
        statements, ms = measure(tasks.sweep, times=5)
        asked, took = measure(alone, times=1) if count <= 1000 else (0, 0.0)
        beside = f"{asked:>10,}{took:>10.0f}" if asked else "not measured".rjust(20)
        print(f"{count:>9,}{statements:>12}{ms:>9.1f}{ms / least:>8.0f}{ms / 5000:>9.1%}{beside}")
        assert statements <= 10, "a sweep takes more statements than it may"


if __name__ == "__main__":
    main()
