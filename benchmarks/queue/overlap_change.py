"""What a change of the overlap costs: saying first what it does, and doing it while somebody works.

    python -m benchmarks.queue.overlap_change [--prompts 1000000] [--rankings 20000]

The worker changes the prompts in its batches, while a labeler takes a task and gives it back, over and over.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics

from benchmarks import large_site
from benchmarks.bulk_acts import labeler_at_work, timed

CHANGES = ({"extra_percent": 15, "extra_overlap": 3}, {"extra_percent": 20}, {"overlap": 2}, {"overlap": 1})


def measured(site: large_site.Site, change: dict[str, int]) -> None:
    from django.db import connection

    from labeling.data.bulk import bulk_worker, setting_changes
    from labeling.projects import changes

    project = site.project
    said, foreseen = timed(lambda: changes.foresee(project, change))
    asked, job = timed(lambda: setting_changes.update(project, change, by=site.manager))
    n, at_all = f"{foreseen.changed:,}", "all" if foreseen.is_all else "some"
    print(f"\n{change}: said in {said:.1f} s ({n} prompts of {at_all}), set in {asked:.1f} s")
    if job is None:
        return
    with labeler_at_work(site) as waits:
        seconds, _none = timed(lambda: bulk_worker.work(job.pk))
    job.refresh_from_db()
    assert job.state == job.State.SUCCEEDED, job.error
    print(f"  {job.changed:,} prompts in {seconds:.1f} s by a worker; a task taken and given back meanwhile: ", end="")
    print(f"{statistics.median(waits):.1f} ms, at most {max(waits):.0f}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM labeling_prompt WHERE ranked > overlap")
        assert cursor.fetchone() == (0,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=1_000_000)
    parser.add_argument("--rankings", type=int, default=20_000)
    given = parser.parse_args()
    with large_site.server():
        logging.disable(logging.INFO)
        site = large_site.fill(prompts=given.prompts, rankings=given.rankings, labelers=3, overlap=1)
        print(f"{platform.machine()}, {os.cpu_count()} processors; {given.prompts:,} prompts")
        for change in CHANGES:
            measured(site, change)


if __name__ == "__main__":
    main()
