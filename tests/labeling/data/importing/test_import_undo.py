"""An import taken back: what it brought goes, what somebody worked on stays, and every count is right after it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from formats.refusals import Refused
from labeling.data.importing import imports, row_parts
from labeling.data.importing.background import import_files, import_jobs, import_progress, import_undo, import_worker
from labeling.data.revising import erasures, tags
from labeling.data.versions import datasets
from labeling.errors import Conflict
from labeling.models import (
    Assignment,
    Completion,
    Import,
    ImportedTags,
    PreferencePair,
    Project,
    Prompt,
    RankedCompletion,
    Ranking,
)
from labeling.projects import counters
from labeling.queue import claims
from rewardtrain.models import PromptScore
from tests.factories import claimed, join, make_project, rank
from tests.labeling.api.client import row
from tests.rewardtrain.conftest import make_model, models_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _models(tmp_path: Path) -> Iterator[None]:
    with models_in(tmp_path / "models"):
        yield


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")


def ranked(name: str, *labelers: str) -> dict[str, object]:
    return row(name, rankings=[{"labeler": labeler, "ranks": [1, 2]} for labeler in labelers])


def brought(project: Project, *rows: object) -> Import:
    received = import_files.receive(project, io.BytesIO(b"".join(json.dumps(each).encode() + b"\n" for each in rows)))
    job = import_jobs.receive(project, received, file_name="rows.jsonl", start=True)
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def undone(job: Import) -> Import:
    import_jobs.undo(job)
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.is_undo) == ("succeeded", True), job.error
    return job


def counts() -> list[int]:
    tables = (Prompt, Completion, Assignment, Ranking, RankedCompletion, PreferencePair)
    return [table.objects.count() for table in tables]


def test_all_that_it_brought_goes(project: Project) -> None:
    brought(project, ranked("before", "ann"))
    before = counts()
    job = brought(project, *(ranked(f"q{n}", "ann", "bob") for n in range(5)), row("q6"))
    undone(job)
    assert (job.undone_prompts, job.undone_rankings, job.kept_prompts) == (6, 10, 0)
    assert counts() == before
    assert not counters.differences(project)
    assert counters.of(project).total.rankings == 1


def test_a_prompt_that_somebody_worked_on_stays(project: Project) -> None:
    """Whatever they did with it: ranked it, hold it, or skipped it."""
    job = brought(project, *(row(f"q{n}") for n in range(4)), ranked("q5", "ann"))
    labeler = join(project)
    rank(project, labeler)
    claims.skip(claimed(project, labeler), "not mine")
    held = claimed(project, labeler)
    undone(job)
    assert (job.undone_prompts, job.undone_rankings, job.kept_prompts) == (2, 1, 3)
    assert Prompt.objects.count() == 3
    assert Ranking.objects.get().labeler == labeler
    held.refresh_from_db()
    assert held.state == "claimed"
    assert not counters.differences(project)


def test_recorded_rankings_go_from_prompts_that_stay(project: Project) -> None:
    """A prompt that was there before asks for as many people again as its project does."""
    first = brought(project, row("q1"), ranked("q2", "ann"))
    second = brought(project, ranked("q1", "ann", "bob", "eve"), ranked("q2", "ann", "bob"))
    assert list(Prompt.objects.values_list("ranked", "overlap")) == [(3, 3), (2, 2)]
    undone(second)
    assert (second.undone_prompts, second.undone_rankings) == (0, 4)
    assert list(Prompt.objects.values_list("ranked", "overlap")) == [(0, 1), (1, 1)]
    assert PreferencePair.objects.count() == 1
    assert not counters.differences(project)
    rank(project, join(project))  # it is in the queue again
    undone(first)
    assert (first.undone_prompts, first.undone_rankings, first.kept_prompts) == (1, 1, 1)


def test_a_prompt_that_another_import_ranked_stays(project: Project) -> None:
    first = brought(project, row("q1"), row("q2"))
    brought(project, ranked("q1", "ann"))
    undone(first)
    assert (first.undone_prompts, first.kept_prompts) == (1, 1)
    assert Ranking.objects.count() == 1


def test_frozen_versions_stay(project: Project) -> None:
    job = brought(project, *(ranked(f"q{n}", "ann") for n in range(5)))
    version = datasets.freeze(project)
    data = datasets.path_of(version).read_bytes()
    undone(job)
    assert datasets.path_of(version).read_bytes() == data
    assert counts() == [0] * 6


def test_what_a_model_said_of_its_prompts_goes_with_them(project: Project) -> None:
    brought(project, ranked("before", "ann"))
    before = counts()
    job = brought(project, row("q1"))
    prompt = Prompt.objects.latest("pk")
    keys = [completion.pk for completion in prompt.completions.all()]
    PromptScore.objects.create(
        reward_model=make_model(project), prompt=prompt, completions=keys, rewards=[1, 2], probabilities=[0.5, 0.5]
    )
    undone(job)
    assert counts() == before


def test_undone_twice_changes_nothing(project: Project) -> None:
    job = undone(brought(project, ranked("q1", "ann"), row("q2")))
    kept = brought(project, row("q3"))
    before = counts()
    undone(job)
    assert (counts(), job.undone_prompts, job.undone_rankings) == (before, 2, 1)
    assert import_jobs.undo(kept).state == "queued"
    assert import_jobs.undo(kept).state == "queued"


def test_the_second_time_takes_what_was_free_by_then(project: Project) -> None:
    first = brought(project, row("q1"))
    second = brought(project, ranked("q1", "ann"))
    assert undone(first).kept_prompts == 1
    undone(second)
    assert (undone(first).kept_prompts, first.undone_prompts, counts()) == (0, 1, [0] * 6)


def test_the_file_can_be_sent_again(project: Project) -> None:
    undone(brought(project, ranked("q1", "ann")))
    again = brought(project, ranked("q1", "ann"))
    assert (again.created, again.rankings, again.skipped) == (1, 1, 0)


def test_what_is_at_work_or_was_never_started_is_not_undone(project: Project) -> None:
    received = import_files.receive(project, io.BytesIO(json.dumps(row("q1")).encode()))
    job = import_jobs.receive(project, received, start=False)
    with pytest.raises(Conflict, match="never started"):
        import_jobs.undo(job)
    import_jobs.start(job)
    with pytest.raises(Conflict, match="at work"):
        import_jobs.undo(job)
    import_jobs.undo(import_jobs.pause(job))
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.is_undo, job.upload) == ("succeeded", True, "")


def test_it_is_paused_between_batches_and_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_undo, "BATCH", 3)
    job = brought(project, *(ranked(f"q{n}", "ann") for n in range(10)))
    note = import_undo._note

    def noting(job: Import, **changes: int) -> None:
        note(job, **changes)
        if job.undone_prompts == 3:
            Import.objects.filter(pk=job.pk).update(pause_requested=True)

    monkeypatch.setattr(import_undo, "_note", noting)
    import_jobs.undo(job)
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.undone_rankings, job.undone_prompts, Prompt.objects.count()) == ("paused", 10, 3, 7)
    assert not counters.differences(project)
    import_jobs.resume(job)
    import_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.undone_prompts, counts()) == ("succeeded", 10, [0] * 6)


def test_statements_do_not_grow_with_what_a_batch_takes_back(project: Project) -> None:
    def cost(n: int) -> int:
        job = brought(project, *(ranked(f"{n}-{place}", "ann", "bob") for place in range(n)))
        import_jobs.undo(job)
        with CaptureQueriesContext(connection) as queries:
            import_worker.work(job.pk)
        job.refresh_from_db()
        assert job.undone_prompts == n
        return len(queries)

    assert cost(2) == cost(40)


def tags_of(project: Project) -> dict[str, list[str]]:
    return dict(project.prompts.values_list("external_id", "tags"))


def test_tags_that_it_gave_to_prompts_that_were_here_go(project: Project) -> None:
    brought(project, row("old", tags=["mine", "shared"]), row("bare"))
    job = brought(
        project, row("old", tags=["shared", "late", "early"]), row("bare", tags=["late"]), row("new", tags=["x"])
    )
    assert (job.tagged, job.updated, job.created) == (2, 2, 1)
    tags.change(project, [project.prompts.get(external_id="old").pk], add="after")
    tags.change(project, [project.prompts.get(external_id="bare").pk], remove="late")
    undone(job)
    assert tags_of(project) == {"old": ["after", "mine", "shared"], "bare": []}
    assert (job.undone_tagged, job.undone_prompts) == (2, 1)
    assert not ImportedTags.objects.exists()
    assert import_progress.acts_of(job) == []


def test_an_import_of_tags_alone_is_taken_back_in_batches(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_undo, "BATCH", 2)
    brought(project, *(row(f"q{n}") for n in range(5)))
    job = brought(project, *(row(f"q{n}", tags=["odd"]) for n in range(5)))
    assert (job.tagged, job.skipped) == (5, 0)
    assert import_progress.acts_of(job) == ["undo"]
    undone(job)
    assert set(map(tuple, tags_of(project).values())) == {()}
    assert (job.undone_tagged, Prompt.objects.count()) == (5, 5)


def test_of_prompts_that_it_brought_itself_the_tags_stay_with_those_that_are_kept(project: Project) -> None:
    job = brought(project, row("q", tags=["a"]))
    person = join(project)
    claimed(project, person)
    undone(job)
    assert (tags_of(project), job.kept_prompts, job.tagged) == ({"q": ["a"]}, 1, 0)


def test_an_erased_prompt_leaves_no_tags_behind(project: Project) -> None:
    brought(project, row("q"))
    brought(project, row("q", tags=["secret"]))
    erasures.erase(project, project.prompts.get(), confirm="q", by=project.created_by)
    assert not ImportedTags.objects.exists()


def test_rows_that_are_joined_bring_the_tags_of_each(project: Project) -> None:
    first, second = (imports.parse_value(row("q", tags=[tag])) for tag in ("a", "b"))
    assert row_parts.joined(first, second).tags == ("a", "b")
    assert row_parts.joined(first, first) is first
    many = [imports.parse_value(row("q", tags=[f"{letter}{n}" for n in range(11)])) for letter in "ab"]
    with pytest.raises(Refused, match="20 at most"):
        row_parts.joined(*many)


def test_a_column_of_tags_that_was_metadata_before_is_no_other_metadata(project: Project) -> None:
    brought(project, row("q", metadata={"Tags": "odd", "topic": "light"}))
    job = brought(project, row("q", metadata={"topic": "light"}, tags=["odd"]))
    assert (job.tagged, job.n_errors, tags_of(project)) == (1, 0, {"q": ["odd"]})
