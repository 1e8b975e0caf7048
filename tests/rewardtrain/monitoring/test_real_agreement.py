"""`make real`: a head on real rankings, and how often it is right where it is sure, on prompts it never saw."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labeling.data.importing.imports import import_lines
from labeling.models import Project
from rewardtrain.automatic import auto_labels
from rewardtrain.models import AutoLabelJob
from rewardtrain.monitoring.model_agreement import Agreement, Part, agreement
from rewardtrain.registry import champions
from rewardtrain.training import policy, runs, worker

FILES = ("oasst_en", "hh_online", "hh_rejection_sampled")


@pytest.mark.real
def test_where_it_is_sure_it_is_more_often_right(
    project: Project, shared_data: Path, look_up: Callable[[], None]
) -> None:
    for name in FILES:
        with (shared_data / f"{name}.jsonl").open("rb") as file:
            report = import_lines(project, (line.replace(b'"id": "', f'"id": "{name}:'.encode(), 1) for line in file))
        print(f"{name}: {report.created} prompts, {report.rankings} rankings, bad lines: {report.n_errors}")
    began = time.monotonic()
    run = runs.request_run(project, depth=policy.Depth.HEAD)
    worker.work(run.pk)
    worker.warm_process.end()
    run.refresh_from_db()
    assert run.state == "succeeded", run.error
    model = project.reward_models.get()
    if champions.champion(project) is None:
        champions.promote(model, by=None, reason="to see what it is worth", past_gate=True)
    print(f"trained in {time.monotonic() - began:.0f} s; gate: {model.gate}")
    began = time.monotonic()
    job = auto_labels.request(project)
    auto_labels.work(job.pk)
    job.refresh_from_db()
    assert job.state == AutoLabelJob.State.SUCCEEDED, job.error
    print(f"scored {job.compared} ranked prompts in {time.monotonic() - began:.0f} s")
    calibrated, raw = agreement(project, model), agreement(project, model, raw=True)
    tell(calibrated)
    tell(raw)
    assert calibrated.held_out
    filled = [band for band in calibrated.held_out.bands if band.right.n >= 30]
    assert (filled[-1].right.value or 0) > (filled[0].right.value or 1)


def tell(found: Agreement) -> None:
    for name, part in (("held out", found.held_out), ("learnt", found.learnt)):
        if part:
            print(f"\n{'raw' if found.raw else 'calibrated'}, {name}: {part.n_prompts} prompts")
            tell_part(part)


def tell_part(part: Part) -> None:
    for words, share in (("right", part.right), ("longer wins", part.longer), ("right where sure", part.sure)):
        if share.value is not None:
            print(f"{words}: {share.value:.1%} ({share.low:.1%} to {share.high:.1%}), n = {share.n}")
    print(f"ECE {part.calibration['value']:.3f}, by chance {part.calibration['by_chance']:.3f}")
    for band in part.bands:
        if band.right.value is not None:
            share = band.right
            print(
                f"| {band.low:.2f} to {band.high:.2f} | {band.says:.1%} | {share.value:.1%} "
                f"({share.low:.1%} to {share.high:.1%}) | {share.n} |"
            )
