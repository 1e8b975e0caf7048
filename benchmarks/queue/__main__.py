"""Claim and submit, by labelers at once: labels a second, times, processor time, statements, beside bare SQL, /healthz.

    python -m benchmarks.queue [--labelers 1 8 32 128 200] [--prompts 1000 1000000] [--seconds 8] [--all] [--tuning]
        [--plans] [--crowd [10000]] [--told]

A Podium of its own (`manage.py up`), retraining off, each prompt to be ranked twice. The labelers are threads of this
process, on the same cores, each with a connection that is kept, without a pause. By the API (`api`) a label is a claim
and the tiers in the order shown; by the ranking page (`page`, 8 and 32 labelers at the first size) what its scripts
send: a draft, the answer, the task ahead and, of every eighth, the heartbeat. Times are of all of a label's requests.
`web` and `SQL` are processor milliseconds of a label, in the web's processes and in PostgreSQL's; `here` is the
generator's own; last, how many of the connections each web process had. `bare` is what the product calls in the
database, called there in a loop, 8 connections and no client. `--tuning` measures 8 labelers again beside a
fine-tuning; `--plans` prints what PostgreSQL does for a claim: of a new labeler, of one who has had 50,000 prompts that
others shall have too, where 999,000 of a million are ranked, and of one who has had all of these; and where it draws
gold or a repeat, of one with 50,000 answers. `--all` measures the API with all of it on: gold, repeats, cohorts, a
limit a day, shares of overlap, and an answer that says an acceptable line, a reason and three ratings of each
completion. `--crowd` has 32 labelers work 10,000 prompts off while labelers die, leases run out and web processes are
killed, and looks for what is lost, doubled or too much. `--told` says whether gold and repeats could be told by time or
by place.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.queue.crowd import AT_ONCE, crowds
from benchmarks.queue.everything import careful, everything, make_cohorts
from benchmarks.queue.labelers import Labeler, Say, in_the_order_shown
from benchmarks.queue.load import DOORS, Cell, Running, at_once, filled, healthz, join, measure, running, verdict
from benchmarks.queue.plans import plans
from benchmarks.queue.told import can_be_told
from tests.acceptance.podium import wait_for

if TYPE_CHECKING:
    from labeling.models import Project

MOST_MS, MOST_STATEMENTS, LEAST_LABELS, MOST_P99 = 8, 10, 100, 300
MOST_WITH_ALL_MS = 10
BY_PAGE = (8, 32)
# Label Studio on PostgreSQL, 10,000 prompts, as measured on such a machine: labelers, labels a second.
LABEL_STUDIO = {1: 1.9, 8: 3.3, 32: 3.3}


BARE = """
DO $do$
DECLARE
    task record;
    keys bigint[];
BEGIN
    FOR n IN 1..{labels} LOOP
        SELECT claim.assignment, read.shown_order INTO task
        FROM podium_claim({project}, {labeler}, '20 minutes', (random() * 1e15)::bigint, now()) claim,
             LATERAL podium_task(claim.assignment, {labeler}, true) read;
        EXIT WHEN task.assignment IS NULL;
        COMMIT;
        keys := ARRAY(SELECT jsonb_array_elements_text(task.shown_order)::bigint);
        PERFORM podium_task(task.assignment, {labeler}, false);
        PERFORM podium_answer(task.assignment, false, repeat('0', 64), '', NULL, NULL, keys,
            ARRAY(SELECT generate_series(1, cardinality(keys))), array_fill('{{}}'::jsonb, ARRAY[cardinality(keys)]),
            array_fill(''::text, ARRAY[cardinality(keys)]));
        COMMIT;
    END LOOP;
