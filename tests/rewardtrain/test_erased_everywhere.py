"""Wherever a prompt's texts lie, erasing takes them, but for what docs/operating.md says keeps them.

A token that stands nowhere else is put into all that is written of a prompt, and then looked for in every table and in
every file.
"""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test import Client

from jobs import lifecycle
from labeling.answers import rankings
from labeling.data.importing.background import import_files, import_jobs, import_worker
from labeling.data.revising import erasures, revisions
from labeling.data.versions import datasets
from labeling.errors import Conflict
from labeling.models import Import, Project, Prompt, PromptErasure, Ranking, User
from labeling.queue import claims
from rewardtrain.models import PromptScore
from rewardtrain.training import prefill
from tests.factories import claimed, join, make_project, make_user, tiers_of
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import make_model

pytestmark = pytest.mark.django_db

TOKEN = "Zq7Erika"
ROW = {
    "id": "q0",
    "prompt": f"Who is {TOKEN}?",
    "completions": [{"id": name, "text": f"{TOKEN} is {name}."} for name in "abc"],
    "metadata": {"from": TOKEN},
}
BAD = [
    {**ROW, "id": "q1", "completions": TOKEN},
    {**ROW, "completions": [{"id": name, "text": f"{TOKEN} was {name}."} for name in "abc"]},
]


@pytest.fixture
def manager() -> User:
    return make_user("mara")


@pytest.fixture
def project(manager: User) -> Project:
    return make_project(manager=manager, slug="helpful", overlap=20)


def send(project: Project, *rows: object, start: bool = True) -> Import:
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    received = import_files.receive(project, io.BytesIO(packed))
    return import_jobs.receive(project, received, file_name="rows.jsonl.gz", start=start)


def brought(project: Project, *rows: object) -> Import:
    job = send(project, *rows)
    import_worker.work(job.pk)
    job.refresh_from_db()
    return job


def tables_with_it() -> set[str]:
    """Every table of which a row has the token in any column."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            with cursor.copy(f'COPY (SELECT t::text FROM "{table}" t) TO STDOUT') as rows:
                if TOKEN.encode() in b"".join(bytes(piece) for piece in rows):
                    found.add(table)
    return found


def files_with_it(folder: Path) -> set[str]:
    """Every file below, whatever it is packed with."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and TOKEN in _text_of(path)}


def _text_of(path: Path) -> str:
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pylist())
    read = path.read_bytes()
    return (gzip.decompress(read) if read.startswith(b"\x1f\x8b") else read).decode("utf-8", "replace")


def use_everywhere(project: Project, manager: User) -> Prompt:
    """Has it ranked, revised, frozen, scored, held; and leaves files of imports that failed, wait and were paused."""
    brought(project, ROW, *BAD)
    prompt = project.prompts.get()
    _rank(project)
    datasets.freeze(project, by=manager)
    revisions.revise(project, prompt, base=1, by=manager, texts={"a": f"{TOKEN} is an A."})
    _rank(project)
    datasets.freeze(project, by=manager)
    page = as_client(manager).get("/p/helpful/versions/2/difference/?to=1", headers={"HX-Request": "true"})
    assert "changed 1" in b"".join(page.streaming_content).decode()  # type: ignore[attr-defined]
    held = claimed(project, join(project))
    type(held).objects.filter(pk=held.pk).update(draft={"comment": TOKEN})
    claims.skip(claimed(project, join(project)), f"I know {TOKEN}")
    model = make_model(project)
    keys = list(prompt.completions.values_list("pk", flat=True))
    PromptScore.objects.create(
        reward_model=model, prompt=prompt, completions=keys, rewards=[1, 2, 3], probabilities=[0.1, 0.2, 0.7]
    )
    import_jobs.pause(send(project, ROW, *BAD))
    send(project, ROW, start=False)
    prefill._texts(project.pk).parent.mkdir(parents=True)
    prefill._texts(project.pk).write_text(json.dumps(ROW))
    claims.cannot_rank(claimed(project, join(project)), f"{TOKEN} is private")
    return prompt


