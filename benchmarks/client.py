"""What static/podium.py costs beside curl, and how fast prompts are read back, over a web server of its own.

    python -m benchmarks.client [--prompts 20000]          the claims are made for --prompts 100000

The same rows go into projects of their own, by curl as one file and by `Project.push` from a list, in turns; then all
prompts of one are read by `Project.prompts()`, beside COPY of the same texts to stdout, first and last pages apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.data.files import row_of

TURNS = 3
TEXTS = """
COPY (SELECT prompt.*, (SELECT jsonb_agg(to_jsonb(text)) FROM labeling_completion text WHERE prompt_id = prompt.id)
      FROM labeling_prompt prompt JOIN labeling_project project ON project.id = project_id WHERE slug = 'read')
TO STDOUT
"""


@contextmanager
def web() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "config.processes.web", "--port", str(port), "--workers", "1"])
    try:
        ends = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{url}/healthz", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "the web server ended"
                assert time.monotonic() < ends, "the web server doesn't answer"
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def run(url: str, folder: Path, n: int) -> None:
    import podium
    from django.db import connection
    from knox.models import AuthToken

    from tests.factories import make_project, make_user

    manager = make_user("manager")
    token = AuthToken.objects.create(manager)[1]
    draw = random.Random(0)
    lines = [f"{row_of(place, draw)}}}" for place in range(n)]
    rows = [json.loads(line) for line in lines]
    file = folder / "rows.jsonl"
    file.write_text("\n".join(lines))
    took: dict[str, list[float]] = {"curl": [], "push": []}
    for turn in range(TURNS):
        for way, seconds in took.items():
            slug = "read" if (way, turn) == ("push", 0) else f"{way}-{turn}"
            make_project(manager=manager, slug=slug)
            began = time.perf_counter()
            if way == "curl":
                _curl(f"{url}/api/v1/projects/{slug}/prompts/", token, file, n)
            else:
                assert podium.Project(url, slug, token).push(rows).created == n
            seconds.append(time.perf_counter() - began)
            print(f"{way}: {seconds[-1]:.2f} s, {n / seconds[-1]:,.0f} rows/s", flush=True)
    ratios = [curl / push for curl, push in zip(took["curl"], took["push"], strict=True)]
    print(f"push: {statistics.median(ratios):.2f} of curl's speed ({min(ratios):.2f} to {max(ratios):.2f})")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        began = time.perf_counter()
        with cursor.copy(TEXTS) as out:
            for _ in out:
                pass
        copied = time.perf_counter() - began
    read(podium.Project(url, "read", token), n, podium.PAGE_ROWS, copied)


def _curl(address: str, token: str, file: Path, n: int) -> None:
    command = ["curl", "-sS", "-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/x-ndjson"]
    ended = subprocess.run([*command, "--data-binary", f"@{file}", address], stdout=subprocess.PIPE, check=True)
    assert json.loads(ended.stdout)["created"] == n, ended.stdout[:300]


def read(project: object, n: int, size: int, copied: float) -> None:
    import podium

    assert isinstance(project, podium.Project)
    began = last = time.perf_counter()
    seconds = []
    for place, _row_read in enumerate(project.prompts(), start=1):
        if place % size == 0:
            now = time.perf_counter()
            seconds.append(now - last)
            last = now
    whole = time.perf_counter() - began
    tenth = max(1, len(seconds) // 10)
    deep = statistics.mean(seconds[-tenth:]) / statistics.mean(seconds[:tenth])
    print(f"prompts(): {n / whole:,.0f} rows/s, {n / size / whole:.1f} pages of {size:,} a second")
    print(f"  {copied / whole:.2f} of the speed of COPY of the same texts ({copied:.2f} s)")
    print(f"  the last tenth of the pages takes {deep:.2f} times as long as the first")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=20_000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    with tempfile.TemporaryDirectory(prefix="podium-client-") as folder:
        os.environ["PODIUM_DATA_DIR"] = folder
        os.environ.pop("DATABASE_URL", None)
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "static"))
        import django

        django.setup()
        from django.core.management import call_command

        from config.environment import folders
        from config.servers import embedded

        with embedded.running(folders.data_directory()):
            call_command("migrate", verbosity=0)
            print(f"{platform.machine()}, {os.cpu_count()} cores; {options.prompts:,} prompts x 4", flush=True)
            with web() as url:
                run(url, Path(folder), options.prompts)


if __name__ == "__main__":
    main()
