"""Artifacts are published and read by their names, whatever keeps them."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifacts import store
from artifacts.bucket import Bucket
from artifacts.errors import Changed, Lost, StorageAway
from tests.artifacts.folders import write_folder
from tests.artifacts.s3 import artifacts_in_bucket, keys, make_bucket, requests
from tests.rewardtrain.conftest import models_in

NAME = "projects/1/datasets/00001.parquet"
MODEL = "projects/1/runs/2/out/model"


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with models_in(tmp_path / "here") if request.param == "folder" else artifacts_in_bucket(tmp_path / "here"):
        yield request.param


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with artifacts_in_bucket(tmp_path / "here") as bucket:
        yield bucket


def draft(content: bytes = b"content") -> tuple[Path, str]:
    path = store.work_path("projects/1/datasets/draft")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def elsewhere(tmp_path: Path, bucket: Bucket, name: str = "there") -> artifacts_in_bucket:  # type: ignore[valid-type]
    """Another machine on the same bucket."""
    return artifacts_in_bucket(tmp_path / name, name=bucket.bucket_name)


def test_what_is_published_is_read_by_its_name_and_the_draft_is_gone(kept: str) -> None:
    path, sha256 = draft()
    name = store.publish(path, NAME, sha256)
    assert store.local_copy(name, sha256).read_bytes() == b"content"
    assert store.place(name) == store.local_copy(name)
    assert store.exists(name)
    assert not store.exists("projects/1/datasets/00002.parquet")
    assert not path.exists()


def test_a_folder_is_published_with_all_its_files(kept: str) -> None:
    sha256 = write_folder(store.work_path(MODEL), {"config.json": b"{}", "big": os.urandom(3 * 2**20)})
    name = store.publish_folder(MODEL)
    folder = store.local_folder(name, sha256)
    assert {path.name for path in folder.iterdir()} == {"config.json", "big", "manifest.json"}
    assert (folder / "big").read_bytes() == (store.work_path(MODEL) / "big").read_bytes()
    assert store.exists(f"{name}/manifest.json")


def test_all_below_a_folder_goes_and_nothing_beside_it(kept: str) -> None:
    names = []
    for project in (1, 11):
        path, sha256 = draft(b"of %d" % project)
        names.append(store.publish(path, f"projects/{project}/datasets/00001.parquet", sha256))
    made = write_folder(store.work_path(MODEL), {"config.json": b"{}"})
    model = store.publish_folder(MODEL)
    store.local_folder(model, made)
    for _ in range(2):  # twice is harmless
        store.remove_below("projects/1")
    assert not any(store.exists(name) for name in (names[0], f"{model}/manifest.json"))
    assert store.local_copy(names[1]).read_bytes() == b"of 11"
    assert not any("projects/1/" in str(path) for path in store.root().rglob("*") if path.is_file())


def test_a_folder_keeps_the_names_and_a_path_costs_no_look_at_the_disk(tmp_path: Path) -> None:
    with models_in(tmp_path):
        path, sha256 = draft()
        assert store.publish(path, NAME, sha256) == NAME
        assert store.local_copy("projects/9/none") == tmp_path / "projects/9/none"
        assert store.publish_folder(MODEL) == MODEL


def test_a_bucket_s_names_say_the_content_so_that_none_is_written_over_another(bucket: Bucket) -> None:
    names = set()
    for content in (b"one", b"two"):
        path, sha256 = draft(content)
        names.add(store.publish(path, NAME, sha256))
    assert {store.local_copy(name).read_bytes() for name in names} == {b"one", b"two"}
    assert len(keys(bucket)) == 2


def test_another_machine_fetches_it_once(bucket: Bucket, tmp_path: Path) -> None:
    path, sha256 = draft()
    name = store.publish(path, NAME, sha256)
    with elsewhere(tmp_path, bucket), requests() as asked:
        for _ in range(3):
            assert store.local_copy(name, sha256).read_bytes() == b"content"
    assert len([line for line in asked if line.startswith("GET")]) == 1


def test_heads_bring_their_backbone_once_and_share_it_here(bucket: Bucket, tmp_path: Path) -> None:
    backbone = tmp_path / "backbone"
    backbone.write_bytes(os.urandom(2 * 2**20))
    names = []
    for run in (1, 2):
        made = f"projects/1/runs/{run}/out/model"
        write_folder(store.work_path(made), {"head": os.urandom(100)}, linked={"backbone": backbone})
        with requests() as asked:
            names.append(store.publish_folder(made))
    assert len([line for line in asked if line.startswith("PUT")]) == 2, "the head and the manifest alone"
    with elsewhere(tmp_path, bucket), requests() as asked:
        one, two = (store.local_folder(name) / "backbone" for name in names)
        assert one.samefile(two)
        assert one.read_bytes() == backbone.read_bytes()
    assert len([line for line in asked if line.startswith("GET")]) == 5, "two manifests, two heads, one backbone"


def test_what_is_changed_or_gone_is_named(bucket: Bucket, tmp_path: Path) -> None:
    path, sha256 = draft()
    name = store.publish(path, NAME, sha256)
    manifest_sha256 = write_folder(store.work_path(MODEL), {"head": b"head"})
    model = store.publish_folder(MODEL)
    head = next(key for key in keys(bucket) if "/files/" in key)
    for key in (name, head):
        bucket.client.put_object(Bucket=bucket.bucket_name, Key=f"podium/{key}", Body=b"other")
    with elsewhere(tmp_path, bucket):
        with pytest.raises(Changed, match=rf"{name} was changed: its sha256 is .* restore it from a backup"):
            store.local_copy(name, sha256)
        with pytest.raises(Changed, match=r"/files/.* was changed"):
            store.local_folder(model, manifest_sha256)
        with pytest.raises(Changed, match=r"manifest.json was changed"):
            store.local_folder(model, "0" * 64)
        with pytest.raises(Lost, match="projects/1/none is not in the bucket"):
            store.local_copy("projects/1/none")
        assert not list((tmp_path / "there" / "copies" / "kept").glob("**/*.parquet"))


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"{}", b'{"files": {"../up": {"bytes": 1, "sha256": "' + b"0" * 64 + b'"}}}',
     b'{"files": {"a": {"bytes": 1, "sha256": "../../etc/passwd"}}}', b'{"files": {"a": 1}}', b"[" * 100_000,
     b'{"files": {"a/b": {"bytes": 1, "sha256": "' + b"0" * 64 + b'"}}}', b'{"files": {"a": {"bytes": 1e999}}}'],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(bucket: Bucket, manifest: bytes) -> None:
    bucket.client.put_object(Bucket=bucket.bucket_name, Key=f"podium/{MODEL}/manifest.json", Body=manifest)
    with pytest.raises(Changed, match="it is no manifest"):
        store.local_folder(MODEL)


def test_a_file_that_is_not_what_its_manifest_says_is_not_published(bucket: Bucket) -> None:
    write_folder(store.work_path(MODEL), {"head": b"head"})
    (store.work_path(MODEL) / "head").write_bytes(b"daeh")
    with pytest.raises(Changed, match="head was changed"):
        store.publish_folder(MODEL)
    assert keys(bucket) == []


def test_a_storage_that_is_away_or_refuses_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:  # listens to nobody
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with artifacts_in_bucket(tmp_path, endpoint=away, name="podium") as bucket:
            with pytest.raises(StorageAway, match=f"can't be reached at {away} .*: nothing was changed"):
                bucket.check()
            path, sha256 = draft()
            with pytest.raises(StorageAway):
                store.publish(path, NAME, sha256)
            assert path.read_bytes() == b"content"
            assert not store.place(NAME).exists()
    with (
        artifacts_in_bucket(tmp_path, name="nobody-made-it") as bucket,
        pytest.raises(StorageAway, match="nobody-made-it doesn't exist: make it"),
    ):
        bucket.check()
    with artifacts_in_bucket(tmp_path, name=make_bucket()) as bucket:
        bucket.check()
        bucket.check()
