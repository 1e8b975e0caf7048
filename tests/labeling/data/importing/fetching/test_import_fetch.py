"""Datasets that a worker fetches from a hub: what they become, who is said to ask, and what is told of trouble."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.data.hub import names, pull
from labeling.data.importing.background import (
    import_drafts,
    import_fetch,
    import_files,
    import_jobs,
    import_leftovers,
    import_progress,
    import_worker,
)
from labeling.errors import Conflict, Invalid
from labeling.models import Import, Project, Prompt
from rewardtrain.training import policy
from tests.hub_stub import Hub
from tests.labeling.api.client import row

pytestmark = pytest.mark.django_db
NAME = "owner/name"


def jsonl(*ids: str) -> bytes:
    return b"".join(json.dumps(row(each)).encode() + b"\n" for each in ids)


def pairs(*prompts: str) -> bytes:
    written = io.BytesIO()
    rows = [{"prompt": each, "chosen": "Because.", "rejected": "No."} for each in prompts]
    pq.write_table(pa.Table.from_pylist(rows), written)
    return written.getvalue()


def ask(project: Project, what: str = NAME, *, start: bool = False) -> Import:
    return import_jobs.fetch(project, names.read_fetched(what), start=start)


def work(job: Import) -> Import:
    import_worker.work(job.pk)
    job.refresh_from_db()
    return job


def fetched(project: Project, what: str = NAME, *, start: bool = False) -> Import:
    return work(ask(project, what, start=start))


def files(project: Project) -> list[str]:
    folder = import_files.path_of(import_files.folder_of(project))
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def test_a_dataset_becomes_a_draft_as_a_file_that_was_sent(hub: Hub, project: Project) -> None:
    there = hub.add("dataset", NAME, {"README.md": b"# It", "data/rows.jsonl": jsonl("q1", "q2")})
    job = fetched(project)
    assert (job.state, job.state_when_fetched, job.error, job.file_name) == ("draft", "", "", NAME)
    assert (job.hub, job.commit, job.size, job.done, job.bytes_read) == (NAME, there.sha, len(jsonl("q1", "q2")), 0, 0)
    assert files(project) == ["00001.upload"]
    assert import_drafts.look(job).in_a_sentence == "This is Podium's own rows in JSON Lines, 2 rows."
    work(import_drafts.start(job))
    assert (job.state, job.created, job.upload) == ("succeeded", 2, "")
    assert files(project) == []


def test_several_files_are_one_import_whose_rows_are_numbered_through(hub: Hub, project: Project) -> None:
    hub.add("dataset", NAME, {"test.parquet": pairs("c", "d"), "train.parquet": pairs("a", "b", "b")})
    job = fetched(project, start=True)
    assert (job.state, len(job.parts), job.layout) == ("queued", 2, "")
    found = import_drafts.look(job)
    assert found.in_a_sentence == "This is TRL preference data in 2 × Parquet, 5 rows."
    assert [each.number for each in found.rows] == [1, 2, 3, 4, 5]
    work(job)
    assert (job.state, job.created, job.skipped, job.rankings, job.container) == ("succeeded", 4, 1, 4, "2 × Parquet")


def test_files_of_several_kinds_and_a_bad_one_are_told_by_their_names(hub: Hub, project: Project) -> None:
    good, half = gzip.compress(jsonl("q1", "q2")), b"{bad\n" + jsonl("q3")
    hub.add("dataset", NAME, {"a.jsonl.gz": good, "b.jsonl": half, "c.jsonl.gz": b"\x1f\x8b"})
    job = work(fetched(project, start=True))
    assert (job.state, job.created, job.container) == ("failed", 3, "3 × .jsonl, .jsonl.gz")
    assert [error["line"] for error in job.errors] == [3]
    assert job.error.startswith("c.jsonl.gz: The file breaks off in the middle of what gzip packed")


def test_a_revision_is_taken_as_it_was_named(hub: Hub, project: Project) -> None:
    there = hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")})
    job = fetched(project, f"hf:{NAME}@{there.sha}")
    assert (job.state, job.hub, job.commit) == ("draft", f"{NAME}@{there.sha}", there.sha)


def test_nobody_is_said_to_ask_wherever_a_token_lies(
    hub: Hub, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture checks what was sent. Of a netrc file curl and others take a password by themselves."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "token").write_text(os.environ["HF_TOKEN"])
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")})
    assert fetched(project).state == "draft"
    assert hub.authorizations == {""}


PRIVATE = (
    "On {hub} there is no dataset owner/name that everybody may read: check the name; a private or gated one is "
    "imported by whoever runs Podium, by manage.py import_prompts helpful hf:owner/name."
)
TOO_LARGE = (
    "owner/name has 0.0 GiB to read, and 0.0 are taken: whoever runs Podium takes some of its files by "
    "manage.py import_prompts helpful hf:owner/name --files 'data/train*'."
)


def nothing_there(hub: Hub) -> None:
    """The real one answers so, too."""


def is_private(hub: Hub) -> None:
    hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")}, private=True)


def is_gated(hub: Hub) -> None:
    hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")}, gated=True)


def holds_no_data(hub: Hub) -> None:
    hub.add("dataset", NAME, {"load.py": b"import os"})


def is_too_large(hub: Hub) -> None:
    hub.add("dataset", NAME, {"rows.jsonl": bytes(3000)})


def fails(hub: Hub) -> None:
    hub.refuse = lambda method, path: (500, {})


def is_no_hub(hub: Hub) -> None:
    hub.refuse = lambda method, path: (200, {})


def asks_to_wait(hub: Hub) -> None:
    hub.refuse = lambda method, path: (429, {"Retry-After": "600"})


def sends_more_than_it_lists(hub: Hub) -> None:
    hub.lists_as = lambda name, size: 10
    hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")})


def sends_less_than_it_lists(hub: Hub) -> None:
    hub.lists_as = lambda name, size: 1000
    hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")})


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (nothing_there, PRIVATE),
        (is_private, PRIVATE),
        (is_gated, PRIVATE),
        (holds_no_data, "owner/name has no Parquet, Arrow, JSON or CSV file to import; there is: load.py."),
        (is_too_large, TOO_LARGE),
        (fails, "The hub {hub} failed (500): go on later; what it has is not sent again."),
        (is_no_hub, "{hub} doesn't answer as a hub does: check HF_ENDPOINT."),
        (asks_to_wait, "The hub {hub} counts requests and asks to wait 10 minutes: go on then."),
        (sends_more_than_it_lists, "{hub} sent another rows.jsonl than it listed: do it again."),
        (sends_less_than_it_lists, "{hub} sent another rows.jsonl than it listed: do it again."),
    ],
)
def test_each_trouble_is_a_sentence_and_is_tried_again_or_thrown_away(
    hub: Hub, project: Project, trouble: Callable[[Hub], None], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_fetch, "MAX_FILE", 2000)
    trouble(hub)
    job = fetched(project)
    assert (job.state, job.error) == ("failed", told.format(hub=hub.url))
    assert import_progress.acts_of(job) == ["resume", "discard"]
    assert files(project) == []
    assert policy.import_of(project) is None
    hub.refuse, hub.lists_as = lambda method, path: None, lambda name, size: size
    hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")})
    assert work(import_jobs.resume(job)).state == "draft"


def test_a_revision_that_is_not_there_is_named(hub: Hub, project: Project) -> None:
    hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")})
    job = fetched(project, f"{NAME}@v9")
    said = f"owner/name has no revision 'v9' on {hub.url}: name a branch, a tag or a commit that is there."
    assert (job.state, job.error) == ("failed", said)


def test_a_hub_that_is_away_and_none_that_may_be_asked_are_told(
    hub: Hub, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert "can't be reached, or said nothing for 30 s: check HF_ENDPOINT" in fetched(project).error
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    job = fetched(project)
    assert (job.state, job.error) == ("failed", "HF_HUB_OFFLINE is set, so no hub is asked: unset it.")


WRONG = ["name", "a/b/c", "../up", "http://10.0.0.1/a/b", "hf:a/b@../x", "a/b@", "", "a/b@x y"]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_name_is_refused_before_anything_is_asked(wrong: str) -> None:
    with pytest.raises(Invalid, match=r"is no (name on a hub|revision): write") as caught:
        names.read_fetched(wrong)
    assert caught.value.attr == "hub"


def test_a_full_disk_is_told(hub: Hub, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("dataset", NAME, {"rows.jsonl": jsonl("q1")})

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pull, "fetch", full)
    job = fetched(project)
    assert (job.state, job.error) == ("failed", "The disk of the server is full: the file was not kept.")


# --- Stopped and gone on with ---


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_fetch, "BEAT_SECONDS", 0.0)


def acting_after(n: int, act: Callable[[], object]) -> Callable[[str, bytes], Iterator[bytes]]:
    """Sends files in small pieces, and does it once, after n bytes of one."""
    acted: list[bool] = []

    def sends(path: str, data: bytes) -> Iterator[bytes]:
        yield data[:n]
        if len(data) > n and not acted:
            acted.append(True)
            act()
        yield data[n:]

    return sends


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("stop", "state"), [(import_jobs.cancel, "cancelled"), (import_jobs.pause, "paused")])
def test_it_stops_in_the_middle_of_a_file_and_goes_on_at_that_file(
    hub: Hub, project: Project, watched: None, stop: Callable[[Import], Import], state: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    hub.add("dataset", NAME, {"a.jsonl": jsonl("q1"), "b.jsonl": jsonl(*(f"b{n}" for n in range(3000)))})
    job = ask(project)
    told = import_fetch._Fetch._told

    def stopping(fetch: import_fetch._Fetch, n: int) -> None:
        if n > 2**16 and fetch._bytes:
            stop(job)
        told(fetch, n)

    monkeypatch.setattr(import_fetch._Fetch, "_told", stopping)
    work(job)
    assert (job.state, job.done, job.state_when_fetched) == (state, 1, "draft")
    assert 0 < job.bytes_read < job.size
    assert files(project) == ["00001.fetch", "00001.fetch/all"]
    monkeypatch.setattr(import_fetch._Fetch, "_told", told)
    hub.asked.clear()
    assert work(import_jobs.resume(job)).state == "draft"
    assert not [path for _, path in hub.asked if path.endswith("a.jsonl")]
    assert work(import_drafts.start(job)).created == 3001


@pytest.mark.django_db(transaction=True)
def test_a_dataset_that_changed_meanwhile_begins_anew(hub: Hub, project: Project) -> None:
    there = hub.add("dataset", NAME, {"a.jsonl": jsonl("q1"), "b.jsonl": jsonl("q2")})
    hub.refuse = lambda method, path: (500, {}) if path.endswith("b.jsonl") else None
    job = fetched(project)
    assert (job.state, job.done) == ("failed", 1)
    there.files["a.jsonl"] = jsonl("q7")
    there.commits.append("f" * 40)
    hub.refuse = lambda method, path: None
    work(import_jobs.resume(job))
    assert (job.state, job.commit) == ("draft", "f" * 40)
    work(import_drafts.start(job))
    assert set(Prompt.objects.values_list("external_id", flat=True)) == {"q7", "q2"}


@pytest.mark.django_db(transaction=True)
def test_what_is_thrown_away_leaves_no_row_and_no_file(hub: Hub, project: Project) -> None:
    hub.add("dataset", NAME, {"a.jsonl": jsonl("q1"), "b.jsonl": jsonl("q2")})
    hub.refuse = lambda method, path: (500, {}) if path.endswith("b.jsonl") else None
    by_page, by_api, old = (fetched(project) for _ in range(3))
    assert sum(name.endswith("/all") for name in files(project)) == 3
    import_jobs.discard(by_page)
    work(import_jobs.undo(by_api))
    assert (by_api.state, by_api.is_fetch) == ("succeeded", False)
    Import.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(hours=25))
    import_jobs.discard_abandoned()
    assert files(project) == []
    assert list(Import.objects.all()) == [by_api]


@pytest.mark.django_db(transaction=True)
def test_where_a_text_is_erased_what_was_fetched_of_others_goes_too(hub: Hub, project: Project) -> None:
    hub.add("dataset", NAME, {"a.jsonl": jsonl("q1"), "b.jsonl": jsonl("q2")})
    hub.refuse = lambda method, path: (500, {}) if path.endswith("b.jsonl") else None
    job = fetched(project)
    assert list(import_leftovers.leftovers(project)) == [job]
    with transaction.atomic():
        import_leftovers.forget(project)
    assert (files(project), import_leftovers.leftovers(project).count()) == ([], 0)
    hub.refuse = lambda method, path: None
    assert work(import_jobs.resume(Import.objects.get())).state == "draft"


def test_one_that_is_being_fetched_is_not_thrown_away_or_started(hub: Hub, project: Project) -> None:
    job = ask(project)
    with pytest.raises(Conflict, match="cancel it instead"):
        import_jobs.discard(job)
    assert import_drafts.start(job).state == "queued"
    assert job.is_fetch
    assert import_progress.acts_of(job) == ["cancel"]
    assert import_jobs.cancel(job).state == "cancelled"
    assert work(job).state == "cancelled"
    assert hub.asked == []


def test_it_waits_in_a_lane_of_its_own_and_retraining_does_not_wait_for_it(hub: Hub, project: Project) -> None:
    job = ask(project)
    assert import_jobs.lane_of(job.pk) == "hub"
    assert [import_jobs.next_in(lane) for lane in import_jobs.LANES] == [None, None, job.pk]
    assert import_jobs.first_of_lanes([job.pk]) == [job.pk]
    assert policy.import_of(project) is None


def test_no_more_wait_of_a_project_than_files_that_were_sent(hub: Hub, project: Project) -> None:
    for _ in range(import_jobs.MOST_OPEN):
        ask(project)
    with pytest.raises(Conflict, match="20 files are kept"):
        ask(project)


def test_it_costs_as_many_statements_for_a_file_of_ten_rows_as_of_thousands(hub: Hub, project: Project) -> None:
    def cost(rows: int) -> int:
        hub.add("dataset", NAME, {"a.jsonl": jsonl(*(f"q{n}" for n in range(rows)))})
        job = ask(project)
        with CaptureQueriesContext(connection) as queries:
            assert work(job).state == "draft"
        return len(queries)

    assert cost(10) == cost(5000)


def test_a_large_file_is_never_held_in_memory(hub: Hub, project: Project) -> None:
    hub.add("dataset", NAME, {"a.jsonl": jsonl("q1") * (64 * 2**20 // len(jsonl("q1")))})
    job = ask(project)
    tracemalloc.start()
    try:
        assert work(job).state == "draft"
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
