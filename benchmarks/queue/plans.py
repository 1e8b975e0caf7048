"""What PostgreSQL does for a claim at a million prompts, as auto_explain sees it within the functions.

Each claim is made eight times in one session, as the web's connections are kept: after five PostgreSQL may take a plan
for all values. What is printed is the last; the verdict is of all of them. States are written by statements that no
trigger follows, with what triggers would have kept written beside them: done one by one they would take hours.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks.queue.load import Running, filled, join

if TYPE_CHECKING:
    from labeling.models import Project

TIMES = 8
SORTS = re.compile(r"(?m)^.*(?:Sort|Materialize|Hash.*)  \(cost=.*$")
# A labeler who has had the first so many that are open: slot 2 where somebody else has the first.
HAD = """
INSERT INTO labeling_assignment (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, skip_reason,
                                 claimed_at, expires_at, finished_at)
SELECT id, %(labeler)s, 'ranked', CASE WHEN EXISTS (
    SELECT FROM labeling_assignment a WHERE a.prompt_id = p.id AND a.slot = 1 AND a.state IN ('claimed', 'ranked')
    ) THEN 2 ELSE 1 END, overlap, 1, '[]', '', now(), now(), now()
FROM labeling_prompt p
WHERE project_id = %(project)s AND held_at IS NULL AND ranked < overlap AND overlap > (
    SELECT count(*) FROM labeling_assignment a WHERE a.prompt_id = p.id AND a.state IN ('claimed', 'ranked'))
ORDER BY id LIMIT %(n)s
"""
RANKED = """
UPDATE labeling_prompt SET ranked = ranked + 1 WHERE project_id = %(project)s AND id IN (
    SELECT prompt_id FROM labeling_assignment WHERE labeler_id = %(labeler)s AND state = 'ranked')
"""
# And what they answered, which repeats are looked for in.
ANSWERED = """
INSERT INTO labeling_ranking (assignment_id, prompt_id, project_id, labeler_id, revision, live, source, comment,
                              strength, payload_sha256, created_at)
SELECT a.id, a.prompt_id, p.project_id, a.labeler_id, 1, true, 'labeled', '', NULL, '', now() - interval '1 day'
FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
WHERE p.project_id = %(project)s AND a.labeler_id = %(labeler)s AND a.state = 'ranked' ORDER BY a.id
"""
# Gold and repeats are a half of tasks each: a seed that draws the one, and one that draws the other.
SEEDS = """
SELECT min(n) FILTER (WHERE lot < 5000), min(n) FILTER (WHERE lot >= 5000)
FROM generate_series(1, 100) n, LATERAL (SELECT (hashint8extended(n, 163) & 9223372036854775807) % 10000 AS lot) drawn
"""
# A project of which all but a thousandth is ranked as often as it shall be, and the rest once.
SETTLED = """
INSERT INTO labeling_prompt (project_id, external_id, messages, content_sha256, split, overlap, ranked, metadata,
                             held_reason, created_at)
SELECT %(project)s, 'row-' || n, jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'Why ' || n || '?')),
       md5(n::text) || md5(%(project)s || '/' || n), 'train', 2, CASE WHEN n <= %(n)s / 1000 * 999 THEN 2 ELSE 1 END,
       '{}', '', now()
FROM generate_series(1, %(n)s) n ORDER BY n
"""
HAD_ALL = """
INSERT INTO labeling_assignment (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, skip_reason,
                                 claimed_at, expires_at, finished_at)
