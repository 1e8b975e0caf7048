"""Small files of each layout as people have them: samples/NAME.jsonl, .json or .csv, or NAME.VARIANT.jsonl of several.

A file's first part is the name of the layout that it must be recognised as, among all others.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

FOLDER = Path(__file__).parent / "samples"


def files() -> list[Path]:
    return sorted(FOLDER.iterdir())


def layout_of(path: Path) -> str:
    return path.name.split(".")[0]


def records_of(path: Path) -> list[dict[str, object]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return list(json.loads(text))
    if path.suffix == ".csv":
        return [dict(row) for row in csv.DictReader(text.splitlines(keepends=True))]
    return [json.loads(line) for line in text.splitlines()]
