"""One act in a process of its own, whose peak memory is its own, and how figures are said."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SLUG = "benchmark"


def act(case: str, argument: str) -> dict[str, float]:
    import django

    django.setup()
    from django.db import connection

    connection.ensure_connection()
    before = time.perf_counter()
    first, size = {
        "import": _import,
        "import-any": _import_any,
        "first-bytes": _first_bytes,
        "export": _export,
        "freeze": _freeze,
    }[case](argument)
    seconds = time.perf_counter() - before
    return {
        "seconds": seconds,
        "first": first,
        "bytes": size,
        "mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Reads the peak of this program; getrusage has that of the process that began it, where it was higher."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def _import(path: str) -> tuple[float, int]:
    from labeling.data.importing.imports import import_lines
    from labeling.data.importing.upload_lines import lines_of
    from labeling.models import Project

    with open(path, "rb") as file:
        report = import_lines(Project.objects.get(slug=SLUG), lines_of(file))
    assert (report.n_errors, report.stopped) == (0, None), report.errors[:1]
    return 0.0, report.created + report.updated


def _import_any(path: str) -> tuple[float, int]:
    """Imports as the doors do, told by its first records what it is."""
    from labeling.data.importing.imports import import_records
    from labeling.data.importing.upload_layouts import rows_of
    from labeling.models import Project

    with open(path, "rb") as file:
        report = import_records(Project.objects.get(slug=SLUG), rows_of(file))
    assert (report.n_errors, report.stopped) == (0, None), (report.errors[:1], report.stopped)
    return 0.0, report.created + report.updated


def _first_bytes(_: str) -> tuple[float, int]:
    """Gives the seconds to the first piece of the slowest kind, layout and format, but of flags, which nobody asked."""
    from labeling.data.exporting import exports
    from labeling.data.exporting.contents.kinds import KINDS
    from labeling.data.exporting.wanted import FORMATS, Wanted
    from labeling.models import Project

    project = Project.objects.get(slug=SLUG)
    asked = [
        Wanted(what=what, layout=layout, file_format=file_format, split="all", columns=columns)
        for what, kind in KINDS.items()
        if not kind.has_flags
        for layout in kind.layouts
        for file_format in FORMATS
        for columns in ("texts", "provenance")
        if columns == "texts" or kind.has_provenance
    ]
    slowest = 0.0
    for place, wanted in enumerate([asked[0], *asked]):  # the first once more: what all of them load
        began = time.perf_counter()
        with contextlib.closing(exports.stream(project, wanted)) as pieces:
            next(pieces)
        slowest = max(slowest, time.perf_counter() - began if place else 0.0)
    return slowest, len(asked)


def _export(asked: str) -> tuple[float, int]:
    from labeling.data.exporting import exports
    from labeling.data.exporting.wanted import Wanted
    from labeling.models import Project

    named: dict[str, Any] = dict(each.split("=") for each in asked.split())
    project = Project.objects.get(slug=SLUG)
    number = named.pop("version", None)
    if "least_agreement" in named:
        named["least_agreement"] = float(named["least_agreement"])
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