END $do$
"""


def bare(site: Running, project: int, people: Sequence[int], *, labels: int = 250) -> float:
    """Labels a second of the same functions, called inside the database over a connection for each person."""

    def work(person: int) -> None:
        with site.podium.database() as connection:
            connection.execute(BARE.format(labels=labels, project=project, labeler=person))

    began = time.perf_counter()
    at_once([lambda person=person: work(person) for person in people])  # type: ignore[misc]
    return labels * len(people) / (time.perf_counter() - began)


def statements(door: str) -> int:
    """Gives those of a label, as a test asserts them: of the page, a draft, the answer and the task ahead."""
    from tests.labeling.api.test_statements import API, PAGE

    return API["next"] + API["rank"] if door == "api" else PAGE["draft"] + PAGE["rank"] + PAGE["ahead"]


HEAD = (
    f"{'prompts':>9} {'door':<5}{'labelers':>9}{'labels/s':>9}{'p50':>7}{'p95':>7}{'p99 ms':>8}"
    f"{'web':>7}{'SQL':>6}{'here':>6}{'stmts':>6}  of each web process"
)


def measured(
    site: Running,
    project: Project,
    door: str,
    n: int,
    size: int,
    seconds: float,
    say: Say = in_the_order_shown,
    *,
    with_cohorts: bool = False,
) -> Cell:
    people = join(project, n)
    if with_cohorts:
        make_cohorts(project, [person.user.username for person in people])

    def labelers(n: int) -> list[Labeler]:
        return [DOORS[door](person, site, say) for person in people[:n]]

    measure(site, project.slug, labelers(8), seconds=1)  # plans are warm
    cell = measure(site, project.slug, labelers(n), seconds=seconds)
    print(
        f"{size:>9,} {door:<5}{n:>9}{cell.rate:>9.1f}{cell.at(50):>7.0f}{cell.at(95):>7.0f}{cell.at(99):>8.0f}"
        f"{cell.web_ms:>7.1f}{cell.sql_ms:>6.1f}{cell.here_ms:>6.1f}{statements(door):>6}"
        f"  {' + '.join(map(str, cell.connections))}" + (" FAILED" if cell.failed else ""),
        flush=True,
    )
    return cell


def run(site: Running, sizes: Sequence[int], counts: Sequence[int], seconds: float) -> dict[tuple[int, int], Cell]:
    """Measures the API with all of them, and the page with a few at the first size."""
    cells = {}
    print(HEAD)
    for size in sizes:
        began = time.perf_counter()
        large = filled(size, f"of-{size}") if size > 10_000 else None
        if large:
            print(f"{size:>9,} written in {time.perf_counter() - began:.0f} s")
        for n in counts:
            project = large or filled(size, f"of-{size}-by-{n}")  # of few prompts none would be left for the next
            cells[size, n] = measured(site, project, "api", n, size, seconds)
        project = large or filled(size, f"of-{size}-bare")
        people = [person.user.pk for person in join(project, 8)]
        print(f"{size:>9,} bare {8:>9}{bare(site, project.pk, people, labels=2 * min(size, 2000) // 16):>9.1f}")
        for n in BY_PAGE if counts and size == sizes[0] else ():
            measured(site, filled(size, f"of-{size}-by-page-{n}"), "page", n, size, seconds)
    return cells


def judge(cells: dict[tuple[int, int], Cell], sizes: Sequence[int]) -> None:
    for size in sizes:
        if (size, AT_ONCE) not in cells:
            continue
        cell, words = cells[size, AT_ONCE], f"{size:,} prompts, {AT_ONCE} labelers"
        verdict(f"{words}: web ms a label", cell.web_ms, f"at most {MOST_MS}", met=cell.web_ms <= MOST_MS)
        verdict(f"{words}: labels a second", cell.rate, f"at least {LEAST_LABELS}", met=cell.rate >= LEAST_LABELS)
        verdict(f"{words}: p99 ms", cell.at(99), f"under {MOST_P99}", met=cell.at(99) < MOST_P99)
        times = cell.rate / LABEL_STUDIO[AT_ONCE]
        verdict(f"{words}: times Label Studio's rate of 10,000", times, "at least 30", met=times >= 30)
    if len(sizes) == 2 and all((size, AT_ONCE) in cells for size in sizes):
        share = cells[sizes[0], AT_ONCE].rate / cells[sizes[1], AT_ONCE].rate
        verdict(f"{sizes[0]:,} prompts / {sizes[1]:,}, labels a second", share, "within 1.1", met=share <= 1.1)
    print(f"  {'statements of a label by the API':<62}{statements('api'):>9}   at most {MOST_STATEMENTS}: met")


def with_all_of_it(site: Running, sizes: Sequence[int], seconds: float) -> None:
    """Measures 32 labelers by the API, and judges what a label takes of web and PostgreSQL together."""
    print(f"\nwith all of it on\n{HEAD}")
    cells = {}
    for size in sizes:
        cell = cells[size] = measured(
            site, everything(size, f"all-{size}"), "api", AT_ONCE, size, seconds, careful, with_cohorts=True
        )
        words, both = f"{size:,} prompts, all of it on", _ms(cell)
        verdict(f"{words}: ms of processor a label", both, f"at most {MOST_WITH_ALL_MS}", met=both <= MOST_WITH_ALL_MS)
    first, last = cells[sizes[0]], cells[sizes[-1]]
    for what, ratio in (("labels a second", first.rate / last.rate), ("ms of processor", _ms(last) / _ms(first))):
        verdict(f"{sizes[-1]:,} prompts beside {sizes[0]:,}, {what}", ratio, "within 1.1", met=ratio <= 1.1)


def _ms(cell: Cell) -> float:
    return cell.web_ms + cell.sql_ms


def beside_a_tuning(site: Running, size: int, seconds: float) -> None:
    from benchmarks import large_site
    from rewardtrain.models import TrainingRun
    from rewardtrain.training import policy, runs

    other = large_site.fill(prompts=3000, rankings=3000, labelers=3, slug="tuned")
    policy.update_policy(other.project, enabled=False, head_enabled=False)
    active = TrainingRun.objects.filter(project=other.project, state__in=TrainingRun.ACTIVE)
    for begun in active.all():  # by the policy, while the project was filled
        runs.cancel(begun)
    wait_for(lambda: not active.all().exists() or None, "the policy's runs to end", seconds=60)
    project = filled(size, "beside")
    people = join(project, 8)

    def work(seconds: float) -> Cell:
        return measure(site, "beside", [person.by_api(site) for person in people], seconds=seconds)

    work(2)
    quiet = work(seconds)
    run = runs.request_run(other.project, depth=policy.Depth.FULL, trigger=TrainingRun.Trigger.MANUAL)
    wait_for(lambda: run.points.exists() or None, "the first step of the fine-tuning", seconds=300)
    busy = work(seconds)
    run.refresh_from_db()
    print(f"  8 labelers beside a fine-tuning ({run.state}): {busy.rate:.1f} labels/s, p95 {busy.at(95):.0f} ms; "
          f"quiet {quiet.rate:.1f}, {quiet.at(95):.0f} ms")  # fmt: skip
    slower, share = busy.at(95) / quiet.at(95), busy.rate / quiet.rate
    verdict("beside a fine-tuning: p95 / quiet", slower, "within 1.5", met=slower <= 1.5)
    verdict("beside a fine-tuning: labels/s / quiet", share, "at least 0.7", met=share >= 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelers", type=int, nargs="*", default=[1, 8, 32, 128, 200])
    parser.add_argument("--prompts", type=int, nargs="*", default=[1000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--told", action="store_true")
    parser.add_argument("--crowd", type=int, nargs="?", const=10_000, default=0, metavar="PROMPTS")
    options = parser.parse_args()
    with running() as site:
        print(f"{platform.machine()}, {os.cpu_count()} cores; /healthz {healthz(site.podium.port):,.0f} requests/s")
        cells = run(site, options.prompts, options.labelers, options.seconds)
        judge(cells, options.prompts)
        if options.tuning:
            beside_a_tuning(site, 20_000, options.seconds)
        if options.all:
            with_all_of_it(site, options.prompts, options.seconds)
        if options.told:
            can_be_told(site)
        if options.crowd:
            crowds(site, prompts=options.crowd)
        if options.plans:
            plans(site, max(options.prompts))


if __name__ == "__main__":
    main()
