"""In frozen versions a pseudonym takes an erased person's name's place, and nothing else changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection

from artifacts import store
from artifacts.bucket import Bucket
from labeling.data.exporting import dataset_card
from labeling.data.leaving import erasure_worker, erasures, renamed_rows
from labeling.data.versions import contents, datasets, facts, kept_results
from labeling.data.versions.difference import difference
from labeling.data.versions.methods import methods_of
from labeling.data.withdrawing import work
from labeling.models import DatasetVersion, PersonErasure, Project, ReplacedFile, Split, User
from labeling.models.project_lock import files_stay
from tests.artifacts.s3 import artifacts_in_bucket, keys
from tests.factories import join, make_project, make_prompt, make_user, rank, rank_next
from tests.labeling.api.client import as_user
from tests.labeling.views.test_doors import as_user as at_desk
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def model_dir(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path / "models"


@pytest.fixture
def project(model_dir: Path) -> Project:
    return ranked()


@pytest.fixture
def root() -> User:
    return make_user("root", superuser=True)


def ranked() -> Project:
    """Four prompts, all ranked by Ann, two of them by Ben too."""
    project = make_project(slug="helpful", overlap=3)
    for split in ("train", "train", "validation", "test"):
        make_prompt(project, split=split)
    rank_next(project, join(project, username="ann"), 4)
    rank_next(project, join(project, username="ben"), 2)
    return project


def erase(name: str) -> PersonErasure:
    person = User.objects.get(username=name)
    job = erasures.request_erasure(person, confirm=name, by=None)
    erasure_worker.work_all()
    job.refresh_from_db()
    return job


def rows_of(version: DatasetVersion) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(datasets.path_of(version)).to_pylist()
    return rows


def names_in(version: DatasetVersion) -> set[str]:
    return {said["labeler"] for row in rows_of(version) for said in row["rankings"]}


def renamed(rows: list[dict[str, Any]], name: str, pseudonym: str) -> list[dict[str, Any]]:
    for row in rows:
        for said in row["rankings"]:
            said["labeler"] = pseudonym if said["labeler"] == name else said["labeler"]
    return rows


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_nothing_but_the_name_changes_and_both_checksums_are_kept(project: Project) -> None:
    version = datasets.freeze(project)
    before, rows = sha256_of(datasets.path_of(version)), rows_of(version)
    about, same = pq.ParquetFile(datasets.path_of(version)).schema_arrow, contents.sha256_of(version, Split.values)
    job = erase("ann")
    pseudonym = erasures.pseudonym(job.person)
    version.refresh_from_db()
    path = datasets.path_of(version)
    assert rows_of(version) == renamed(rows, "ann", pseudonym)
    assert names_in(version) == {pseudonym, "ben"}
    assert pq.ParquetFile(path).schema_arrow.equals(about, check_metadata=True)
    assert contents.sha256_of(version, Split.values) == same
    assert (version.frozen_sha256, version.sha256, version.bytes) == (before, sha256_of(path), path.stat().st_size)
    assert before != version.sha256
    assert ReplacedFile.objects.values_list("version", "sha256", "erasure").get() == (version.pk, before, job.pk)
    assert job.versions == {f"{project.pk}/1": 4}
    assert [each.name for each in path.parent.iterdir() if each.is_file()] == [path.name]


def test_of_two_erased_the_first_checksum_stays_the_frozen_one(project: Project, root: User) -> None:
    version = datasets.freeze(project)
    frozen = version.sha256
    erase("ann")
    version.refresh_from_db()
    between = version.sha256
    erase("ben")
    version.refresh_from_db()
    assert version.frozen_sha256 == frozen
    assert [each.sha256 for each in version.replaced_files.order_by("pk")] == [frozen, between]
    assert all(name.startswith("erased-person-") for name in names_in(version))
    page = at_desk(root).get("/p/helpful/versions/1/").content.decode()
    assert "2 people who ranked in it were erased since" in " ".join(page.split())
    said = as_user(root).get("/api/v1/projects/helpful/datasets/1/").json()
    assert (said["erased_labelers"], said["frozen_sha256"]) == (2, frozen)
    assert said["names_replaced_at"]


def test_methods_and_card_say_it_and_the_numbers_are_the_same(project: Project) -> None:
    version = datasets.freeze(project)
    before = facts.facts_of(version)
    assert "erased on request" not in methods_of(version)
    erase("ann")
    version.refresh_from_db()
    text = methods_of(version)
    assert "1 person was erased on request. Their 4 of its 6 rankings are in it still" in text
    assert f"frozen with SHA-256 `{version.frozen_sha256}`" in text
    assert f"SHA-256 `{version.sha256}`" in text
    assert [(one.rankings, one.pairs) for one in facts.facts_of(version).labelers] == [
        (one.rankings, one.pairs) for one in before.labelers
    ]
    assert f"(`{version.frozen_sha256}` when it was frozen" in dataset_card._frozen(version)


def test_versions_without_the_person_stay_as_they_are(project: Project) -> None:
    cara = join(project, username="cara")
    first = datasets.freeze(project)
    rank(project, cara)
    second = datasets.freeze(project)
    job = erase("cara")
    assert job.versions == {f"{project.pk}/2": 1}
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.frozen_sha256, second.frozen_sha256 is None) == (None, False)
    found = difference(first, second)
    assert (found.prompts["changed"], found.pairs["removed"], found.pairs["turned"]) == (1, 0, 0)


def test_a_difference_to_a_version_frozen_later_finds_the_same_person(
    project: Project,
) -> None:
    first = datasets.freeze(project)
    erase("ann")
    rank(project, join(project, username="cara"))
    second = datasets.freeze(project)
    first.refresh_from_db()
    found = difference(first, second)
    assert (found.prompts["changed"], found.prompts["same"], found.pairs["removed"]) == (1, 3, 0)


def test_an_earlier_name_goes_too_and_another_persons_same_name_stays(project: Project) -> None:
    version = datasets.freeze(project)
    ann = User.objects.get(username="ann")
    ann.username = "ann2"
    ann.save()
    late = join(project, username="ann")
    rank(project, late)
    second = datasets.freeze(project)
    erase("ann2")
    assert names_in(version) == {f"erased-person-{ann.pk}", "ben"}
    assert names_in(second) == {f"erased-person-{ann.pk}", "ann", "ben"}


def test_withdrawn_work_in_an_earlier_version_is_found(project: Project) -> None:
    version = datasets.freeze(project)
    work.withdraw(project, User.objects.get(username="ann"), by=None)
    erase("ann")
    assert "ann" not in names_in(version)


def test_who_reads_the_old_file_reads_on(project: Project, root: User) -> None:
    version = datasets.freeze(project)
    old, before = datasets.path_of(version).read_bytes(), version.sha256
    download = at_desk(root).get("/p/helpful/versions/1/file/")
    pieces: Iterator[bytes] = download.streaming_content  # type: ignore[attr-defined]
    with datasets.path_of(version).open("rb") as training:
        erase("ann")
        assert training.read() == old
    assert b"".join(pieces) == old
    assert download["X-Checksum-SHA256"] == before
    again = at_desk(root).get("/p/helpful/versions/1/file/", headers={"Range": "bytes=100-", "If-Range": f'"{before}"'})
    version.refresh_from_db()
    assert again.status_code == 200, "a download that broke begins anew: what is left of it is of another file"
    assert (again["ETag"], sha256_of(datasets.path_of(version))) == (f'"{version.sha256}"', version.sha256)
    assert hashlib.sha256(b"".join(again.streaming_content)).hexdigest() == version.sha256  # type: ignore[attr-defined]


def test_the_checksum_that_is_answered_is_of_the_bytes_that_are_opened(project: Project) -> None:
    stale = datasets.freeze(project)
    erase("ann")
    file, sha256 = datasets.opened(stale)  # whose row was read before
    with file:
        assert hashlib.sha256(file.read()).hexdigest() == sha256 != stale.sha256


def test_what_was_killed_between_the_file_and_its_row_is_done_again(project: Project) -> None:
    version = datasets.freeze(project)
    frozen, path = version.sha256, datasets.path_of(version)
    ann = User.objects.get(username="ann")
    ids = pa.array([said["id"] for row in rows_of(version) for said in row["rankings"] if said["labeler"] == "ann"])
    with path.open("rb") as file:
        renamed_rows.write(file, path.with_suffix(".new"), ids, erasures.pseudonym(ann), lambda: None)
    os.replace(path.with_suffix(".new"), path)
    assert sha256_of(path) != version.sha256
    for _ in range(2):
        erase(User.objects.get(pk=ann.pk).username)
        PersonErasure.objects.update(state="queued")  # as the sweep does where a worker went silent
        version.refresh_from_db()
        assert (version.sha256, version.frozen_sha256) == (sha256_of(path), frozen)
    assert ReplacedFile.objects.count() == 1


def test_a_file_of_a_backup_that_has_the_name_again_is_mended_again(project: Project) -> None:
    version = datasets.freeze(project)
    path = datasets.path_of(version)
    old = path.read_bytes()
    erase("ann")
    path.write_bytes(old)
    PersonErasure.objects.update(state="queued")
    erasure_worker.work_all()
    assert "ann" not in names_in(version)
    version.refresh_from_db()
    assert version.sha256 == sha256_of(path)


def test_what_killed_processes_left_beside_it_goes(project: Project) -> None:
    version = datasets.freeze(project)
    folder = datasets.path_of(version).parent
    left = [folder / "00002.77.tmp", folder / "00001.parquet.erasing.77.tmp"]
    for path in left:
        path.write_bytes(datasets.path_of(version).read_bytes())
    kept_results._folder(project.pk).mkdir(parents=True)
    aside = kept_results._folder(project.pk) / "difference.abc"
    aside.mkdir()
    (aside / "before-0").write_text("ann")
    job = erase("ann")
    assert job.state == "succeeded", job.error
    assert not [path for path in (*left, aside) if path.exists()]


def test_what_was_found_out_of_the_old_file_meanwhile_is_not_kept(project: Project) -> None:
    version = datasets.freeze(project)
    erase("ann")
    version.sha256 = version.sha256[::-1]  # as of a page that read the row before
    facts.facts_of(version)
    assert list(kept_results._folder(project.pk).iterdir()) == []


def test_it_waits_for_a_backup_and_for_another_worker(project: Project) -> None:
    """A session's lock is its own: the backup's is held by a second connection."""
    version = datasets.freeze(project)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock_shared(hashtextextended('labeling.files', 0))")
        job = erase("ann")
        assert (job.state, job.error) == ("queued", "backup_active")
        assert names_in(version) == {"ann", "ben"}
    finally:
        other.close()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            name = "labeling.data.leaving.frozen_names"
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        erasure_worker.work_all()
        job.refresh_from_db()
        assert (job.state, job.error, job.attempts) == ("queued", "being_erased", 0)
    finally:
        other.close()
    erasure_worker.work_all()
    assert "ann" not in names_in(version)


def test_a_backup_holds_it_off_and_lets_it_go(project: Project) -> None:
    with files_stay():
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('labeling.files', 0))")
                assert cursor.fetchone() == (False,)
        finally:
            other.close()
    datasets.freeze(project)
    assert erase("ann").state == "succeeded"


def test_a_lost_file_holds_nothing_up_and_a_broken_one_only_itself(project: Project) -> None:
    first = datasets.freeze(project)
    rank(project, join(project, username="cara"))
    second = datasets.freeze(project)
    datasets.path_of(first).unlink()
    assert erase("cara").state == "succeeded"
    datasets.path_of(first).write_bytes(b"PAR1 of nothing")
    person = User.objects.get(username="ann")
    job = erasures.request_erasure(person, confirm="ann", by=None)
    with pytest.raises(pa.ArrowInvalid):
        erasure_worker.work_all()
    job.refresh_from_db()
    assert (job.state, "ann" in names_in(second)) == ("queued", False)
    assert job.error


def test_a_large_file_keeps_its_row_groups_and_says_that_it_lives(tmp_path: Path) -> None:
    """Memory: one row group at a time, as long as the file's own."""
    rows = [
        {"id": f"p{n}", "rankings": [{"id": str(2 * n + k), "labeler": f"l{k}", "ranks": [1, 2]} for k in range(2)]}
        for n in range(1000)
    ]
    table = pa.Table.from_pylist([*rows, {"id": "none", "rankings": []}])
    pq.write_table(table, tmp_path / "old", row_group_size=10)
    ids, signs = pa.array([str(2 * n) for n in range(500)]), list[int]()
    with (tmp_path / "old").open("rb") as file:
        assert renamed_rows.count(file, ids, "x", lambda: signs.append(1)) == (500, 500)
        renamed_rows.write(file, tmp_path / "new", ids, "x", lambda: signs.append(1))
    with pq.ParquetFile(tmp_path / "new") as new:
        assert [new.metadata.row_group(n).num_rows for n in range(new.num_row_groups)] == [10] * 100 + [1]
    for row in rows[:500]:
        row["rankings"][0]["labeler"] = "x"  # type: ignore[index]
    assert pq.read_table(tmp_path / "new").to_pylist() == [*rows, {"id": "none", "rankings": []}]
    assert len(signs) == 2 * 6
    with (tmp_path / "new").open("rb") as file:
        assert renamed_rows.count(file, ids, "x", lambda: None) == (500, 0)


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with artifacts_in_bucket(tmp_path / "here") as bucket:
        yield bucket


def test_of_a_bucket_the_old_object_and_its_copy_go(bucket: Bucket) -> None:
    project = ranked()
    version = datasets.freeze(project)
    old, frozen = version.file, version.sha256
    rows = rows_of(version)
    job = erase("ann")
    assert job.state == "succeeded", job.error
    version.refresh_from_db()
    assert (version.file != old, version.frozen_sha256, bucket.bytes_of(old)) == (True, frozen, None)
    assert rows_of(version) == renamed(rows, "ann", erasures.pseudonym(job.person))
    assert not store.place(old).exists()
    assert [key for key in keys(bucket) if "/datasets/" in key] == [version.file]
    bucket.upload(store.local_copy(version.file), old)  # killed before it was deleted
    PersonErasure.objects.update(state="queued")
    erasure_worker.work_all()
    assert bucket.bytes_of(old) is None