SELECT id, %(labeler)s, 'ranked', 1, 2, 1, '[]', '', now(), now(), now() FROM labeling_prompt
WHERE project_id = %(project)s ORDER BY id
"""


def plans(site: Running, size: int) -> None:
    from labeling.projects import counters, projects

    project, settled = filled(size, f"of-{size}"), filled(0, "settled")
    for each in (project, settled):  # so that a claim counts the labeler's day, too
        projects.update_project(each, daily_limit=projects.MAX_DAILY_LIMIT)
    new, one_ahead = (person.user.pk for person in join(project, 2))
    late, one_with_all = (person.user.pk for person in join(settled, 2))
    with site.podium.database() as connection:
        claims(connection, "a new labeler", project.pk, new)

        began, had = time.perf_counter(), min(size, 50_000)
        values = {"project": project.pk, "labeler": one_ahead, "n": had}
        write(connection, values, HAD, RANKED)
        claim(connection, project.pk, one_ahead)  # moves their position to where their claims would have moved it
        end_claims(connection, one_ahead)
        print(f"\n(written in {time.perf_counter() - began:.0f} s)")
        claims(connection, f"one who has had {had:,}", project.pk, one_ahead)

        checks(connection, project, one_ahead, had)

        began = time.perf_counter()
        values = {"project": settled.pk, "labeler": one_with_all, "n": size}
        write(connection, values, SETTLED, HAD_ALL)
        counters.mend(settled)
        connection.execute("SELECT podium_count_labeler(%(project)s, %(labeler)s, %(n)s)", values)
        print(f"\n(written in {time.perf_counter() - began:.0f} s)")
        claims(connection, f"{size * 999 // 1000:,} of {size:,} ranked", settled.pk, late)
        claims(connection, f"one who has had all {size:,}", settled.pk, one_with_all)
        why_empty(connection, settled.pk, one_with_all)


def checks(connection: psycopg.Connection[Any], project: Project, labeler: int, had: int) -> None:
    """Says the same of claims that draw gold, a repeat, and gold by whoever has had all of it but the last."""
    from benchmarks.queue.everything import make_golds
    from labeling.projects import projects

    make_golds(project)
    projects.update_project(project, gold_percent=50, repeat_percent=50, repeat_after=0, repeat_minutes=0)
    write(connection, {"project": project.pk, "labeler": labeler}, ANSWERED)
    [(gold, repeat)] = connection.execute(SEEDS).fetchall()
    for what, seed in (("gold", gold), ("a repeat", repeat)):
        check(connection, f"one who has had {had:,}, a claim of {what}", project.pk, labeler, seed)
    projects.update_project(project, gold_percent=0, repeat_percent=0)


def check(connection: psycopg.Connection[Any], what: str, project: int, labeler: int, seed: int) -> None:
    """Says whether all that draws a check is found by an index, in order, and what such a claim takes."""
    drawn = "SELECT purpose FROM labeling_assignment WHERE labeler_id = %s AND state = 'claimed'"

    def work() -> None:
        claim(connection, project, labeler, seed)
        end_claims(connection, labeler)

    with explaining(connection) as explained:
        for _ in range(TIMES):
            claim(connection, project, labeler, seed)
            [(purpose,)] = connection.execute(drawn, (labeler,)).fetchall()
            assert purpose in what, f"{purpose} was drawn, not {what}"
            end_claims(connection, labeler)
    looks = [plan for plan in explained if "FOR KEY SHARE OF p" in plan]
    show(what, looks[-1])
    whole = [plan for plan in explained if "Query Text: SELECT podium_claim(" in plan]
    wrong = scans(explained) + SORTS.findall("\n".join(looks))
    judge(what, connection, work, whole, wrong, ", ".join(sorted(set(re.findall(r"using (\w+) on", looks[-1])))))


def write(connection: psycopg.Connection[Any], values: dict[str, int], *statements: str) -> None:
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET synchronous_commit = off")
    for statement in statements:
        connection.execute(statement, values)
    connection.execute("RESET session_replication_role")
    connection.execute("VACUUM ANALYZE labeling_prompt, labeling_assignment")  # as autovacuum does meanwhile


def claim(connection: psycopg.Connection[Any], project: int, labeler: int, seed: int = 7) -> None:
    connection.execute("SELECT podium_claim(%s, %s, '20 minutes', %s, now())", (project, labeler, seed))


def end_claims(connection: psycopg.Connection[Any], labeler: int) -> None:
    connection.execute(
        "UPDATE labeling_assignment SET state = 'skipped' WHERE labeler_id = %s AND state = 'claimed'", (labeler,)
    )


def claims(connection: psycopg.Connection[Any], who: str, project: int, labeler: int) -> None:
    """Prints how a claim looks for a prompt, whether all that it reads is found by an index, and what it takes."""

    def work() -> None:
        claim(connection, project, labeler)
        end_claims(connection, labeler)

    with explaining(connection) as explained:
        for _ in range(TIMES):
            work()
    looks = [plan for plan in explained if "labeling_prompt p" in plan and "ORDER BY p.priority" in plan]
    look = [plan for plan in looks if "FOR UPDATE OF p" in plan][-1]
    show(who, look)
    whole = [plan for plan in explained if "Query Text: SELECT podium_claim(" in plan]
    wrong = scans(explained) + SORTS.findall("\n".join(looks))
    indexes = re.findall(r"using (\w+) on labeling_prompt p", look)
    judge(f"{who}, a claim", connection, work, whole, wrong, ", ".join(indexes))


def why_empty(connection: psycopg.Connection[Any], project: int, labeler: int) -> None:
    """Prints the same of the question why there is nothing to claim."""

    def work() -> None:
        connection.execute("SELECT reason FROM podium_queue_reason(%s, %s, now())", (project, labeler))

    with explaining(connection) as explained:
        for _ in range(TIMES):
            work()
    whole = [plan for plan in explained if "SELECT reason" in plan]
    judge("why there is nothing for them", connection, work, whole, scans(explained), "counters")


def scans(plans: list[str]) -> list[str]:
    """Finds sequential scans but of tables that stay small: a project's key is looked up among three of them."""
    tables = (
        "prompt|completion|assignment|ranking|rankedcompletion|preferencepair|queueposition|counter|labelercounter|"
        "goldanswer"
    )
    return re.findall(rf"(?m)^.*Seq Scan on labeling_(?:{tables})\b.*$", "\n".join(plans))


