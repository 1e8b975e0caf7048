"""Imports that workers do: what becomes of a file, pause, resume and cancel, and that each is harmless twice."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs import shutdown
from labeling.data.importing import imports
from labeling.data.importing.background import bad_lines, import_files, import_jobs, import_worker
from labeling.errors import Conflict, Invalid
from labeling.models import Import, Project, Prompt, Ranking
from labeling.projects import counters
from tests.factories import make_project
from tests.labeling.api.client import row
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _models(tmp_path: Path) -> Iterator[None]:
    with models_in(tmp_path / "models"):
        yield


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")


def lines(*rows: object) -> bytes:
    return b"".join(each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in rows)


def ranked(name: str, labeler: str = "ann") -> dict[str, object]:
    return row(name, rankings=[{"labeler": labeler, "ranks": [1, 2]}])


def send(project: Project, data: bytes, *, name: str = "rows.jsonl", start: bool = True) -> Import:
    received = import_files.receive(project, io.BytesIO(data))
    return import_jobs.receive(project, received, file_name=name, start=start)


def done(project: Project, data: bytes, *, name: str = "rows.jsonl") -> Import:
    job = send(project, data, name=name)
    import_worker.work(job.pk)
    job.refresh_from_db()
    return job


def files(project: Project) -> list[str]:
    return sorted(path.name for path in import_files.path_of(import_files.folder_of(project)).iterdir())


def bad_of(job: Import) -> bytes:
    file = bad_lines.opened(job)
    assert file is not None
    with file:
        return file.read()


def test_a_file_goes_in_and_is_deleted_then(project: Project) -> None:
    job = done(project, lines(ranked("q1"), row("q2")))
    assert (job.state, job.created, job.rankings, job.n_errors, job.container) == ("succeeded", 2, 1, 0, "JSON Lines")
    assert (job.place, job.bytes_read, job.upload, job.attempts, job.worker) == (2, job.size, "", 1, "")
    assert set(Prompt.objects.values_list("imported_by", flat=True)) == {job.pk}
    assert Ranking.objects.get().imported_by_id == job.pk
    assert files(project) == []


def test_of_files_that_are_packed_as_well(project: Project) -> None:
    job = done(project, gzip.compress(lines(*(row(f"q{n}") for n in range(30)))))
    assert (job.state, job.created, job.container) == ("succeeded", 30, "JSON Lines (gzip)")


def test_bad_lines_are_counted_named_and_kept_as_a_file_to_be_corrected(project: Project) -> None:
    bad = [b"{not json\n", row("q2", completions=[{"id": "a", "text": "alone"}]), row("q1", prompt="Another?")]
    job = done(project, lines(row("q1"), *bad, row("q3")))
    assert (job.state, job.created, job.n_errors) == ("succeeded", 2, 3)
    assert [error["line"] for error in job.errors] == [2, 3, 4]
    assert bad_of(job) == lines(*bad)
    assert files(project) == ["00001.bad"]
    assert (bad_lines.file_name(job), bad_lines.media_type(job)) == (
        "helpful-import-1-bad.jsonl", "application/x-ndjson",
    )  # fmt: skip


def test_bad_lines_of_a_table_are_a_table(project: Project) -> None:
    cells = '"[{""id"": ""a"", ""text"": ""One, two""}, {""id"": ""b"", ""text"": ""Two""}]"'
    table = f'id,prompt,completions\nq1,Why?,{cells}\nq2,"Why, then?",\nq3\n'
    job = done(project, table.encode(), name="rows.csv")
    assert (job.created, job.n_errors, job.container) == (1, 2, "CSV")
    assert bad_of(job).decode() == 'id,prompt,completions\nq2,"Why, then?",\nq3\n'
    assert bad_lines.file_name(job).endswith(".csv")


def test_lines_that_only_the_database_finds_bad_are_kept_too(project: Project) -> None:
    done(project, lines(row("q1")))
    other = row("q1", prompt="Another?")
    job = done(project, lines(row("q0"), other))
    assert (job.created, job.n_errors, bad_of(job)) == (1, 1, lines(other))


def test_a_file_of_others_goes_in_and_its_bad_lines_come_back_as_they_were(project: Project) -> None:
    good = [{"prompt": f"Why {n}?", "chosen": "Because.", "rejected": "No."} for n in range(3)]
    bad = {"prompt": "Why?", "chosen": None, "rejected": "No."}
    job = done(project, lines(*good, bad))
    assert (job.state, job.created, job.rankings, job.n_errors) == ("succeeded", 3, 3, 1)
    assert bad_of(job) == lines(bad)


def test_what_could_not_be_read_to_its_end_has_failed_and_says_why(project: Project) -> None:
    job = done(project, b"%PDF-1.7 ...")
    assert (job.state, files(project)) == ("failed", ["00001.upload"])
    assert "PDF" in job.error
    nothing = done(project, b'{"id": "a", "prompt": "?"}\n{"id": "b", "prompt": "?"}\n')
    assert (nothing.state, nothing.n_errors) == ("failed", 2)
    unknown = done(project, b'{"a": 1}\n{"b": 2}\n')
    assert (unknown.state, unknown.n_errors) == ("failed", 0)
    assert "The records have the keys a, b, which is no layout that Podium knows" in unknown.error
    assert done(project, b"\n\n").error.startswith("There is no line in it.")


def test_a_file_that_is_gone_is_told_and_not_tried_again(project: Project) -> None:
    job = send(project, lines(row("q1")))
    import_files.path_of(job.upload).unlink()
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "The file of import 1 is gone: send it again.")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 10)
    monkeypatch.setattr(import_worker, "BEAT_SECONDS", 0.0)  # looks before each line


def after(n: int, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Does it once so many prompts are stored, as somebody else would at that moment."""
    look = import_worker.Watched.look
    acted: list[bool] = []

    def looking(watched: import_worker.Watched) -> None:
        if not acted and Prompt.objects.count() >= n:
            acted.append(True)
            act()
        look(watched)

    monkeypatch.setattr(import_worker.Watched, "look", looking)


