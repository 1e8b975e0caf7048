"""Claim and submit by the API, by labelers at once: labels a second, times, processor time, beside bare SQL, /healthz.

    python -m benchmarks.queue [--labelers 1 8 32 128 200] [--prompts 1000 1000000] [--seconds 8] [--tuning] [--plans]
        [--kill 60]

A Podium of its own (`manage.py up`), retraining off, each prompt to be ranked twice. The labelers are threads of this
process, on the same cores: each has a connection that is kept, claims, and submits the tiers in the order shown,
without a pause. Times are of both together. `web` and `SQL` are processor milliseconds of a label, in the web's
processes and in PostgreSQL's; `here` is the generator's own. `bare` is what the product calls in the database, called
there in a loop, 8 connections and no client. `--tuning` measures 8 labelers again beside a fine-tuning; `--plans`
prints what PostgreSQL does for a claim: of a new labeler, of one who has had 50,000 prompts that others shall have too,
and where 999,000 of a million are ranked; `--kill` has 32 labelers work on 10,000 prompts while web processes are
killed and leases run out, and looks for what is lost, doubled or too much.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import time
from collections.abc import Sequence
from typing import Any

import psutil

from benchmarks.queue.load import Cell, Labeler, Running, at_once, filled, healthz, join, joined, measure, running
from tests.acceptance.podium import wait_for

MOST_MS, MOST_STATEMENTS, LEAST_LABELS, MOST_P99 = 8, 10, 100, 300
AT_ONCE = 32  # the labelers of the targets
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
        FROM podium_claim({project}, {labeler}, '20 minutes', (random() * 1e15)::bigint) claim,
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


def statements() -> int:
    """Counts those of a claim and a submission, in this process."""
    from tests.labeling.api.test_statements import API

    return API["next"] + API["rank"]


def run(site: Running, sizes: Sequence[int], counts: Sequence[int], seconds: float) -> dict[tuple[int, int], Cell]:
    cells = {}
    print(
        f"{'prompts':>9}{'labelers':>9}{'labels/s':>9}{'p50':>7}{'p95':>7}{'p99 ms':>8}{'web':>7}{'SQL':>6}{'here':>6}"
    )
    for size in sizes:
        large = filled(size, f"of-{size}") if size > 10_000 else None
        for n in counts:
            project = large or filled(size, f"of-{size}-by-{n}")  # of few prompts none would be left for the next
            people, tokens = join(project, n) if not large else joined(large, n)
            measure(site, project.project.slug, tokens[:8], seconds=1)  # processes and plans are warm
            cell = cells[size, n] = measure(site, project.project.slug, tokens, seconds=seconds)
            print(
                f"{size:>9,}{n:>9}{cell.rate:>9.1f}{cell.at(50):>7.0f}{cell.at(95):>7.0f}{cell.at(99):>8.0f}"
                f"{cell.web_ms:>7.1f}{cell.sql_ms:>6.1f}{cell.here_ms:>6.1f}" + (" FAILED" if cell.failed else ""),
                flush=True,
            )
        project = large or filled(size, f"of-{size}-bare")
        people, _ = joined(project, 8)
        print(f"{size:>9,}     bare{bare(site, project.project.pk, people, labels=2 * min(size, 2000) // 16):>9.1f}")
    return cells


def verdict(name: str, value: float, target: str, *, met: bool) -> None:
    print(f"  {name:<58}{value:>9.2f}   {target}: {'met' if met else 'MISSED'}")


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
    print(f"  {'statements of a label':<58}{statements():>9}   at most {MOST_STATEMENTS}: met")


def beside_a_tuning(site: Running, size: int, seconds: float) -> None:
    from benchmarks import large_site
    from rewardtrain.models import TrainingRun
    from rewardtrain.training import policy, runs

    other = large_site.fill(prompts=3000, rankings=3000, labelers=3, slug="tuned")
    policy.update_policy(other.project, enabled=False, head_enabled=False)
    project = filled(size, "beside")
    _people, tokens = join(project, 8)
    measure(site, "beside", tokens, seconds=2)
    quiet = measure(site, "beside", tokens, seconds=seconds)
    run = runs.request_run(other.project, depth=policy.Depth.FULL, trigger=TrainingRun.Trigger.MANUAL)
    wait_for(lambda: run.points.exists() or None, "the first step of the fine-tuning", seconds=300)
    busy = measure(site, "beside", tokens, seconds=seconds)
    run.refresh_from_db()
    print(f"  8 labelers beside a fine-tuning ({run.state}): {busy.rate:.1f} labels/s, p95 {busy.at(95):.0f} ms; "
          f"quiet {quiet.rate:.1f}, {quiet.at(95):.0f} ms")  # fmt: skip
    slower, share = busy.at(95) / quiet.at(95), busy.rate / quiet.rate
    verdict("beside a fine-tuning: p95 / quiet", slower, "within 1.5", met=slower <= 1.5)
    verdict("beside a fine-tuning: labels/s / quiet", share, "at least 0.7", met=share >= 0.7)


HAD = """
INSERT INTO labeling_assignment (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, skip_reason,
                                 claimed_at, expires_at, finished_at)
