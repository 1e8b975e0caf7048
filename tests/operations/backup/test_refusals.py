"""What can't be restored is refused in a sentence, before anything is written; what was killed begins anew."""

from __future__ import annotations

import dataclasses
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from labeling.models import Project, Prompt
from operations.backup import archive, manifest, restore, schema
from operations.backup.archive import Reader, Writer
from operations.backup.backup import back_up
from operations.backup.errors import BackupError, BrokenBackup
from operations.backup.progress import Silent
from tests.acceptance.podium import wait_for
from tests.config.helpers import REPOSITORY, environ, manage
from tests.operations.backup.conftest import EMPTY, OpenEmpty, tree
from tests.upgrade.conftest import url

ABOUT = manifest.About(1, "0.1.0", "2026-11-29T03:00:00+00:00", "18.6", [])
NOTHING = manifest.Manifest([], [], {})


def packed(data: bytes) -> bytes:
    sink = io.BytesIO()
    with pa.CompressedOutputStream(pa.PythonFile(archive._StaysOpen(sink, lambda n: None), "w"), "zstd") as stream:
        stream.write(data)
    return sink.getvalue()


def made(*members: tuple[str, bytes], about: bytes = manifest.written(ABOUT), **changes: Any) -> bytes:
    """A backup of no tables with these members, whose manifest is right but for the changes."""
    sink = io.BytesIO()
    writer = Writer(sink)
    for name, data in (("about.json", about), *members):
        writer.add(name, data)
    said = dataclasses.replace(NOTHING, files={**writer.members, **changes.pop("files", {})}, **changes)
    writer.add("manifest.json", manifest.written(said))
    writer.close()
    return sink.getvalue()


def with_header(change: Callable[[tarfile.TarInfo], None]) -> bytes:
    """A tar whose second file has another header than is ever written."""
    info = tarfile.TarInfo("models/projects/1/x")
    change(info)
    about = manifest.written(ABOUT)
    first = archive.header("about.json", len(about)) + about + bytes(-len(about) % 512)
    return packed(first + info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


def vars_of(info: tarfile.TarInfo, *, name: str, size: int) -> None:
    info.name, info.size = name, size


def foreign_tar() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("README"), io.BytesIO())
    return packed(sink.getvalue())


