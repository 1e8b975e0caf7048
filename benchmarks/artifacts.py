"""What it costs to publish and to read an artifact, beside plain copies of the same bytes.

    python -m benchmarks.artifacts [--megabytes 256]

In a folder nothing is copied: the call stands beside the rename, and the path beside joining it. With a bucket, of a
server in Python on loopback (moto), the transfer and the checksum stand beside `cp` to the same disk; the second
reading beside opening the file. The server's own work is in it: a real one is faster, and its network slower.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TIMES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=256)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PODIUM_DATA_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        import django

        django.setup()
        print(f"{platform.platform()}, {os.cpu_count()} cores")
        of_a_folder(Path(folder) / "folder")
        of_a_bucket(Path(folder) / "bucket", options.megabytes)


def of_a_folder(folder: Path) -> None:
    from artifacts import store

    models_in = importlib.import_module("tests.rewardtrain.conftest").models_in

    def publish() -> None:
        for number in range(TIMES):
            store.publish(drafts[number], f"projects/1/datasets/{number:05}.parquet", "")

    def rename() -> None:
        for number in range(TIMES):
            os.replace(folder / f"projects/1/datasets/{number:05}.parquet", drafts[number])

    with models_in(folder):
        drafts = [folder / f"projects/1/datasets/draft-{number}" for number in range(TIMES)]
        drafts[0].parent.mkdir(parents=True)
        for draft in drafts:
            draft.touch()
        compare("folder: publish, beside a rename", publish, rename)
        compare(
            "folder: a path, beside joining it",
            lambda: [store.local_copy("projects/1/datasets/00001.parquet") for _ in range(TIMES)],
            lambda: [folder / "projects/1/datasets/00001.parquet" for _ in range(TIMES)],
        )


def of_a_bucket(folder: Path, megabytes: int) -> None:
    from artifacts import store

    artifacts_in_bucket = importlib.import_module("tests.artifacts.s3").artifacts_in_bucket

    folder.mkdir()
    draft, copy = folder / "draft", folder / "copy"
    with draft.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(2**20))
    with draft.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with artifacts_in_bucket(folder / "here", copies=10**12) as bucket:
        cp = seconds(lambda: shutil.copyfile(draft, copy))
        print(f"cp of {megabytes} MB: {cp:.2f} s")
        published = seconds(lambda: store.publish(draft, "projects/1/datasets/1.parquet", sha256))
        print(f"bucket: publish, beside cp: {published:.2f} s, {published / cp:.1f} times")
    name = f"projects/1/datasets/1-{sha256[:16]}.parquet"
    with artifacts_in_bucket(folder / "there", name=bucket.bucket_name, copies=10**12):
        fetched = seconds(lambda: store.local_copy(name, sha256))
        print(f"bucket: first reading, beside cp: {fetched:.2f} s, {fetched / cp:.1f} times")
        compare(
            "bucket: a later reading, beside opening the file",
            lambda: [store.local_copy(name, sha256) for _ in range(TIMES)],
            lambda: [opened(store.place(name)) for _ in range(TIMES)],
        )


def opened(path: Path) -> int:
    with path.open("rb") as file:
        return file.fileno()


def compare(what: str, ours: Callable[[], object], other: Callable[[], object]) -> None:
    mine, plain = seconds(ours), seconds(other)
    print(f"{what}: {mine / TIMES * 1e6:.1f} µs and {plain / TIMES * 1e6:.1f} µs, {mine / plain:.1f} times")


def seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
