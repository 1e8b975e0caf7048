"""In frozen versions an erased person's name gives way to the pseudonym: docs/decisions/0172.

By the keys of their rankings, not by the name, which the account has lost by then and may have changed before. A file
is written anew beside the old one and takes its place by a rename, with its row in one transaction: who reads the old
one reads on. What was killed between the two is found by the file's checksum, which isn't the row's.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pyarrow as pa
from django.db import transaction
from django.utils.translation import gettext as _

from artifacts import store
from artifacts.errors import Lost
from jobs.locks import one_at_a_time
from labeling.data.leaving import renamed_rows
from labeling.data.versions import datasets, kept_results
from labeling.errors import Conflict
from labeling.models import DatasetVersion, PersonErasure, Project, Ranking, ReplacedFile
from labeling.models.project_lock import lock_files, lock_project

DRAFT = ".erasing"

logger = logging.getLogger(__name__)


def replace(erasure: PersonErasure, project: Project, pseudonym: str, alive: Callable[[], object]) -> None:
    """Replaces the name in all versions of a project. Call it when the account has no other name any more.

    Twice is harmless. Raises Conflict while another process does it, or a backup is made; of files that can't be read
    the first one's error, when all others are done.
    """
    with one_at_a_time(__name__) as alone:
        if not alone:
            raise Conflict("being_erased", _("Names in frozen versions are being replaced already."))
        broken: list[Exception] = []
        for version in _versions(erasure, project):
            alive()
            try:
                _replace_in(erasure, version, pseudonym, alive)
            except Lost:
                logger.warning("version %d of project %d has no file to replace a name in", version.number, project.pk)
            except datasets.UNREADABLE as error:
                broken.append(error)
        kept_results.forget(project.pk)
        if broken:
            raise broken[0]


def _versions(erasure: PersonErasure, project: Project) -> list[DatasetVersion]:
    """Finds those that may have rankings of the person. What was frozen with the old name is there by now, for that
    holds the project locked; what a freeze was killed over is deleted."""
    with transaction.atomic():
        lock_project(project)
        for left in store.work_path(f"projects/{project.pk}/datasets").glob("*.tmp"):
            left.unlink(missing_ok=True)
        first = Ranking.objects.filter(labeler=erasure.person_id, project=project).order_by("pk").first()
        if first is None:
            return []
        return list(project.dataset_versions.filter(last_ranking_id__gte=first.pk).order_by("number"))


def _replace_in(erasure: PersonErasure, version: DatasetVersion, name: str, alive: Callable[[], object]) -> None:
    path = datasets.path_of(version)
    theirs = Ranking.objects.filter(labeler=erasure.person_id, project=version.project_id)
    keys = theirs.filter(pk__lte=version.last_ranking_id).values_list("pk", flat=True)
    rankings = pa.array(map(str, keys), pa.string())
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise Lost(str(error)) from error
    with file:
        found, others = renamed_rows.count(file, rankings, name, alive)
        if others:
            _write(erasure, version, file, lambda draft: renamed_rows.write(file, draft, rankings, name, alive))
    if found:
        if not others and (now := renamed_rows.sha256_of(path)) != version.sha256:
            _note(erasure, version, version.file, now, path.stat().st_size)  # killed between the file and its row
        _say(erasure, version, found)
    _remove_earlier(version)


def _write(erasure: PersonErasure, version: DatasetVersion, file: IO[bytes], write: Callable[[Path], None]) -> None:
    base = f"projects/{version.project_id}/datasets/{version.number:05}.parquet"
    draft = store.work_path(f"{base}{DRAFT}.{os.getpid()}.tmp")
    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(draft)
        sha256, size = renamed_rows.sha256_of(draft), draft.stat().st_size
        if store.bucket() is not None:  # by a name that no row has yet, however long it takes
            _note(erasure, version, store.publish(draft, base, sha256), sha256, size)
        else:
            _note(erasure, version, version.file, sha256, size, lambda: _put(draft, version.file, sha256))
    finally:
        draft.unlink(missing_ok=True)


def _put(draft: Path, name: str, sha256: str) -> None:
    store.publish(draft, name, sha256)
    folder = os.open(store.work_path(name).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _note(
    erasure: PersonErasure,
    version: DatasetVersion,
    file: str,
    sha256: str,
    size: int,
    put: Callable[[], None] = lambda: None,
) -> None:
    """Notes what it was, then what it is; the file comes last, so that what fails before has changed nothing."""
    with transaction.atomic():
        lock_files()
        now = DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
        before = {"file": now.file, "sha256": now.sha256, "bytes": now.bytes}
        ReplacedFile.objects.create(version=now, erasure=erasure, **before)
        frozen = now.frozen_sha256 or now.sha256
        DatasetVersion.objects.filter(pk=now.pk).update(file=file, sha256=sha256, bytes=size, frozen_sha256=frozen)
        put()
    version.file, version.sha256, version.bytes = file, sha256, size
    logger.info("version %d of project %d: a name is a pseudonym now", version.number, version.project_id)


def _say(erasure: PersonErasure, version: DatasetVersion, n: int) -> None:
    key = f"{version.project_id}/{version.number}"
    erasure.versions = {**erasure.versions, key: n}
    PersonErasure.objects.filter(pk=erasure.pk).update(versions=erasure.versions)


def _remove_earlier(version: DatasetVersion) -> None:
    """Of a bucket, where the file of before has a name of its own. Nothing names it any more."""
    for file in version.replaced_files.exclude(file=version.file).values_list("file", flat=True):
        store.remove(file)