@contextmanager
def explaining(connection: psycopg.Connection[Any]) -> Iterator[list[str]]:
    """Gives a list of the plans of all statements that run, those in functions too."""
    explained: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        explained.append(notice.message_primary or "")

    connection.execute("LOAD 'auto_explain'")
    for name, value in (("log_nested_statements", "on"), ("log_analyze", "on"), ("log_buffers", "on"),
                        ("log_timing", "off")):  # fmt: skip
        connection.execute(f"SET auto_explain.{name} = {value}")
    connection.execute("SET client_min_messages = log")
    connection.add_notice_handler(hear)
    connection.execute("SET auto_explain.log_min_duration = 0")
    yield explained
    connection.execute("SET auto_explain.log_min_duration = -1")
    connection.remove_notice_handler(hear)


def show(who: str, plan: str) -> None:
    print(f"\n{who}: how the last of {TIMES} claims looks for a prompt")
    print("\n".join(f"    {line}" for line in plan.splitlines() if re.search(r"\(cost=|Cond:|Removed|Buffers:", line)))


def judge(
    what: str,
    connection: psycopg.Connection[Any],
    work: Callable[[], None],
    whole: list[str],
    wrong: list[str],
    by: str,
) -> None:
    """Says in a line what the last call read and what more of them take, unexplained; wrong parts below."""
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    pages = sum(map(int, re.findall(r"(?:hit|read)=(\d+)", whole[-1].partition("Buffers:")[2].partition("\n")[0])))
    said = "MISSED:" if wrong else f"by {by}, no sort, no sequential scan: met;"
    print(f"  {what}: {said} {pages:,} buffers, {statistics.median(times):.1f} ms, at most {max(times):.1f}")
    for line in sorted(set(wrong)):
        print(f"    {line.strip()}")