ROWS = [*(ranked(f"q{n}") for n in range(25)), b"{bad\n", *(row(f"q{n}") for n in range(20, 45)), b"[]\n"]


@pytest.mark.usefixtures("small_batches")
def test_it_is_paused_between_batches_and_goes_on_where_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = send(project, lines(*ROWS))
    after(20, lambda: import_jobs.pause(job), monkeypatch)
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.pause_requested, job.created, job.place) == ("paused", False, 20, 20)
    assert Prompt.objects.count() == 20
    import_worker.work(job.pk)  # a late message
    assert Prompt.objects.count() == 20
    import_jobs.resume(job)
    import_jobs.resume(job)
    import_worker.work(job.pk)
    job.refresh_from_db()
    whole = (job.state, job.created, job.updated, job.skipped, job.rankings, job.n_errors)
    assert whole == ("succeeded", 45, 0, 0, 25, 7)  # five ids come twice in the file
    assert Prompt.objects.count() == 45
    assert [error["line"] for error in job.errors] == [26, 27, 28, 29, 30, 31, 52]
    assert bad_of(job) == lines(*ROWS[25:31], ROWS[-1])
    assert not counters.differences(project)


@pytest.mark.usefixtures("small_batches")
def test_a_cancelled_one_stops_and_can_be_resumed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    job = send(project, lines(*ROWS))
    after(10, lambda: import_jobs.cancel(job), monkeypatch)
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.created) == ("cancelled", 10)
    with pytest.raises(Conflict, match="ended already"):
        import_jobs.cancel(job)
    import_jobs.resume(job)
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.created) == ("succeeded", 45)


@pytest.mark.usefixtures("small_batches")
def test_a_worker_that_is_told_to_end_puts_it_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    job = send(project, lines(*ROWS))
    after(20, shutdown.requested.set, monkeypatch)
    try:
        import_worker.work(job.pk)
    finally:
        shutdown.requested.clear()
    job.refresh_from_db()
    assert (job.state, job.attempts, job.created) == ("queued", 0, 20)


