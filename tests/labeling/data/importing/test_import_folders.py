"""A dataset's folder by the command: every file of it, and what split it was in."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from labeling.models import Project, Prompt
from tests.labeling.api.client import row
from tests.labeling.data.importing.test_import_refusals import project

pytestmark = pytest.mark.django_db
__all__ = ["project"]  # the fixture

TRL = {split: pa.table({"prompt": [f"{split}?"], "chosen": ["yes"], "rejected": ["no"]}) for split in ("train", "test")}


def run(folder: Path, *options: str) -> str:
    out = io.StringIO()
    call_command("import_prompts", "helpful", str(folder), *options, stdout=out, stderr=out)
    return out.getvalue()


def saved(folder: Path, table: pa.Table) -> None:
    """Writes what `datasets.Dataset.save_to_disk` does: an Arrow stream and what it is called."""
    folder.mkdir(parents=True)
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as out,
    ):
        out.write_table(table)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": null}')
    (folder / "dataset_info.json").write_text("{}")


def splits() -> list[object]:
    return [prompt.metadata.get("split") for prompt in Prompt.objects.order_by("external_id")]


def test_what_datasets_saves_goes_in_with_the_names_of_its_splits(project: Project, tmp_path: Path) -> None:
    for split, table in TRL.items():
        saved(tmp_path / split, table)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    said = run(tmp_path)
    assert said.count("This is TRL preference data in Arrow, 1 row.") == 2
    assert sorted(map(str, splits())) == ["test", "train"]
    assert "0 created, 0 updated, 1 unchanged" in run(tmp_path)


def test_a_downloaded_repository_goes_in_file_by_file(project: Project, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    (tmp_path / "data").mkdir()
    for split, table in TRL.items():
        pq.write_table(table, tmp_path / "data" / f"{split}-00000-of-00001.parquet")
    said = run(tmp_path, "--files", "data/train*")
    assert "data/train-00000-of-00001.parquet" in said
    assert splits() == ["train"]
    with pytest.raises(CommandError, match="no file named 'rows/'"):
        run(tmp_path, "--files", "rows/")


def test_podiums_own_rows_keep_to_their_split_column(project: Project, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(row("q1")))
    run(tmp_path)
    assert splits() == [None]


def test_a_dry_run_of_a_folder_stores_nothing(project: Project, tmp_path: Path) -> None:
    saved(tmp_path / "a", TRL["train"])
    assert "Would import: 1 created" in run(tmp_path / "a", "--dry-run")
    assert not Prompt.objects.exists()


def test_a_folder_that_links_elsewhere_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text(json.dumps(row("q1")))
    (tmp_path / "folder").mkdir()
    os.symlink(tmp_path / "secret.jsonl", tmp_path / "folder" / "rows.jsonl")
    with pytest.raises(CommandError, match="is a link"):
        run(tmp_path / "folder")
    assert not Prompt.objects.exists()
