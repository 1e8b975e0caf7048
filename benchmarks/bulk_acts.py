"""What an act on all prompts that a list finds costs, and an erased name in a frozen version, beside the bare rows.

    python -m benchmarks.bulk_acts [--prompts 100000] [--rankings 20000]

Each act is a worker's, in its batches, from being asked for to its end; beside it stands one statement that changes
the same rows in one transaction, which would keep every labeler waiting until it ends. Meanwhile a labeler takes a
task and gives it back, over and over, as long as there is one; beside it stands how long that takes while nothing
else runs. A name in a frozen version is replaced beside the freeze that wrote the version, and beside a copy of its
file, synced to the disk.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import platform
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import large_site

if TYPE_CHECKING:
    from benchmarks.large_site import Site

# In an order in which each finds what the one before it left.
ACTS = (("tag", "law"), ("untag", "law"), ("priority", "5"), ("hold", "not now"), ("put_back", ""), ("withdraw", ""),
        ("restore", ""))  # fmt: skip


@contextmanager
def labeler_at_work(site: Site) -> Iterator[list[float]]:
    """Has somebody take a task and give it back until the end, and gives the milliseconds of each."""
    waits: list[float] = []
    ended = threading.Event()

    def work() -> None:
        from django.db import connection

        try:
            while not ended.is_set():
                before = time.perf_counter()
                _take_and_give_back(site)
                waits.append(1000 * (time.perf_counter() - before))
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield waits
    finally:
        ended.set()
        thread.join()


def _take_and_give_back(site: Site) -> None:
    from labeling.queue import claims

    assignment = claims.claim(site.project, site.labelers[-1])
    if assignment is not None:
        assignment.delete()


def carried_out(site: Site, act: str, value: str) -> tuple[int, float, float, list[float]]:
    """Gives the prompts that changed, seconds of one statement, seconds of the worker and a labeler's waits."""
    from django.db import transaction

    from labeling.answers.finding_prompts import PromptConditions
    from labeling.data.bulk import acts, bulk_jobs, bulk_worker

    keys = list(acts.due(site.project.prompts.all(), act, value).order_by("pk").values_list("pk", flat=True))
    with transaction.atomic():
        bare, _n = timed(lambda: acts.carry_out(site.project.pk, act, value, keys))
        transaction.set_rollback(True)
    foreseen = bulk_jobs.foresee(site.project, act, value, PromptConditions())
    job = bulk_jobs.request(site.project, act, value, {}, by=site.manager, foreseen=foreseen)
    with labeler_at_work(site) as waits:
        seconds, _none = timed(lambda: bulk_worker.work(job.pk))
    job.refresh_from_db()
    assert job.state == job.State.SUCCEEDED, job.error
    return job.changed, bare, seconds, waits


def renamed(site: Site, folder: Path) -> tuple[int, float, float, float]:
    """Gives the rankings of one person in a version, and the seconds of its freeze, of the new file and of a copy."""
    import pyarrow as pa

    from labeling.data.leaving import renamed_rows
    from labeling.data.versions import datasets
    from labeling.models import Ranking

    froze, version = timed(lambda: datasets.freeze(site.project, by=site.manager))
    keys = Ranking.objects.filter(project=site.project, labeler=site.labelers[0]).values_list("pk", flat=True)
    path, rankings = datasets.path_of(version), pa.array(map(str, keys), pa.string())
    found: list[int] = []

    def rewrite() -> None:
        with path.open("rb") as file:
            found.append(renamed_rows.count(file, rankings, "erased-1", lambda: None)[0])
            renamed_rows.write(file, folder / "draft", rankings, "erased-1", lambda: None)
        renamed_rows.sha256_of(folder / "draft")

    def copy() -> None:
        with path.open("rb") as file, (folder / "copy").open("wb") as to:
            shutil.copyfileobj(file, to)
            os.fsync(to.fileno())

    return len(keys), froze, timed(rewrite)[0], timed(copy)[0]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    before = time.perf_counter()
    result = call()
    return time.perf_counter() - before, result


def show_acts(site: Site) -> None:
    with labeler_at_work(site) as waits:
        time.sleep(5)
    idle = statistics.median(waits)
    print(f"a task taken and given back while nothing else runs: {idle:.1f} ms, n {len(waits):,}")
    print(f"{'act':<10}{'prompts':>9}{'one statement':>15}{'worker':>9}{'of it':>8}{'labeler p50':>13}{'longest':>10}")
    for act, value in ACTS:
        n, bare, seconds, waits = carried_out(site, act, value)
        middle, longest = (statistics.median(waits), max(waits)) if waits else (math.nan, math.nan)
        print(
            f"{act:<10}{n:>9,}{bare:>13.1f} s{seconds:>7.1f} s{seconds / bare:>7.1f}x"
            f"{middle / idle:>12.1f}x{longest:>7.0f} ms"
        )


def show_renamed(site: Site) -> None:
    from django.conf import settings

    n, froze, rewritten, copied = renamed(site, Path(settings.DATA_DIR))
    print(
        f"one name replaced in {n:,} rankings of a version: {rewritten:.2f} s, {rewritten / froze:.2f} of its freeze"
        f" ({froze:.1f} s), {rewritten / copied:.0f}x a copy of its file ({copied:.3f} s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--rankings", type=int, default=20_000)
    asked = parser.parse_args()
    logging.disable(logging.INFO)
    with large_site.server():
        site = large_site.fill(prompts=asked.prompts, rankings=asked.rankings, each=2)
        print(f"{platform.machine()}, {os.cpu_count()} cores; {asked.prompts:,} prompts, {asked.rankings:,} rankings")
        show_acts(site)
        show_renamed(site)


if __name__ == "__main__":
    main()