@pytest.mark.usefixtures("small_batches")
def test_a_worker_that_lost_its_claim_stores_nothing_more(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    job = send(project, lines(*ROWS))
    after(20, lambda: Import.objects.update(worker="another"), monkeypatch)
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.worker, job.created) == ("running", "another", 20)
    assert Prompt.objects.count() == 20


def test_what_waits_is_paused_and_cancelled_at_once(project: Project) -> None:
    job = import_jobs.pause(send(project, lines(row("q1"))))
    assert import_jobs.pause(job).state == "paused"
    assert import_jobs.resume(job).state == "queued"
    assert import_jobs.cancel(job).state == "cancelled"
    with pytest.raises(Conflict, match="nothing to pause"):
        import_jobs.pause(job)


def test_what_is_over_can_not_be_resumed(project: Project) -> None:
    job = done(project, lines(row("q1")))
    with pytest.raises(Conflict, match="nothing to go on with"):
        import_jobs.resume(job)


def test_a_draft_waits_to_be_started_and_is_started_once(project: Project) -> None:
    job = send(project, lines(row("q1")), start=False)
    import_worker.work(job.pk)
    assert not Prompt.objects.exists()
    assert import_jobs.start(job).state == "queued"
    import_worker.work(job.pk)
    assert import_jobs.start(job).state == "succeeded"
    with pytest.raises(Conflict, match="started already"):
        import_jobs.discard(job)


def test_a_draft_is_discarded_with_its_file(
    project: Project, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    job = send(project, lines(row("q1")), start=False)
    with django_capture_on_commit_callbacks(execute=True):
        import_jobs.discard(job)
    assert (files(project), Import.objects.count()) == ([], 0)


def test_so_many_files_are_kept_and_no_more(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_jobs, "MOST_OPEN", 2)
    for _ in range(2):
        send(project, lines(row("q1")), start=False)
    with pytest.raises(Conflict, match="2 files are kept"):
        send(project, lines(row("q1")))
    assert len(files(project)) == 2
    import_jobs.discard(Import.objects.earliest("pk"))
    send(project, lines(row("q1")))


def test_a_file_that_is_too_large_leaves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_files, "MAX_FILE", 2**20)
    with pytest.raises(Invalid, match="larger than"):
        import_files.receive(project, io.BytesIO(bytes(2**20 + 1)))
    assert files(project) == []


def test_a_sender_that_breaks_off_leaves_nothing(project: Project) -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        import_files.receive(project, Broken())
    assert files(project) == []


def test_large_files_wait_for_each_other_and_small_ones_for_no_large_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_jobs, "LARGE", 300)
    large = [send(project, lines(*(row(f"q{n}") for n in range(5)))) for _ in range(2)]
    small = [send(project, lines(row("q1"))) for _ in range(2)]
    assert import_jobs.first_of_lanes([job.pk for job in (*large, *small)]) == [small[0].pk, large[0].pk]
    assert import_jobs.next_in("large") == large[0].pk
    import_worker.work(large[0].pk)
    assert import_jobs.next_in("large") == large[1].pk
    assert import_jobs.lane_of(small[1].pk) == "small"


def test_each_batch_costs_as_many_statements_whatever_came_before(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 10)

    def cost(n: int) -> int:
        job = send(project, lines(*(ranked(f"{n}-{place}") for place in range(n))))
        with CaptureQueriesContext(connection) as queries:
            import_worker.work(job.pk)
        job.refresh_from_db()
        assert job.created == n
        return sum("pg_stat_database" not in query["sql"] for query in queries)  # asked once a second

    cost(5)  # makes the labeler's account
    first, two, four, eight = cost(10), cost(20), cost(40), cost(80)
    assert four - two == 2 * (two - first)
    assert eight - four == 4 * (two - first)