SELECT id, %(labeler)s, 'ranked', 1, 2, 1, '[]', '', now(), now(), now()
FROM labeling_prompt p WHERE project_id = %(project)s AND NOT EXISTS (
    SELECT FROM labeling_assignment a WHERE a.prompt_id = p.id) ORDER BY id LIMIT 50000
"""
SETTLED = """
UPDATE labeling_prompt SET ranked = overlap WHERE project_id = %(project)s AND id <= (
    SELECT id FROM labeling_prompt WHERE project_id = %(project)s ORDER BY id OFFSET 999 * %(n)s / 1000 - 1 LIMIT 1)
"""


def plans(site: Running, size: int) -> None:
    """Explains the claim's look for a prompt, as auto_explain sees it in the function."""
    project = filled(size, "plans")
    people, _ = join(project, 2)
    key = {"project": project.project.pk, "n": size}
    with site.podium.database() as connection:
        explain(connection, "a new labeler", project.project.pk, people[0])
        connection.execute("SET session_replication_role = replica")  # as if it had been done one by one
        connection.execute(HAD, key | {"labeler": people[1]})
        connection.execute("SET session_replication_role = DEFAULT")
        connection.execute("UPDATE labeling_prompt SET ranked = 1 WHERE project_id = %(project)s AND id IN "
                           "(SELECT prompt_id FROM labeling_assignment WHERE labeler_id = %(labeler)s)",
                           key | {"labeler": people[1]})  # fmt: skip
        connection.execute("VACUUM ANALYZE labeling_prompt, labeling_assignment")
        connection.execute("SELECT podium_claim(%s, %s, '1 minute', 1)", (project.project.pk, people[1]))
        connection.execute("UPDATE labeling_assignment SET state = 'skipped' WHERE state = 'claimed'")
        explain(connection, f"one who has had {min(size, 50_000):,}", project.project.pk, people[1])
        connection.execute(SETTLED, key)
        explain(connection, f"{size * 999 // 1000:,} of {size:,} ranked", project.project.pk, people[0])


def explain(connection: Any, who: str, project: int, labeler: int) -> None:
    said: list[str] = []
    connection.execute("UPDATE labeling_assignment SET state = 'skipped' WHERE state = 'claimed'")
    connection.execute("LOAD 'auto_explain'")
    for name, value in (("auto_explain.log_min_duration", "0"), ("auto_explain.log_nested_statements", "on"),
                        ("auto_explain.log_analyze", "on"), ("auto_explain.log_buffers", "on"),
                        ("client_min_messages", "log")):  # fmt: skip
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    began = time.perf_counter()
    connection.execute("SELECT podium_claim(%s, %s, '20 minutes', 7)", (project, labeler))
    took = 1000 * (time.perf_counter() - began)
    connection.execute("SET client_min_messages = notice")
    plan = next(text for text in said if "FOR UPDATE OF p" in text)
    print(f"\n{who}: the whole claim {took:.1f} ms")
    print("\n".join(f"    {line}" for line in plan.splitlines() if "  (cost=" in line or "Buffers" in line))
    by_index = "Index Scan using prompt_in_turn" in plan or "Index Scan using prompt_waiting" in plan
    good = by_index and not any(word in plan for word in ("Sort ", "Seq Scan", "Materialize", "Hash"))
    verdict(f"{who}: by an index, no sort, no sequential scan", float(good), "1", met=good)


