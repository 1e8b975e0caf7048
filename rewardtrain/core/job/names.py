"""Names of what lies in a run's folder, as job and web both know them."""

from pathlib import Path

METRICS, CHECKPOINTS, LOG = "out/metrics.jsonl", "out/checkpoints", "log.txt"
MODEL, REPORT = "out/model", "out/report.json"
CURRENT = "jobs/current"  # the name of the job that has the run, by the web's side; nothing once it is over
OWNER = "jobs/owner"  # which start of a job works on the run: who came last. Whoever else still does ends
INFO = "info.json"  # of a checkpoint, written last
MANIFEST = "manifest.json"  # of a model, written last


def whole_folders(root: Path, info: str) -> list[Path]:
    """Lists the whole checkpoints in the order of their steps."""
    found = [path for path in root.glob("step-*") if path.name[5:].isdecimal() and (path / info).is_file()]
    return sorted(found, key=lambda path: step_of(path.name))


def step_of(name: str) -> int:
    """Reads the step of a checkpoint's name; 0 of another name."""
    step = name.removeprefix("step-")
    return int(step) if step.isdecimal() else 0
