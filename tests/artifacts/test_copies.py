"""Copies on this machine: made once, whole or not at all, bounded, and never taken from who uses them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings

from artifacts import copies, store
from artifacts.copies import GRACE_SECONDS, Copies
from tests.artifacts.folders import write_folder
from tests.artifacts.s3 import artifacts_in_bucket, keys, requests

ALONE = """
import sys
from pathlib import PosixPath
from django.conf import settings
settings.configure(STORAGES={{"models": {models!r}}}, MODEL_DIR={folder!r}, COPIES_BYTES=10**9)
from artifacts import store
{script}
"""


def start(script: str) -> subprocess.Popen[bytes]:
    """Runs it in a process of its own, with the settings of now."""
    source = ALONE.format(models=settings.STORAGES["models"], folder=str(settings.MODEL_DIR), script=script)
    return subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, cwd=settings.BASE_DIR)


def until(condition: object, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"


def age(cache: Copies, name: str, *, days: int = 1) -> None:
    then = time.time() - days * 86400
    os.utime(cache._lock(name), (then, then))


def fill(cache: Copies, name: str, size: int = 1000) -> Path:
    return cache.get(name, lambda to: to.write_bytes(b"x" * size) and None)  # type: ignore[func-returns-value]


def test_the_longest_unused_go_where_all_are_too_large(tmp_path: Path) -> None:
    cache = Copies(tmp_path / "copies", 2500)
    for days, name in ((1, "p/1"), (3, "p/2"), (2, "p/3")):
        fill(cache, name)
        age(cache, name, days=days)
    fill(cache, "p/4")
    assert [name for name in ("p/1", "p/2", "p/3", "p/4") if cache.place(name).exists()] == ["p/1", "p/4"]
    assert (tmp_path / "copies").stat().st_mode & 0o777 == 0o700


def test_what_was_asked_for_just_now_stays_however_large(tmp_path: Path) -> None:
    cache = Copies(tmp_path, 1)
    paths = [fill(cache, f"p/{number}") for number in range(3)]
    assert all(path.exists() for path in paths)
    age(cache, "p/1")
    os.utime(cache._lock("p/2"), (0, time.time() - GRACE_SECONDS + 60))
    cache.make_room()
    assert [path.exists() for path in paths] == [True, False, True]


def test_what_is_held_stays_until_the_end_of_the_block(tmp_path: Path) -> None:
    cache = Copies(tmp_path, 1)
    with copies.held():
        path = fill(cache, "p/1")
        with copies.held():  # inside of another it is the same
            fill(cache, "p/1")
        age(cache, "p/1")
        cache.make_room()
        assert path.exists()
        path.unlink()  # by hand: it comes back, and nobody waits for himself
        assert fill(cache, "p/1").exists()
        age(cache, "p/1")
        cache.make_room()
        assert path.exists()
    cache.make_room()
    assert not path.exists()


def test_a_file_that_folders_share_goes_with_the_last_of_them(tmp_path: Path) -> None:
    with artifacts_in_bucket(tmp_path) as bucket:
        backbone = tmp_path / "backbone"
        backbone.write_bytes(os.urandom(2 * 2**20))
        names = []
        for run in (1, 2):
            made = f"projects/1/runs/{run}/out/model"
            write_folder(store.work_path(made), {"head": os.urandom(100)}, linked={"backbone": backbone})
            names.append(store.publish_folder(made))
    with artifacts_in_bucket(tmp_path / "there", name=bucket.bucket_name):
        for name in names:
            store.local_folder(name)
        cache = Copies(tmp_path / "there/copies", 1)
        contents = tmp_path / "there/copies/content"
        for left, name in zip((2, 0), names, strict=True):  # the other head and the backbone; nothing
            age(cache, name)
            cache.make_room()
            assert not cache.place(name).exists()
            assert len(list(contents.iterdir())) == left


def test_a_failed_fetch_leaves_nothing_and_the_next_one_makes_it(tmp_path: Path) -> None:
    cache = Copies(tmp_path, 10**9)

    def fail(to: Path) -> None:
        to.write_bytes(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        cache.get("p/1", fail)
    assert not cache.place("p/1").exists()
    assert fill(cache, "p/1").read_bytes() == b"x" * 1000
    cache.make_room()
    assert not list(tmp_path.glob("parts/*"))


def test_threads_that_ask_at_once_make_it_once(tmp_path: Path) -> None:
    cache, made = Copies(tmp_path, 10**9), []

    def make(to: Path) -> None:
        made.append(to)
        to.write_bytes(b"x")

    threads = [threading.Thread(target=cache.get, args=("p/1", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_processes_that_ask_at_once_fetch_a_model_once(tmp_path: Path) -> None:
    with artifacts_in_bucket(tmp_path / "here") as bucket:
        made = "projects/1/runs/1/out/model"
        sha256 = write_folder(store.work_path(made), {"head": b"head", "backbone": os.urandom(9 * 2**20)})
        name = store.publish_folder(made)
    with artifacts_in_bucket(tmp_path / "there", name=bucket.bucket_name), requests() as asked:
        processes = [start(f"print(store.local_folder({name!r}, {sha256!r}))") for _ in range(3)]
        said = {process.communicate(timeout=120)[0].decode().strip() for process in processes}
        assert said == {str(store.place(name))}
        assert (store.place(name) / "head").read_bytes() == b"head"
    manifests = [line for line in asked if line.startswith("GET") and line.endswith("manifest.json")]
    assert len(manifests) == 1


def test_killed_while_it_publishes_nothing_looks_finished_and_the_next_goes_on(tmp_path: Path) -> None:
    made = "projects/1/runs/1/out/model"
    with artifacts_in_bucket(tmp_path / "here") as bucket:
        files = {f"part-{number}": os.urandom(1000) for number in range(300)}
        write_folder(store.work_path(made), files)
        process = start(f"store.publish_folder({made!r})")
        until(lambda: len(keys(bucket)) > 3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        brought = keys(bucket)
        assert 3 < len(brought) < 300
        assert not any(key.endswith("manifest.json") for key in brought)
        assert not list((tmp_path / "here").glob("copies/kept/**/manifest.json"))
        with requests() as asked:
            name = store.publish_folder(made)
        assert len([line for line in asked if line.startswith("PUT")]) == 301 - len(brought)
        assert len(list(store.local_folder(name).iterdir())) == 301


def test_killed_while_it_fetches_nothing_looks_finished_and_the_next_fetches_it(tmp_path: Path) -> None:
    made = "projects/1/runs/1/out/model"
    with artifacts_in_bucket(tmp_path / "here") as bucket:
        write_folder(store.work_path(made), {f"part-{number}": os.urandom(1000) for number in range(200)})
        name = store.publish_folder(made)
    with artifacts_in_bucket(tmp_path / "there", name=bucket.bucket_name):
        process = start(f"store.local_folder({name!r})")
        until(lambda: len(list((tmp_path / "there").glob("copies/content/*"))) > 3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not store.place(name).exists()
        assert len(list(store.local_folder(name).iterdir())) == 201


def test_a_folder_has_no_need_of_boto() -> None:
    script = "store.local_copy('a'); store.publish_folder('a/b'); store.exists('a'); print('boto3' in sys.modules)"
    process = start(script)
    assert process.communicate(timeout=60)[0].decode().strip() == "False"