WRONG = {"files": {"models/projects/1/x": archive.Member(1, "0" * 64)}}
X = ("models/projects/1/x", b"x")
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "only a part|be unpacked"),
    "text": (b"no backup at all" * 100, "be unpacked"),
    "not packed": (manifest.written(ABOUT), "be unpacked"),
    "no tar": (packed(b"x" * 2000), "no tar"),
    "a foreign tar": (foreign_tar(), "no backup of Podium's"),
    "no manifest": (packed(archive.header("about.json", 0) + bytes(1024)), "about.json can't be read"),
    "another's about": (made(about=b"[]"), "about.json can't be read"),
    "a later format": (made(about=b'{"podium_backup": 2, "podium": "9.0"}'), "format 2.*9.0"),
    "deep JSON": (made(about=b"[" * 100_000), "about.json can't be read"),
    "a checksum": (made(X, **WRONG), "'models/projects/1/x' in it was changed"),
    "a missing member": (made(**WRONG), "lacks 'models/projects/1/x'"),
    "an unknown member": (made(("models/cache/x", b"x")), "no part of a table"),
    "a link that leads out": (made(X, links={"models/projects/../../x": X[0]}), "leads elsewhere"),
    "a link to nothing": (made(X, links={"models/projects/1/y": "models/projects/1/z"}), "leads elsewhere"),
    "a table's name": (made(tables=[manifest.Table('x"; DROP', [], 0, 0, 0)]), "impossible name"),
    "climbs": (with_header(lambda info: setattr(info, "name", "models/projects/../../../x")), "leads elsewhere"),
    "absolute": (with_header(lambda info: setattr(info, "name", "/etc/x")), "leads elsewhere"),
    "a symbolic link": (with_header(lambda info: setattr(info, "type", tarfile.SYMTYPE)), "no plain file"),
    "a pax header": (with_header(lambda info: setattr(info, "type", tarfile.XHDTYPE)), "no plain file"),
    "a bomb": (with_header(lambda info: setattr(info, "size", 2**60)), "holds more than"),
    "an endless piece": (
        with_header(lambda info: vars_of(info, name="tables/x/000001", size=2**27)),
        "more than there can be",
    ),
    "a long about": (packed(archive.header("about.json", 2**30) + bytes(2**22)), "more than there can be"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_a_sentence_and_memory_stays_flat(name: str, tmp_path: Path) -> None:
    data, words = BAD[name]
    (tmp_path / "b").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(BackupError, match=words) as refused, open(tmp_path / "b", "rb") as file:
        restore.check(file, tmp_path / "b", tmp_path / "models", Silent())
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


def test_every_cut_and_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    whole = made(X, ("secret_key", os.urandom(900)))

    def check(data: bytes) -> None:
        (tmp_path / "b").write_bytes(data)
        with open(tmp_path / "b", "rb") as file:
            restore.check(file, tmp_path / "b", tmp_path, Silent())

    check(whole)
    for length in range(0, len(whole), 7):
        with pytest.raises(BrokenBackup):
            check(whole[:length])
    for place in range(20, len(whole), 13):
        data = bytearray(whole)
        data[place] ^= 0x10
        try:
            check(bytes(data))
        except BackupError:
            continue
        assert _unpacked(bytes(data)) == _unpacked(whole), f"byte {place} was changed, and nobody noticed"
    plain = _unpacked(whole)
    for place in range(0, len(plain), 11):  # packed again, so that no packing can notice it
        with pytest.raises(BackupError):
            check(packed(plain[:place] + bytes([plain[place] ^ 0x10]) + plain[place + 1 :]))
    with pytest.raises(BrokenBackup, match="behind its end"):
        check(whole + packed(b"more"))


def _unpacked(data: bytes) -> bytes:
    return bytes(pa.CompressedInputStream(pa.BufferReader(data), "zstd").read())


def test_large_tables_and_files_pass_in_pieces(tmp_path: Path) -> None:
    def zeros() -> Iterator[bytes]:
        for _ in range(300):
            yield bytes(2**20)

    tracemalloc.start()
    with open(tmp_path / "b", "wb") as file:
        writer = Writer(file)
        writer.add_pieces("models/projects/1/large", 300 * 2**20, zeros())
        writer.close()
    with open(tmp_path / "b", "rb") as file:
        assert [(name, size) for name, size, _ in Reader(file)] == [("models/projects/1/large", 300 * 2**20)]
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.django_db(transaction=True)
def test_a_site_or_folder_that_has_something_is_left_alone(site: Project, models: Path, tmp_path: Path) -> None:
    back_up(tmp_path / "b", Silent())
    before = tree(models)
    with pytest.raises(CommandError, match=r"not empty: it has 2 accounts, 1 projects.*Nothing was changed"):
        call_command("restore", str(tmp_path / "b"), verbosity=0)
    assert (tree(models), Prompt.objects.count()) == (before, 13)
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", str(tmp_path / "b"), verbosity=0)
    with pytest.raises(CommandError, match="is no file"):
        call_command("restore", "-", verbosity=0)
    with pytest.raises(CommandError, match=r"Can't write .*No such file or directory"):
        call_command("backup", str(tmp_path / "none" / "b"), verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_write_one_file(site: Project, tmp_path: Path) -> None:
    with open(tmp_path / "b.part", "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="Another backup is being written"):
            call_command("backup", str(tmp_path / "b"), verbosity=0)
    (tmp_path / "b.part").write_bytes(b"what a killed one left")
    call_command("backup", str(tmp_path / "b"), verbosity=0)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["b"]


@pytest.mark.django_db(transaction=True)
def test_a_backup_of_a_later_podium_is_refused(tmp_path: Path) -> None:
    later = dataclasses.replace(ABOUT, podium="2.0", migrations=["labeling.0099_later"])
    (tmp_path / "b").write_bytes(made(about=manifest.written(later)))
    with pytest.raises(CommandError, match=r"later Podium, 2.0: it has the migration labeling.0099_later"):
        call_command("restore", str(tmp_path / "b"), verbosity=0)


# What is seen from outside when a restore has come so far.
SO_FAR: dict[str, Callable[[Path, psycopg.Connection[Any]], bool]] = {
    "it makes the tables": lambda models, _: (models / restore.DRAFT).is_dir(),
    "it reads": lambda models, _: any((models / restore.DRAFT).rglob("*.safetensors")),
    "the files are in their place": lambda models, _: any((models / "projects").rglob("*.safetensors")),
    "the rows are there": lambda _, other: is_marked(other),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", SO_FAR)
def test_a_restore_killed_half_way_begins_anew(point: str, site: Project, empty: OpenEmpty, tmp_path: Path) -> None:
    back_up(tmp_path / "b", Silent())
    address, command = url(EMPTY), ("restore", "-v", "0", str(tmp_path / "b"))
    with empty() as data, psycopg.connect(address, autocommit=True) as other:
        models = data / "models"
        variables = {"DATABASE_URL": address, "PODIUM_DATA_DIR": str(data), "PODIUM_MODEL_DIR": str(models)}
        words = [sys.executable, "manage.py", *command]
        with subprocess.Popen(words, cwd=REPOSITORY, env=environ(**variables), stderr=subprocess.PIPE) as process:
            before = sessions(other)
            while not SO_FAR[point](models, other):
                assert process.poll() is None, process.communicate()[1]
            process.kill()
            assert process.wait() == -signal.SIGKILL
        wait_for(lambda: sessions(other) <= before or None, "the server to see that it was killed", seconds=30)
        assert prompts(other) in ((13,) if point == "the rows are there" else (0, 13))
        done = manage(*command, **variables)
        assert done.returncode == 0, done.stderr
        assert prompts(other) == 13
        assert not (models / restore.DRAFT).exists()
        assert len([name for name in tree(models) if name.endswith("backbone.safetensors")]) == 2


def is_marked(other: psycopg.Connection[Any]) -> bool:
    said = other.execute("SELECT obj_description(to_regclass('django_migrations'), 'pg_class')").fetchone()
    return bool(said and said[0] and said[0].startswith(schema.MARK))


def sessions(other: psycopg.Connection[Any]) -> set[int]:
    return {pid for (pid,) in other.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", (EMPTY,)).fetchall()}


def prompts(other: psycopg.Connection[Any]) -> int:
    """Counts what whoever asks the tables sees; they may not be made yet."""
    if other.execute("SELECT to_regclass('labeling_prompt')").fetchone() == (None,):
        return 0
    return int((other.execute("SELECT count(*) FROM labeling_prompt").fetchone() or (0,))[0])


@pytest.mark.django_db(transaction=True)
def test_rows_that_refer_to_nothing_bring_nothing(site: Project, empty: OpenEmpty, tmp_path: Path) -> None:
    """A backup with right checksums and wrong rows: whoever made it by hand."""
    sink = tmp_path / "b"
    back_up(tmp_path / "whole", Silent())
    with open(tmp_path / "whole", "rb") as file, open(sink, "wb") as out:
        writer, held = Writer(out), b""
        for name, size, pieces in Reader(file):
            if name == "manifest.json":
                held = b"".join(pieces)
            elif name == "tables/labeling_user/000001":
                writer.add(name, b"")
            else:
                writer.add_pieces(name, size, pieces)
        said = json.loads(held)
        for table in said["tables"]:
            if table["name"] == "labeling_user":
                table["rows"] = 0
        said["files"] = {name: dataclasses.asdict(member) for name, member in writer.members.items()}
        writer.add("manifest.json", json.dumps(said).encode())
        writer.close()
    with empty():
        with pytest.raises(CommandError, match=r"don't fit its tables.*nothing was restored"):
            call_command("restore", str(sink), verbosity=0)
        assert Prompt.objects.count() == 0
        call_command("restore", str(tmp_path / "whole"), verbosity=0)
        assert Prompt.objects.count() == 13


@pytest.mark.django_db(transaction=True)
def test_two_restores_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(made())
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended('operations.restore', 0))")
        with pytest.raises(CommandError, match="Another restore is at work"):
            call_command("restore", str(tmp_path / "b"), verbosity=0)
    finally:
        other.close()
