"""Hands a run over to a cluster: what its job is to do, in a file, and the job's name, in the row.

The row has the name before the scheduler hears it, so that a kill in between is found by the next look, which submits.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings as site

from artifacts import store
from jobs import lifecycle
from rewardtrain import core_command
from rewardtrain.models import RewardModel, TrainingRun
from rewardtrain.registry import champions
from rewardtrain.registry.champions import Baselines
from rewardtrain.training import backbones, baselines, run_settings
from rewardtrain.training.baselines import Comparison
from rewardtrain.training.executors import offered
from rewardtrain.training.executors.executor import Job, Resources
from rewardtrain.training.remote import in_bucket, job_token
from rewardtrain.training.remote.seen_job import SeenJob
from rewardtrain.training.run_files import Files

CURRENT = "current"  # as in rewardtrain/core/job/names.py


def dismiss(files: Files) -> None:
    """Has whatever still works on the run change nothing in its folder any more, and end. Raises OSError.

    In a bucket nothing that a row names can be changed, and the door asks the row.
    """
    if store.bucket() is None:
        _write(files.folder / "jobs" / CURRENT, b"")


def hand_over(run: TrainingRun, files: Files, *, round: int = 0) -> None:
    """Writes down the run's next job. Raises Invalid for settings that no longer hold, ClaimLost, OSError.

    round: how many jobs have compared before it.
    """
    settings = run_settings.of_run(run)
    keeper, bucket_fields = store.bucket(), {}
    files.folder.mkdir(parents=True, exist_ok=True)
    if keeper and not round:
        bucket_fields["job_files"] = in_bucket.without_reports(run, files)
    run.dataset_version.refresh_from_db()
    comparisons, then = _comparisons(run, files)
    name = f"podium-{run.project_id}-{run.number}-{run.attempts}-{round}-{secrets.token_hex(4)}"
    rival = None if files.report.exists() else then.champion  # who is trained already has nothing left to compare there
    described = _spec(run, files, settings, comparisons, rival)
    spec = json.dumps(described, indent=1)
    if keeper:
        bucket_fields["job_said"] = {"spec": spec, "inputs": in_bucket.inputs(keeper, described)}
    else:
        _lay_down(files, name, spec.encode())
    job = SeenJob(
        round=round,
        spec_sha256=hashlib.sha256(spec.encode()).hexdigest(),
        champion=then.champion.pk if then.champion else None,
        head=then.head.pk if then.head else None,
        data=run.dataset_version.sha256,
    )
    job.hear()
    lifecycle.heartbeat(run, job_name=name, job_seen=job.as_row(), phase="waiting", done=0, total=0, **bucket_fields)
    run.job_name, run.job_seen = name, job.as_row()


def _lay_down(files: Files, name: str, spec: bytes) -> None:
    folder = files.folder / "jobs"
    folder.mkdir(exist_ok=True)
    _write(folder / f"{name}.json", spec)
    _write(folder / CURRENT, name.encode())  # what may still work on the run ends


def _comparisons(run: TrainingRun, files: Files) -> tuple[list[Comparison], Baselines]:
    """Lists the reports that the job makes after the training, and whom all reports are beside then."""
    if files.report.exists():
        return baselines.lacking(run, files)
    present = champions.baselines(run)
    baselines.note(files, Baselines(present.champion, None), data=run.dataset_version.sha256)
    beside = [Comparison(present.head, files.head_report)] if present.head else []
    return beside, present


def _spec(
    run: TrainingRun,
    files: Files,
    settings: Mapping[str, object],
    comparisons: list[Comparison],
    rival: RewardModel | None,
) -> dict[str, Any]:
    version = run.dataset_version
    return {
        "data": {"name": version.file, "sha256": version.sha256},
        "settings": settings,
        "backbone": _model(backbones.own(run.project, str(run.training.get("backbone", "")))),
        "champion": _model(rival),
        "formerly": list(version.replaced_files.values_list("sha256", flat=True)),
        "comparisons": [
            {"report": each.report.relative_to(files.folder).as_posix(), "champion": _model(each.champion)}
            for each in comparisons
        ],
    }


def _model(model: RewardModel | None) -> dict[str, str] | None:
    return {"name": model.folder, "sha256": model.manifest_sha256} if model else None


def _write(path: Path, text: bytes) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(text)
    os.replace(draft, path)


def job_of(run: TrainingRun) -> Job:
    """Gives the job as it is submitted, the same each time."""
    spec, name = f"{run.folder}/jobs/{run.job_name}.json", run.job_name
    seen, resources = SeenJob.of(run), Resources(**run.resources)
    if seen.round:
        resources = replace(resources, nodes=1)  # there is nothing to train
    how: dict[str, Any] = {"name": name, "sha256": seen.spec_sha256, "nodes": resources.nodes}
    if store.bucket():
        words = core_command.job(spec, root=f"{site.JOBS_URL}/jobs/{name}", **how)
        token = {job_token.VARIABLE: job_token.token_of(name)}
        return Job(name, words, resources, output=Path("/dev/null"), secrets=token)
    root = Path(offered.executor(run.executor).model_dir())
    words = core_command.job(spec, root=root, **how)
    return Job(name, words, resources, output=root / run.folder / "jobs" / f"{name}.out")