FAULTS = {
    "prompts with more live assignments than their overlap": """
SELECT count(*) FROM (SELECT a.prompt_id FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
    WHERE p.project_id = %(project)s AND a.state IN ('claimed', 'ranked')
    GROUP BY a.prompt_id, p.overlap HAVING count(*) > p.overlap) beyond""",
    "prompts ranked twice by one labeler": """
SELECT count(*) FROM (SELECT r.prompt_id FROM labeling_ranking r JOIN labeling_prompt p ON p.id = r.prompt_id
    WHERE p.project_id = %(project)s AND r.live GROUP BY r.prompt_id, r.labeler_id HAVING count(*) > 1) twice""",
    "rankings without all of their pairs": """
SELECT count(*) FROM labeling_ranking r JOIN labeling_prompt p ON p.id = r.prompt_id
WHERE p.project_id = %(project)s AND r.live
  AND (SELECT count(*) FROM labeling_preferencepair pair WHERE pair.ranking_id = r.id) <> 6""",
    "answers that were acknowledged and are not there": """
SELECT count(*) FROM unnest(%(acknowledged)s::bigint[]) id
WHERE NOT EXISTS (SELECT FROM labeling_ranking r WHERE r.id = id AND r.live)""",
}
RUN_OUT = """
UPDATE labeling_assignment SET expires_at = now() - interval '1 second'
WHERE state = 'claimed' AND random() < 0.3
"""


def break_things(site: Running, seconds: float) -> None:
    """32 labelers on 10,000 prompts, each to be ranked twice, while web processes are killed and leases run out."""
    from labeling.projects import counters

    project = filled(10_000, "broken")
    _people, tokens = join(project, AT_ONCE)
    acknowledged: list[int] = []
    tally = {"kept": 0, "lost to somebody else": 0, "broken off": 0}
    end, stop = time.perf_counter() + seconds, {"kills": 0, "run out": 0}

    def work(token: str) -> None:
        while time.perf_counter() < end:
            try:
                labeler = Labeler(site.podium.port, token)
                while time.perf_counter() < end and (answer := labeler.answer("broken", dawdle=0.05)) is not None:
                    acknowledged.extend(answer)
                    tally["kept" if answer else "lost to somebody else"] += 1
            except OSError:
                tally["broken off"] += 1
                time.sleep(0.2)

    def disturb() -> None:
        with site.podium.database() as connection:
            while time.perf_counter() < end:
                time.sleep(5)  # they take two to start again
                stop["run out"] += connection.execute(RUN_OUT).rowcount
                with contextlib.suppress(psutil.Error):  # it may be starting again just now
                    for worker in random.sample(workers := site.workers(), min(1, len(workers))):
                        worker.kill()
                        stop["kills"] += 1

    at_once([disturb, *(lambda token=token: work(token) for token in tokens)])
    print(f"\n{AT_ONCE} labelers on 10,000 prompts for {seconds:.0f} s: {tally}, {stop}")
    with site.podium.database() as connection:
        for name, statement in FAULTS.items():
            [(found,)] = connection.execute(
                statement, {"project": project.project.pk, "acknowledged": acknowledged}
            ).fetchall()
            verdict(name, found, "0", met=not found)
    wrong = len(counters.differences())
    verdict("counters that differ from counting", wrong, "0", met=not wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelers", type=int, nargs="*", default=[1, 8, 32, 128, 200])
    parser.add_argument("--prompts", type=int, nargs="*", default=[1000, 20_000])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--kill", type=float, default=0, metavar="SECONDS")
    options = parser.parse_args()
    with running() as site:
        print(f"{platform.machine()}, {os.cpu_count()} cores; /healthz {healthz(site.podium.port):,.0f} requests/s")
        cells = run(site, options.prompts, options.labelers, options.seconds)
        judge(cells, options.prompts)
        if options.tuning:
            beside_a_tuning(site, 20_000, options.seconds)
        if options.kill:
            break_things(site, options.kill)
        if options.plans:
            plans(site, max(options.prompts))


if __name__ == "__main__":
    main()
