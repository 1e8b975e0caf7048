"""Files that several people look into, start, discard and import at the same time: nobody meets a failure, and what is
stored is what one after the other would have stored."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from django.test import Client

from labeling.data.importing.background import import_drafts, import_files, import_jobs, import_worker
from labeling.data.importing.import_preview import Preview
from labeling.errors import Conflict
from labeling.models import Import, Project, Prompt, Ranking, User
from tests.factories import make_project
from tests.labeling.api.client import row
from tests.rewardtrain.conftest import models_in
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
N = 400
TIMES = 8


@pytest.fixture(autouse=True)
def _models(tmp_path: Path) -> Iterator[None]:
    with models_in(tmp_path / "models"):
        yield


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")


def body(first: int = 0) -> bytes:
    ranked = (row(f"q{n}", rankings=[{"labeler": f"ann{n % 7}", "ranks": [1, 2]}]) for n in range(first, first + N))
    return b"".join(json.dumps(each).encode() + b"\n" for each in ranked)


def draft(project: Project, content: bytes) -> Import:
    received = import_files.receive(project, io.BytesIO(content))
    return import_jobs.receive(project, received, file_name="rows.jsonl", start=False)


def attempt(call: Callable[[], object]) -> object:
    """Gives what it gives, or the code of its Conflict."""
    try:
        return call()
    except Conflict as error:
        return error.code


def counts(found: Preview) -> tuple[int, int, int, int]:
    return found.report.created, found.report.skipped, found.report.rankings, found.report.n_errors


def test_several_looks_at_once_say_the_same_and_store_nothing(project: Project) -> None:
    same, others = draft(project, body()), draft(project, body(N // 2))
    found = at_once([partial(import_drafts.look, job) for job in (same, same, others, others)])
    assert {counts(each) for each in found} == {(N, 0, N, 0)}
    assert (Prompt.objects.count(), Ranking.objects.count()) == (0, 0)
    assert not User.objects.filter(is_imported=True).exists()


def test_a_look_while_the_same_rows_go_in_waits_for_no_end_and_stores_nothing(project: Project) -> None:
    looked_at = draft(project, body())
    running = import_jobs.start(draft(project, body()), layout="podium")
    looks = [partial(import_drafts.look, looked_at) for _ in range(3)]
    _, *found = at_once([partial(import_worker.work, running.pk), *looks])
    for each in found:
        assert each is not None
        created, skipped, _, bad = counts(each)
        assert (created + skipped, bad) == (N, 0)
    running.refresh_from_db()
    assert (running.state, running.created, running.rankings) == ("succeeded", N, N)
    assert (Prompt.objects.count(), Ranking.objects.count()) == (N, N)


def test_what_is_started_and_discarded_at_once_is_one_of_both(project: Project) -> None:
    for _ in range(TIMES):
        job = draft(project, body())
        path = import_files.path_of(job.upload)
        tabs = [Import.objects.get(pk=job.pk) for _ in range(4)]
        acts = [partial(import_drafts.start, tabs[0]), partial(import_drafts.look, tabs[1])]
        ends = [partial(import_jobs.discard, tab) for tab in tabs[2:]]
        said = at_once([partial(attempt, act) for act in (*acts, *ends)])
        is_there = Import.objects.filter(pk=job.pk).exists()
        assert path.exists() == is_there
        assert said[2:].count(None) == (0 if is_there else 1)
        assert set(said[2:]) <= {None, "import_started", "discarded"}
        if is_there:
            assert Import.objects.get(pk=job.pk).state == "queued"
            import_worker.work(job.pk)
        else:
            assert said[0] in ("no_file", "discarded")
            assert isinstance(said[1], Preview) or said[1] == "no_file"


def test_of_two_starts_at_once_one_decides_how_it_is_read(project: Project) -> None:
    for _ in range(TIMES):
        job = draft(project, body())
        tabs = [Import.objects.get(pk=job.pk) for _ in range(3)]
        asked = ["podium", "trl-preference", "hh-rlhf"]
        at_once([partial(import_drafts.start, tab, layout=layout) for tab, layout in zip(tabs, asked, strict=True)])
        job.refresh_from_db()
        assert (job.state, job.layout in asked) == ("queued", True)


# --- By the page: two tabs -------------------------------------------------------------------------------------------


@pytest.fixture
def manager(project: Project) -> Client:
    client = Client()
    client.force_login(project.memberships.get().user)
    return client


def press(client: Client, job: Import, act: str) -> list[tuple[str, int]]:
    response = client.post(f"/p/helpful/imports/{job.number}/act/", {"act": act}, follow=True)
    assert response.status_code in (200, 404)
    return response.redirect_chain


def test_pages_of_two_tabs_at_once_all_answer(project: Project, manager: Client) -> None:
    for _ in range(TIMES):
        job = draft(project, body())
        address = f"/p/helpful/imports/{job.number}/"
        clients = [Client() for _ in range(5)]
        for client in clients:
            client.force_login(project.memberships.get().user)
        one, two, *others = clients
        looks = [partial(client.get, address) for client in others]
        acts = [partial(press, one, job, "start"), partial(press, two, job, "discard")]
        for response in at_once([*looks, *acts])[: len(looks)]:
            assert response.status_code in (200, 302, 404, 422)  # type: ignore[attr-defined]


def test_a_look_behind_a_start_or_a_discard_leads_to_what_became_of_it(
    project: Project, manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other tab acts after this one has found the draft, and before it opens the file."""
    opened = import_drafts._opened

    def after(act: Callable[[Import], object]) -> None:
        def other_tab_first(job: Import) -> object:
            monkeypatch.setattr(import_drafts, "_opened", opened)
            act(Import.objects.get(pk=job.pk))
            return opened(job)

        monkeypatch.setattr(import_drafts, "_opened", other_tab_first)

    def started_and_done(job: Import) -> None:
        import_drafts.start(job)
        import_worker.work(job.pk)

    first, second = draft(project, body()), draft(project, body())
    after(started_and_done)
    response = manager.get("/p/helpful/imports/1/")
    assert (response.status_code, response["Location"]) == (302, "/p/helpful/imports/1/")
    first.refresh_from_db()
    assert first.state == "succeeded"
    after(import_jobs.discard)
    response = manager.get("/p/helpful/imports/2/")
    assert (response.status_code, response["Location"]) == (302, "/p/helpful/imports/")
    assert not Import.objects.filter(pk=second.pk).exists()


def test_a_file_is_read_to_the_end_though_it_is_discarded_meanwhile(project: Project) -> None:
    job = draft(project, body())
    file = import_drafts._opened(job)
    with file:
        import_jobs.discard(job)
        assert len(file.read()) == job.size
