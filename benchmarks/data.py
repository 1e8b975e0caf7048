"""What comes in and goes out, beside the database's own COPY of the same rows, on a database of its own.

    python -m benchmarks.data [--prompts 2000]          the claims are made for --prompts 100000

Every row has 4 completions. Files go in as `manage.py import_prompts` takes them, in a process whose peak memory is its
own: without rankings, with one each, and with a second one each, of prompts that are there by then. COPY is of the
rows that the first import made, into the very tables, with their indexes, keys and triggers. The expansion of all
rankings into pairs stands beside the one statement it is, both after VACUUM ANALYZE and into an empty table. Exports
stand beside COPY of the joined rows to stdout, in no order.

Of 100,000 prompts it takes 6 to 9 minutes on two cores, and 4 GB of $TMPDIR, which go with it however it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

K = 4
LABELERS = 25
WORDS = [
    "the",
    "a",
    "of",
    "reward",
    "model",
    "prompt",
    "answer",
    "which",
    "better",
    "people",
    "said",
    "that",
    "it",
    "not",
]
BYTES_AT_ONCE = 2**20
SLUG = "benchmark"

JOINED = """
COPY (SELECT prompt.messages, chosen.text, rejected.text
      FROM labeling_preferencepair pair
      JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
      JOIN labeling_completion chosen ON chosen.id = pair.chosen_id
      JOIN labeling_completion rejected ON rejected.id = pair.rejected_id) TO STDOUT
"""
EXPANDED = """
INSERT INTO labeling_preferencepair
    (project_id, prompt_id, ranking_id, labeler_id, chosen_id, rejected_id,
     rank_gap, margin, chosen_position, rejected_position, created_at)
SELECT prompt.project_id, ranking.prompt_id, ranking.id, ranking.labeler_id, better.completion_id, worse.completion_id,
       worse.rank - better.rank, ranking.strength, better.shown_position, worse.shown_position, now()
FROM labeling_ranking ranking
JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
JOIN labeling_rankedcompletion better ON better.ranking_id = ranking.id
JOIN labeling_rankedcompletion worse ON worse.ranking_id = ranking.id AND worse.rank > better.rank
"""


# --- The files --------------------------------------------------------------------------------------------------------


def write_files(folder: Path, prompts: int) -> list[Path]:
    """Writes the same prompts without rankings, with one and with two each, and of the last file the first tenth."""
    draw, order = random.Random(0), random.Random(1)
    paths = [folder / f"{name}.jsonl" for name in ("0", "1", "2", "tenth")]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("w")) for path in paths]
        for n in range(prompts):
            bare, rankings = _row(n, draw), _rankings(n, order)
            lines = [f"{bare}}}\n", *(f'{bare}, "rankings": {json.dumps(rankings[:many])}}}\n' for many in (1, 2))]
            for file, line in zip(files, (*lines, lines[2] if n < prompts / 10 else ""), strict=True):
                file.write(line)
    return paths


def _row(n: int, draw: random.Random) -> str:
    """Gives a row without its last bracket: a prompt of some 150 characters, completions of some 300."""
    row = {
        "id": f"p{n}",
        "prompt": f"{n}: {' '.join(draw.choices(WORDS, k=30))}?",
        "completions": [
            {"id": f"c{place}", "text": f"{place} {' '.join(draw.choices(WORDS, k=60))}.", "model": f"m{place}"}
            for place in range(K)
        ],
    }
    return json.dumps(row, ensure_ascii=False)[:-1]


def _rankings(n: int, order: random.Random) -> list[dict[str, Any]]:
    return [
        {"labeler": f"labeler{(n + place) % LABELERS}", "ranks": order.sample(range(1, K + 1), K)} for place in range(2)
    ]


# --- One act, in a process of its own ---------------------------------------------------------------------------------


def act(case: str, argument: str) -> dict[str, float]:
    import django

    django.setup()
    from django.db import connection

    connection.ensure_connection()
    before = time.perf_counter()
    first, size = {"import": _import, "export": _export, "freeze": _freeze}[case](argument)
    seconds = time.perf_counter() - before
    return {
        "seconds": seconds,
        "first": first,
        "bytes": size,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _import(path: str) -> tuple[float, int]:
    from labeling.data.importing.imports import import_lines
    from labeling.data.importing.upload_lines import lines_of
    from labeling.models import Project

    with open(path, "rb") as file:
        report = import_lines(Project.objects.get(slug=SLUG), lines_of(file))
    assert (report.n_errors, report.stopped) == (0, None), report.errors[:1]
    return 0.0, report.created + report.updated


def _export(asked: str) -> tuple[float, int]:
    from labeling.data.exporting import exports
    from labeling.data.exporting.wanted import Wanted
    from labeling.models import Project

    named: dict[str, Any] = dict(each.split("=") for each in asked.split())
    project = Project.objects.get(slug=SLUG)
    number = named.pop("version", None)
    frozen = project.dataset_versions.get(number=int(number)) if number else None
    wanted = Wanted(**named, split="all", version=frozen)
    began, first, size = time.perf_counter(), 0.0, 0
    for piece in exports.stream(project, wanted):
        first = first or time.perf_counter() - began
        size += len(piece)
    return first, size


def _freeze(_: str) -> tuple[float, int]:
    from labeling.data.versions import datasets
    from labeling.models import Project

    version = datasets.freeze(Project.objects.get(slug=SLUG))
    return 0.0, version.bytes


def in_fresh_process(case: str, argument: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.data", "--case", case, argument]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return measured


# --- What the database itself takes -----------------------------------------------------------------------------------


def copied_seconds(folder: Path) -> float:
    """Takes the tables' rows out, and times their COPY in again, in one transaction with its commit."""
    from django.db import connection, transaction

    tables = {"labeling_prompt": folder / "prompts", "labeling_completion": folder / "completions"}
    with connection.cursor() as cursor:
        for table, path in tables.items():
            with path.open("wb") as file, cursor.copy(f"COPY {table} TO STDOUT") as out:
                for piece in out:
                    file.write(piece)
    _empty("labeling_prompt")
    before = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table, path in tables.items():
            with path.open("rb") as file, cursor.copy(f"COPY {table} FROM STDIN") as into:
                while piece := file.read(BYTES_AT_ONCE):
                    into.write(piece)
    seconds = time.perf_counter() - before
    for path in tables.values():
        path.unlink()
    return seconds


