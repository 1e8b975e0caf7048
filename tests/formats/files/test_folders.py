"""Folders of a dataset: which files are read, and that none outside is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from formats.files import folders
from formats.files.folders import BadFolder, data_files


def write(folder: Path, *names: str, content: str = "{}") -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def saved(folder: Path, *names: str) -> Path:
    write(folder, *names)
    write(folder, "state.json", content=json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return write(folder, "dataset_info.json")


def told(folder: Path) -> list[tuple[str, str]]:
    return [(file.name, file.split) for file in data_files(folder)]


def test_a_saved_dataset_is_its_shards_in_their_order(tmp_path: Path) -> None:
    saved(tmp_path, "data-00001-of-00002.arrow", "data-00000-of-00002.arrow")
    write(tmp_path, "cache-1234.arrow")
    assert told(tmp_path) == [("data-00001-of-00002.arrow", ""), ("data-00000-of-00002.arrow", "")]


def test_a_saved_dictionary_has_splits(tmp_path: Path) -> None:
    saved(tmp_path / "train", "data-00000-of-00001.arrow")
    saved(tmp_path / "test_prefs", "data-00000-of-00001.arrow")
    write(tmp_path, "dataset_dict.json", content='{"splits": ["train", "test_prefs"]}')
    assert told(tmp_path) == [
        ("train/data-00000-of-00001.arrow", "train"),
        ("test_prefs/data-00000-of-00001.arrow", "test_prefs"),
    ]


def test_a_repository_has_a_card_and_files_of_splits(tmp_path: Path) -> None:
    write(tmp_path, "README.md", "dataset_infos.json", ".cache/huggingface/x.json", ".gitattributes")
    write(tmp_path, "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet", "extra/rows.jsonl.gz")
    assert told(tmp_path) == [
        ("data/test-00000-of-00001.parquet", "test"),
        ("data/train-00000-of-00001.parquet", "train"),
        ("extra/rows.jsonl.gz", ""),
    ]


def test_of_a_folder_that_podium_wrote_its_rows_are_taken(tmp_path: Path) -> None:
    write(tmp_path, "rankings/train.parquet", "pairs/train.parquet")
    assert told(tmp_path) == [("rankings/train.parquet", "train")]


@pytest.mark.parametrize(
    ("name", "split"),
    [("latest.json", ""), ("training/a.csv", "training"), ("my_dev.csv", "dev"), ("test/train.csv", "train")],
)
def test_a_split_is_told_by_a_whole_word(name: str, split: str) -> None:
    assert folders.split_in(name) == split


@pytest.mark.parametrize("name", ["../secret.arrow", "/etc/passwd", "a/b.arrow", "..", "", "a\\b", "a\x00b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "state.json", content=json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(BadFolder, match="not in its folder"):
        data_files(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"_data_files": 1}', '{"_data_files": [{}]}', "[" * 100_000])
def test_a_state_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    write(tmp_path, "state.json", content=content)
    with pytest.raises(BadFolder, match="save the dataset again"):
        data_files(tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", "secret.jsonl")
    inside = write(tmp_path / "inside", "rows.jsonl")
    os.symlink(outside, inside / "folder")
    assert told(inside) == [("rows.jsonl", "")]
    os.symlink(outside / "secret.jsonl", inside / "linked.jsonl")
    with pytest.raises(BadFolder, match=r"linked\.jsonl is a link"):
        data_files(inside)


def test_a_split_that_is_a_link_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "elsewhere", "data.arrow")
    inside = write(tmp_path / "inside", "dataset_dict.json", content='{"splits": ["train"]}')
    os.symlink(tmp_path / "elsewhere", inside / "train")
    with pytest.raises(BadFolder, match="is a link"):
        data_files(inside)


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    saved(tmp_path, "a.arrow", "b.arrow")
    (tmp_path / "b.arrow").unlink()
    with pytest.raises(BadFolder, match=r"b\.arrow is named by the folder and not there"):
        data_files(tmp_path)


def test_huge_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, *(f"{n}.jsonl" for n in range(6)))
    monkeypatch.setattr(folders, "MOST_BYTES", 5)
    with pytest.raises(BadFolder, match="GiB to read"):
        data_files(tmp_path)
    monkeypatch.setattr(folders, "MOST_FILES", 5)
    with pytest.raises(BadFolder, match="6 files to read, 5 at most"):
        data_files(tmp_path)
    monkeypatch.setattr(folders, "MOST_ENTRIES", 5)
    with pytest.raises(BadFolder, match="more than 5 files"):
        data_files(tmp_path)


def test_a_folder_without_rows_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadFolder, match="no Parquet, Arrow, JSON or CSV"):
        data_files(write(tmp_path, "README.md"))
