"""Imports of a project as their pages show them: one that is in, one at work, one taken back, one that broke off."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from formats.refusals import Refused
from labeling.data.importing.background import import_files, import_jobs
from labeling.data.importing.import_report import Report
from labeling.models import Import, Project

SAMPLE = Path(__file__).resolve().parents[3] / "labeling" / "sample"
TABLE = """Frage,erste,zweite,besser,Thema
Warum ist der Himmel blau?,"Luft streut blaues Licht stärker als rotes.",Wegen des Meeres.,erste,Physik
Nenne eine Stadt in Österreich.,Linz,Graz,gleich,Geographie
""".encode()


def make_imports(project: Project) -> None:
    """No file lies behind those; two more wait to be started, and two come from a hub."""
    now = timezone.now()
    common = {"project": project, "sha256": "0" * 64, "requested_by": project.created_by, "unit": "line"}
    report = Report()
    for line in range(7, 500, 12):
        report.add_error(line, Refused("chosen", "Yes.", "same_texts", other="rejected"))
    report.add_error(480, Refused("line", '{"prompt": "What is', "not_json", error="Unterminated string"))
    report.add_error(2017, Refused("completions[1].text", "", "no_text", remedy="completion_text"))
    jobs = [
        Import(
            **common, number=1, state="succeeded", file_name="hh-harmless-2025-11.jsonl.gz", size=9_400_000,
            bytes_read=9_400_000, place=12_480, created=12_301, updated=120, skipped=16, rankings=12_421,
            n_errors=report.n_errors, errors=[asdict(error) for error in report.errors], layout="trl-preference",
            container="JSON Lines (gzip)", bad_lines="none.bad", started_at=now - timedelta(minutes=9),
            finished_at=now - timedelta(minutes=8),
        ),
        Import(
            **common, number=2, state="running", file_name="answers-of-three-assistants.csv", size=48_200_000,
            bytes_read=19_800_000, place=41_080, created=41_080, layout="wide-table", container="CSV",
            seconds_left=74, started_at=now - timedelta(seconds=52), heartbeat_at=now, upload="none.upload",
        ),
        Import(
            **common, number=3, state="succeeded", is_undo=True, file_name="wrong.jsonl", size=80_000,
            bytes_read=80_000, place=200, created=200, rankings=40, undone_prompts=188, undone_rankings=40,
            kept_prompts=12, layout="podium", container="JSON Lines", started_at=now - timedelta(minutes=3),
            finished_at=now - timedelta(minutes=2),
        ),
        Import(
            **common, number=4, state="failed", file_name="ueberraschend-langer-dateiname-ohne-eine-trennstelle" * 2,
            size=80_000, bytes_read=64_000, place=150, created=149, n_errors=1, errors=[asdict(report.errors[0])],
            layout="podium", container="JSON Lines", upload="none.upload", started_at=now, finished_at=now,
            error="The file breaks off in the middle of what gzip packed: send all of it. Of the lines before, 149 "
            "went in and 0 were here already; sending them again is harmless.",
        ),
    ]  # fmt: skip
    Import.objects.bulk_create(jobs)
    project.imports.update(requested_at=now - timedelta(minutes=10))
    _wait(project, "preferences-of-may.jsonl", "".join(json.dumps(each) + "\n" for each in _preferences()).encode())
    _wait(project, "antworten.csv", TABLE)
    _fetch(project)


def make_forgotten(project: Project) -> None:
    """One whose bad lines are not kept any more, for a prompt was erased."""
    Import.objects.create(
        project=project, number=1, sha256="0" * 64, state="succeeded", file_name="texts.csv", size=80_000, place=400,
        created=397, n_errors=3, layout="wide-table", container="CSV", bytes_read=80_000, finished_at=timezone.now(),
    )  # fmt: skip


def _wait(project: Project, name: str, body: bytes) -> None:
    received = import_files.receive(project, io.BytesIO(body))
    import_jobs.receive(project, received, file_name=name, by=project.created_by, start=False)


def _fetch(project: Project) -> None:
    """One is on its way, and one can't be had."""
    now = timezone.now()
    common = {"project": project, "sha256": "", "requested_by": project.created_by, "state_when_fetched": "draft"}
    name = "allenai/ultrafeedback_binarized_cleaned"
    Import.objects.create(
        **common, number=7, state="running", hub=f"{name}@main", file_name=f"{name}@main", commit="5f2a91c0" * 5,
        size=418_000_000, bytes_read=143_000_000, done=1, total=4, seconds_left=48, heartbeat_at=now,
        started_at=now - timedelta(seconds=25),
    )  # fmt: skip
    Import.objects.create(
        **common, number=8, state="failed", size=0, hub="our-lab/feedback", file_name="our-lab/feedback",
        started_at=now, finished_at=now,
        error="On https://hub.example there is no dataset our-lab/feedback that everybody may read: check the name; a "
        "private or gated one is imported by whoever runs Podium, by manage.py import_prompts "
        f"{project.slug} hf:our-lab/feedback.",
    )  # fmt: skip


def _preferences() -> Iterator[dict[str, object]]:
    texts = (SAMPLE / "prompts.jsonl").read_text().splitlines()[:6]
    for row in map(json.loads, texts):
        good, bad, *_ = row["completions"]
        yield {"prompt": row["prompt"], "chosen": good["text"], "rejected": bad["text"]}
    yield {"prompt": "What is a lake?", "chosen": "Water.", "rejected": "Water."}
    yield {"prompt": "What is a lake?", "chosen": "Water, with land around it.", "rejected": 7}