def joined_seconds() -> float:
    from django.db import connection

    before = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(JOINED) as out:
        for _ in out:
            pass
    return time.perf_counter() - before


def expanded_seconds() -> tuple[float, float]:
    """Seconds of our expansion of all rankings, in the batches of an import, and of the bare statement."""
    from django.db import connection, transaction

    from labeling.answers import pairs
    from labeling.data.importing.imports import BATCH_RANKINGS
    from labeling.models import Ranking

    rankings = list(Ranking.objects.values_list("pk", flat=True))
    _empty("labeling_preferencepair")
    _analyze()
    before = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(EXPANDED)
    bare = time.perf_counter() - before
    _empty("labeling_preferencepair")
    before = time.perf_counter()
    for start in range(0, len(rankings), BATCH_RANKINGS):
        with transaction.atomic():
            pairs.expand(rankings[start : start + BATCH_RANKINGS])
    return time.perf_counter() - before, bare


def _empty(table: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")
        cursor.execute("CHECKPOINT")


def _analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


# --- The run ----------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=2_000)
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if options.case:
        print(json.dumps(act(*options.case)))
        return
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    with tempfile.TemporaryDirectory(prefix="podium-data-") as folder:
        os.environ["PODIUM_DATA_DIR"] = folder
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        from config.environment import folders
        from config.servers import embedded

        with embedded.running(folders.data_directory()):
            run(Path(folder), options.prompts)


def run(folder: Path, prompts: int) -> None:
    from django.core.management import call_command

    from tests.factories import make_project

    call_command("migrate", verbosity=0)
    make_project(slug=SLUG)
    files = write_files(folder, prompts)
    size = files[0].stat().st_size / 2**20
    print(f"{platform.machine()}, {os.cpu_count()} cores; {prompts:,} prompts x {K}, {size:.0f} MB", flush=True)
    targets = [*imported(folder, files, prompts), *expanded(2 * prompts), *exported(2 * prompts * K * (K - 1) // 2)]
    print("In all:")
    for each in targets:
        print(f"  {each}")


def imported(folder: Path, files: list[Path], prompts: int) -> Iterator[str]:
    plain = in_fresh_process("import", str(files[0]))
    copied = copied_seconds(folder)
    _empty("labeling_prompt")
    say("import", plain, rows=prompts)
    print(f"  COPY of the same rows {copied:.2f} s")
    yield target("import: speed of COPY", copied / plain["seconds"], at_least=0.25)
    ranked = in_fresh_process("import", str(files[1]))
    say("import with a ranking each", ranked, rows=prompts)
    again = in_fresh_process("import", str(files[2]))
    say("one more ranking each, of known rows", again, rows=prompts)
    known = in_fresh_process("import", str(files[3]))
    say("a tenth of the same file again", known, rows=prompts // 10)
    if prompts >= 100_000:
        yield target("import, s", plain["seconds"], at_most=25)
        yield target("import with a ranking each, s", ranked["seconds"], at_most=45)
    yield target("import, MB", max(each["mb"] for each in (plain, ranked, again, known)), at_most=300)


def expanded(rankings: int) -> Iterator[str]:
    ours, bare = expanded_seconds()
    print(f"{rankings:,} rankings to pairs {ours:.2f} s, by the bare statement {bare:.2f} s")
    yield target("expansion: speed of the bare statement", bare / ours, at_least=0.9)


EXPORTS = {
    "jsonl": "file_format=jsonl",
    "csv": "file_format=csv",
    "parquet": "file_format=parquet",
    "arrow": "file_format=arrow",
    "csv for a spreadsheet": "file_format=csv cells=spreadsheet",
    "jsonl, gzip": "compression=gzip",
    "jsonl, zstd": "compression=zstd",
    "jsonl with provenance": "columns=provenance",
    "parquet with provenance": "columns=provenance file_format=parquet",
    "merged": "rows=merged",
    "half ties": "ties=half",
    "least agreement": "least_agreement=0.5",
    "openrlhf": "layout=openrlhf",
    "nemo-rl": "layout=nemo-rl",
    **{what: f"what={what}" for what in ("rankings", "podium", "kto", "sft")},
}
OF_A_VERSION = {
    "jsonl of a version": "version=1",
    "parquet of a version": "file_format=parquet version=1",
    "jsonl with provenance of a version": "columns=provenance version=1",
}


def exported(pairs: int) -> Iterator[str]:
    _analyze()
    joined = joined_seconds()
    print(f"COPY of {pairs:,} joined rows to stdout {joined:.2f} s", flush=True)
    measured = {name: in_fresh_process("export", asked) for name, asked in EXPORTS.items()}
    frozen = in_fresh_process("freeze", "")
    measured |= {name: in_fresh_process("export", asked) for name, asked in OF_A_VERSION.items()}
    for name, each in measured.items():
        say(f"export {name}", each, rows=pairs)
        print(f"  first byte after {1000 * each['first']:.0f} ms; {each['bytes'] / 2**20:.0f} MB")
    say("freeze", frozen, rows=pairs)
    for name, least in (("jsonl", 0.5), ("parquet", 0.3)):
        yield target(f"export {name}: speed of COPY", joined / measured[name]["seconds"], at_least=least)
    yield target("exports: slowest first byte, s", max(each["first"] for each in measured.values()), at_most=0.1)
    yield target("freeze: speed of the JSON Lines", measured["jsonl"]["seconds"] / frozen["seconds"], at_least=1)
    yield target("exports and freeze, MB", max(each["mb"] for each in (*measured.values(), frozen)), at_most=300)


def say(name: str, measured: dict[str, float], *, rows: int) -> None:
    per_second = rows / measured["seconds"]
    print(f"{name}: {measured['seconds']:.2f} s, {per_second:,.0f} rows/s, {measured['mb']:.0f} MB", flush=True)


def target(name: str, value: float, *, at_least: float | None = None, at_most: float | None = None) -> str:
    """Prints the figure beside its target at once, for a run may be cut off; gives the line, for the end."""
    met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    bound = f"at least {at_least}" if at_least is not None else f"at most {at_most}"
    line = f"{name} {bound}: {value:.2f}: {'met' if met else 'MISSED'}"
    print(f"  target: {line}", flush=True)
    return line


def _end(number: int, _frame: object) -> None:
    """Ends as on an error, so that servers stop and the folder goes."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
