"""The data is its account's alone, also what an older Podium left open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from config.environment import file_permissions


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.lstat().st_mode & 0o777 for path in folder.rglob("*")}


def test_an_older_tree_is_closed_and_what_it_links_to_is_not(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    outside.write_text("another's")
    model = data / "models" / "projects" / "work" / "datasets" / "1"
    model.mkdir(parents=True)
    (data / "postgres").mkdir()
    for path in (model / "pairs.parquet", data / "secret_key", data / "logins.txt"):
        path.write_text("x")
    (model / "link").symlink_to(outside)
    file_permissions.close_data(data, data / "models")
    file_permissions.close_data(data, data / "models")  # a second start changes nothing
    (data / "models" / "later").mkdir()
    (data / "models" / "later" / "log.txt").write_text("x")
    seen = {path: mode for path, mode in modes(data).items() if path not in ("postgres",) and not path.endswith("link")}
    assert set(seen.values()) == {0o700, 0o600}
    assert outside.stat().st_mode & 0o777 == 0o644
    assert (data / "postgres").stat().st_mode & 0o777 == 0o755  # its own account's business


def test_the_storage_writes_for_its_account_alone() -> None:
    storage = storages["models"]
    saved = storage.save("private/file.txt", ContentFile(b"x"))
    path = Path(storage.path(saved))
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.unlink()
