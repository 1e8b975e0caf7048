"""Cohorts: who is in one gets its prompts first, then everybody's; who is in none never gets them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.models import Assignment, Cohort, CohortMember, Membership, Project, Prompt, QueuePosition, User
from labeling.queue import claims, skips
from tests.factories import claimed, join, make_project, make_prompt, rank
from tests.labeling.quality.checks.test_acting import make_gold

pytestmark = pytest.mark.django_db


def make_cohort(project: Project, *people: User, name: str = "German", tags: tuple[str, ...] = ("de",)) -> Cohort:
    cohort = Cohort.objects.create(project=project, name=name, tags=list(tags))
    for each in people:
        CohortMember.objects.create(cohort=cohort, membership=Membership.objects.get(project=project, user=each))
    return cohort


def tag(prompt: Prompt, *tags: str) -> Prompt:
    Prompt.objects.filter(pk=prompt.pk).update(tags=list(tags))
    prompt.refresh_from_db()
    return prompt


@pytest.fixture
def project() -> Project:
    return make_project(overlap=1)


def test_a_prompt_goes_by_its_tags_when_it_comes_and_when_they_change(project: Project) -> None:
    german, formal = make_cohort(project), make_cohort(project, name="Formal", tags=("formal", "law"))
    prompt = make_prompt(project, k=2)
    assert prompt.cohort_id is None
    assert tag(prompt, "law").cohort_id == formal.pk
    assert tag(prompt, "de", "law").cohort_id == german.pk, "the one that was made first"
    assert tag(prompt, "law").cohort_id == formal.pk
    assert tag(prompt, "x").cohort_id is None
    imported = Prompt.objects.create(
        project=project, external_id="new", messages=[], split="train", content_sha256="a", tags=["de"]
    )
    imported.refresh_from_db()
    assert imported.cohort_id == german.pk
    Prompt.objects.filter(pk=imported.pk).update(cohort=formal.pk, cohort_by_hand=True)
    assert tag(imported, "x").cohort_id == formal.pk, "by hand"
    Cohort.objects.filter(pk=german.pk).update(deleted_at="2026-01-01T00:00Z")
    assert tag(prompt, "de").cohort_id is None
    assert tag(make_prompt(make_project(), k=2), "law").cohort_id is None, "another project's"


def test_own_prompts_come_first_within_a_priority_and_others_never(project: Project) -> None:
    one, other = join(project), join(project)
    german = make_cohort(project, one)
    free, mine, urgent = (make_prompt(project, k=2) for _ in range(3))
    tag(mine, "de")
    Prompt.objects.filter(pk=urgent.pk).update(priority=1)
    assert [rank(project, one).prompt for _ in range(2)] == [urgent, mine]
    assert [rank(project, other).prompt] == [free]
    assert claims.claim(project, one) is None
    last = tag(make_prompt(project, k=2), "de")
    assert claims.claim(project, other) is None
    nothing = claims.queue_reason(project, other)
    assert (nothing.reason, nothing.n) == ("not_for_you", 1)
    Cohort.objects.filter(pk=german.pk).update(deleted_at="2026-01-01T00:00Z")
    assert claimed(project, other).prompt == last, "of a cohort that is being deleted it is everybody's"


def test_who_is_in_several_gets_the_prompts_of_each(project: Project) -> None:
    labeler = join(project)
    make_cohort(project, labeler)
    make_cohort(project, labeler, name="French", tags=("fr",))
    make_cohort(project, name="Nobody's", tags=("x",))
    french, german, other = (tag(make_prompt(project, k=2), name) for name in ("fr", "de", "x"))
    assert [rank(project, labeler).prompt for _ in range(2)] == [german, french]
    assert claims.claim(project, labeler) is None
    assert claims.queue_reason(project, labeler).n == 1
    assert Prompt.objects.get(ranked=0) == other


def test_what_others_of_a_cohort_hold_is_said_to_nobody_else(project: Project) -> None:
    one, two, other = join(project), join(project), join(project)
    make_cohort(project, one, two)
    tag(make_prompt(project, k=2), "de")
    claimed(project, one)
    assert claims.queue_reason(project, two).reason == "all_taken"
    assert claims.queue_reason(project, other).reason == "not_for_you"
    rank(project, one)
    assert claims.queue_reason(project, other).reason == "all_done"


def test_what_was_claimed_stays_where_its_prompt_comes_into_another_cohort(project: Project) -> None:
    one, other = join(project), join(project)
    make_cohort(project, other)
    prompt = make_prompt(project, k=2)
    task = claimed(project, one)
    tag(prompt, "de")
    assert claims.claim(project, one) == task
    assert claims.claim(project, other) is None
    assert rank(project, one).prompt == prompt


def test_who_comes_into_a_cohort_gets_what_waited_before(project: Project) -> None:
    """Where they stand in the prompts of everybody says nothing of those of a cohort, nor where these come back."""
    labeler, other = join(project), join(project)
    german = make_cohort(project, other)
    first = tag(make_prompt(project, k=2), "de")
    for _ in range(3):
        make_prompt(project, k=2)
    for _ in range(3):
        rank(project, labeler)
    Membership.objects.get(project=project, user=labeler).cohorts.create(cohort=german)
    assert claimed(project, labeler).prompt == first


def test_a_prompt_that_comes_into_a_cohort_is_before_whoever_stands_beyond_it(project: Project) -> None:
    labeler = join(project)
    german = make_cohort(project, labeler)
    prompt = make_prompt(project, k=2)
    for cohort in (0, german.pk):
        QueuePosition.objects.create(
            project=project, labeler=labeler, priority=0, cohort=cohort, begins=prompt.pk + 1_000,
            checked_at="2100-01-01T00:00Z",
        )  # fmt: skip
    assert claims.claim(project, labeler) is None
    tag(prompt, "de")
    assert claimed(project, labeler).prompt == prompt


def test_nobody_is_left_where_nobody_of_the_cohort_is(project: Project) -> None:
    one, two, _other = join(project), join(project), join(project)
    german = make_cohort(project, one, two)
    prompt, free = tag(make_prompt(project, k=2), "de"), make_prompt(project, k=2)
    skips_it(project, one, prompt)
    assert skips.left_to_nobody([prompt.pk, free.pk]) == set()
    assert not prompt.review_cases.exists()
    skips_it(project, two, prompt)
    assert skips.left_to_nobody([prompt.pk, free.pk]) == {prompt.pk}
    assert prompt.review_cases.filter(state="open", reason="skipped").exists()
    Cohort.objects.filter(pk=german.pk).update(deleted_at="2026-01-01T00:00Z")
    assert skips.left_to_nobody([prompt.pk]) == set()


def test_who_leaves_a_cohort_has_a_worker_look_who_is_left(project: Project) -> None:
    one, two = join(project), join(project)
    make_cohort(project, one, two)
    Membership.objects.get(project=project, user=one).cohorts.all().delete()
    project.refresh_from_db()
    assert project.look_after == 0


def test_who_leaves_the_project_is_in_no_cohort(project: Project) -> None:
    one = join(project)
    make_cohort(project, one)
    Membership.objects.filter(user=one).delete()
    assert not CohortMember.objects.exists()


def skips_it(project: Project, labeler: User, prompt: Prompt) -> Assignment:
    task = claimed(project, labeler)
    assert task.prompt == prompt
    claims.skip(task, "no")
    return task


# Prompts of which this labeler had the first so many, in a cohort and outside; others shall have them too.
HAD = """
WITH prompt AS (
    INSERT INTO labeling_prompt (project_id, external_id, messages, content_sha256, split, overlap, metadata,
                                 created_at, held_reason, tags)
    SELECT %(project)s, n, '[]', md5(n::text), 'train', 2, '{}', now(), '',
        CASE WHEN n %% 2 = 0 THEN '{de}' ELSE '{}' END::varchar[]
    FROM generate_series(1, %(rows)s) n RETURNING id, external_id::integer AS n
)
INSERT INTO labeling_assignment (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, skip_reason,
                                 claimed_at, expires_at, finished_at)