def _rank(project: Project) -> None:
    task = claimed(project, join(project))
    [first], *_ = tiers_of(task)
    rankings.submit(task, {"tiers": tiers_of(task), "comment": f"by {TOKEN}", "notes": {first: f"not {TOKEN}"}})


def as_client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_texts_are_found_only_where_the_documents_say(project: Project, manager: User, model_dir: Path) -> None:
    prompt = use_everywhere(project, manager)
    assert tables_with_it() == {
        f"labeling_{table}"
        for table in (
            "prompt", "completion", "promptrevision", "assignment", "ranking", "rankedcompletion", "import"
        )
    }  # fmt: skip
    imports, ahead = f"projects/{project.pk}/imports", f"cache/ahead/{project.pk}.jsonl"
    frozen = {name for name in files_with_it(model_dir) if "/datasets/" in name}
    kept = {f"{imports}/{name}" for name in ("00001.bad", "00002.upload", "00003.upload")}
    assert files_with_it(model_dir) == frozen | kept | {ahead}
    assert len(frozen) >= 2, frozen
    checksums = set(Prompt.objects.values_list("content_sha256", flat=True))
    digests = set(Ranking.objects.values_list("payload_sha256", flat=True))
    erasures.erase(project, prompt, confirm="q0", by=manager)
    assert tables_with_it() == set()
    assert files_with_it(model_dir) == frozen  # with their versions alone
    prompt.refresh_from_db()
    assert prompt.content_sha256 not in checksums
    assert not digests & set(Ranking.objects.values_list("payload_sha256", flat=True))
    assert (prompt.prompt_key, prompt.split) == (None, project.prompts.get().split)
    assert not PromptScore.objects.exists()


def test_the_same_file_again_brings_neither_the_prompt_nor_its_bad_lines(
    project: Project, manager: User, model_dir: Path
) -> None:
    prompt = use_everywhere(project, manager)
    erasures.erase(project, prompt, confirm="q0", by=manager)
    frozen = files_with_it(model_dir)
    job = brought(project, ROW, BAD[1], {**ROW, "id": "new", "prompt": "Who?", "metadata": {}, "completions": [
        {"id": "a", "text": "x"}, {"id": "b", "text": "y"},
    ]})  # fmt: skip
    assert (job.created, job.n_errors) == (1, 2)
    assert "erased" in json.dumps(job.errors)
    assert tables_with_it() == set()
    assert files_with_it(model_dir) == frozen


def test_what_was_kept_of_imports_is_gone_and_their_pages_say_so(project: Project, manager: User) -> None:
    prompt = use_everywhere(project, manager)
    erasures.erase(project, prompt, confirm="q0", by=manager)
    failed, paused = project.imports.order_by("number")
    assert (failed.upload, failed.bad_lines, failed.errors, failed.n_errors) == ("", "", [], 2)
    assert (paused.state, paused.upload) == ("paused", "")
    with pytest.raises(Conflict, match="send it again"):
        import_jobs.resume(paused)
    page = as_client(manager).get("/p/helpful/imports/1/").content.decode()
    assert "2 lines could not be used" in page
    assert "is not kept any more" in page
    api = as_user(manager).get("/api/v1/projects/helpful/imports/1/").json()
    assert (api["n_errors"], api["errors"]) == (2, [])


def test_nothing_is_erased_while_an_import_is_at_work(project: Project, manager: User) -> None:
    brought(project, ROW)
    job = send(project, ROW)
    prompt = project.prompts.get()
    address = f"/p/helpful/prompts/{prompt.pk}/erase/"
    for _ in ("queued", "running"):
        with pytest.raises(Conflict, match="Import 2 is at work"):
            erasures.erase(project, prompt, confirm="q0", by=manager)
        assert "Import 2 is at work" in as_client(manager).get(address).content.decode()
        assert as_client(manager).post(address, {"confirm": "q0"}).status_code == 409
        refused = as_user(manager).delete("/api/v1/projects/helpful/prompts/q0/?confirm=q0")
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "import_active")
        lifecycle.claim(Import, job.pk)
    assert import_files.path_of(job.upload).exists()
    assert not PromptErasure.objects.exists()
    prompt.refresh_from_db()
    assert prompt.withdrawn_at is None