SELECT id, %(labeler)s, 'ranked', 1, 2, 1, '[]', '', now(), now(), now() FROM prompt WHERE n <= %(had)s
"""


@pytest.mark.parametrize(("rows", "had"), [(400, 0), (4_000, 3_800), (4_000, 4_000)])
def test_a_claim_reads_few_rows_and_each_by_an_index(project: Project, rows: int, had: int) -> None:
    """Of whoever is new, of whoever has had thousands that others shall have too, and of whoever has had them all."""
    labeler, other = join(project), join(project)
    make_cohort(project, labeler)
    for name in ("fr", "it", "es"):
        make_cohort(project, other, name=name, tags=(name,))
    with connection.cursor() as cursor:
        cursor.execute(HAD, {"project": project.pk, "labeler": labeler.pk, "rows": rows, "had": had})
        cursor.execute("ANALYZE labeling_prompt, labeling_assignment, labeling_cohort, labeling_cohortmember")
    claims.claim(project, labeler)  # moves their positions
    Assignment.objects.filter(state="claimed").update(state="skipped")
    before = _read()
    task = claims.claim(project, labeler)
    by_scan, by_index = (now - then for now, then in zip(_read(), before, strict=True))
    assert (task is None) == (had == rows)
    assert by_scan == 0
    assert by_index < 150
    if task is None:
        before = _read()
        assert claims.queue_reason(project, labeler).reason == "all_done"
        assert _read()[0] == before[0]


@pytest.mark.parametrize("counted", [True, False])
def test_of_a_small_cohort_behind_very_many_prompts_a_claim_reads_no_others(project: Project, counted: bool) -> None:
    """Also where PostgreSQL has planned for all values before, and has not counted what is in the cohort."""
    labeler = join(project)
    with connection.cursor() as cursor:
        cursor.execute(HAD, {"project": project.pk, "labeler": labeler.pk, "rows": 4_000, "had": 0})
        cursor.execute("UPDATE labeling_prompt SET tags = '{}'")
        cursor.execute("ANALYZE labeling_prompt, labeling_assignment")
        for _ in range(10):
            claims.skip(claimed(project, labeler), "no")
        make_cohort(project, labeler)
        cursor.execute("UPDATE labeling_prompt SET tags = '{de}' WHERE external_id::integer > 3980")
        if counted:
            cursor.execute("ANALYZE labeling_prompt")
    for _ in range(15):
        before = _read()
        task = claims.claim(project, labeler)
        assert task is not None
        assert _read()[1] - before[1] < 500  # of those that they had since their position moved
        claims.skip(task, "no")


def _read() -> list[int]:
    tables = ("prompt", "assignment", "cohort", "cohortmember", "membership", "queueposition")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_tup_read), sum(coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_all_tables"
            " WHERE relname = ANY(%s)",
            [[f"labeling_{name}" for name in tables]],
        )
        return [int(n or 0) for n in cursor.fetchone()]


def test_a_claim_and_an_answer_are_as_many_statements_as_without_cohorts(project: Project) -> None:
    labeler = join(project)
    make_cohort(project, labeler)
    for _ in range(2):
        tag(make_prompt(project, k=2), "de")
    with CaptureQueriesContext(connection) as asked:
        assert claims.claim(project, labeler) is not None
    assert len(asked) == 1


class TestChecks:
    def test_gold_of_a_cohort_is_for_its_people(self, project: Project) -> None:
        one, other = join(project), join(project)
        make_cohort(project, one)
        Project.objects.filter(pk=project.pk).update(gold_percent=50)
        gold = tag(make_gold(project), "de")
        for _ in range(40):
            make_prompt(project, k=2)
        assert gold.pk in {rank(project, one).prompt_id for _ in range(20)}
        assert gold.pk not in {rank(project, other).prompt_id for _ in range(15)}

    def test_nothing_comes_again_of_a_cohort_that_one_has_left(self, project: Project) -> None:
        labeler = join(project)
        german = make_cohort(project)
        Project.objects.filter(pk=project.pk).update(repeat_percent=50, repeat_after=0, repeat_minutes=0)
        had = [rank(project, labeler).prompt for _ in range(4) if make_prompt(project, k=2)]
        Prompt.objects.filter(pk__in=[each.pk for each in had]).update(cohort=german.pk, cohort_by_hand=True)
        for _ in range(20):
            make_prompt(project, k=2)
        seen = {rank(project, labeler).prompt_id for _ in range(20)}
        assert not seen & {each.pk for each in had}
