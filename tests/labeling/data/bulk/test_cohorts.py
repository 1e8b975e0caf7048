"""Cohorts made, changed and deleted: said before it is done, once for all prompts, whoever does what meanwhile."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from jobs import lifecycle
from labeling.answers.finding_prompts import conditions_of
from labeling.data.bulk import acts, bulk_jobs, bulk_worker, cohort_changes, cohorts
from labeling.data.bulk.cohort_changes import Foreseen
from labeling.data.revising import tags
from labeling.errors import Conflict, Invalid, Missing, Outdated, PodiumError
from labeling.models import BulkAct, Cohort, CohortMember, Membership, Project, Prompt, QueuePosition
from labeling.models.lists.cohorts import MOST_COHORTS
from labeling.models.project_lock import lock_cohorts
from labeling.queue import claims
from tests import factories
from tests.threads import at_once, waits

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    """Six prompts, of which every second is tagged as German."""
    project = factories.make_project(slug="work", manager=factories.make_user("mara"), overlap=2)
    for n in range(6):
        prompt = factories.make_prompt(project, external_id=f"row-{n}")
        tags.change(project, [prompt.pk], add="de" if n % 2 else "en")
    for name in ("ada", "bob"):
        factories.join(project, username=name)
    return project


def save(project: Project, key: int | None = None, **said: Any) -> Cohort:
    return cohorts.save(project, said, by=project.created_by, key=key)[0]


def put(project: Project, name: str, **filters: str) -> BulkAct:
    foreseen = bulk_jobs.foresee(project, "cohort", name, conditions_of(project, filters))
    return bulk_jobs.request(project, "cohort", name, filters, by=project.created_by, foreseen=foreseen)


def inside(project: Project) -> dict[str, str]:
    rows = project.prompts.exclude(cohort=None).order_by("pk").values_list("external_id", "cohort__name")
    return dict(rows)


def test_what_there_is_comes_into_it_at_once_and_goes_with_its_rules(project: Project) -> None:
    german = save(project, name=" German  speakers ", tags=["de"], people=["ada"])
    assert (german.name, german.tags) == ("German speakers", ["de"])
    assert inside(project) == dict.fromkeys(("row-1", "row-3", "row-5"), "German speakers")
    other = save(project, name="Any", tags=["de", "en", "en"])
    assert inside(project)["row-0"] == "Any"
    assert inside(project)["row-1"] == "German speakers", "the one that was made first"
    save(project, german.pk, tags=["fr"])
    assert set(inside(project).values()) == {"Any"}
    assert len(inside(project)) == 6
    project.refresh_from_db()
    assert project.look_after == 0
    cohorts.delete(project, other.pk, by=None)
    assert inside(project) == {}
    assert [each.pk for each in Cohort.objects.all()] == [german.pk]
    assert cohorts.delete(project, other.pk, by=None) is None, "twice is harmless"


def test_it_is_foreseen_and_what_is_foreseen_happens(project: Project) -> None:
    said = {"name": "German", "tags": ["de"], "people": ["ada"]}
    foreseen = cohort_changes.foresee(project, said)
    assert foreseen == Foreseen(prompts=3, waiting=3, comes=3, comes_waiting=3, overlap=2, people=1, come=("ada",))
    assert foreseen.too_few
    assert not Cohort.objects.exists()
    assert inside(project) == {}
    german = save(project, **said)
    assert cohort_changes.foresee(project, {}, key=german.pk) == Foreseen(prompts=3, waiting=3, overlap=2, people=1)
    changed = cohort_changes.foresee(project, {"tags": ["x"], "people": ["bob"]}, key=german.pk)
    assert changed == Foreseen(goes=3, goes_waiting=3, people=1, come=("bob",), leave=("ada",))
    assert cohort_changes.foresee_deletion(project, german.pk) == Foreseen(goes=3, goes_waiting=3, leave=("ada",))
    assert inside(project) == dict.fromkeys(("row-1", "row-3", "row-5"), "German")
    assert not BulkAct.objects.filter(state__in=BulkAct.ACTIVE).exists()


def test_by_hand_it_stays_until_somebody_says_otherwise(project: Project) -> None:
    german = save(project, name="German", tags=["de"])
    first = project.prompts.earliest("pk")
    assert put(project, "German", tag="en").changed == 3
    assert put(project, "German", tag="en").changed == 0, "twice"
    assert set(inside(project).values()) == {"German"}
    save(project, german.pk, tags=[])
    assert sorted(inside(project)) == ["row-0", "row-2", "row-4"]
    tags.change(project, [first.pk], remove="en")
    assert "row-0" in inside(project)
    assert put(project, "-").changed == 6
    assert inside(project) == {}
    save(project, german.pk, tags=["de"])
    assert inside(project) == {}, "everybody's by hand"
    assert put(project, "").changed == 6
    assert sorted(inside(project)) == ["row-1", "row-3", "row-5"]


def test_of_a_deleted_one_prompts_by_hand_are_everybodys_too(project: Project) -> None:
    german = save(project, name="German")
    put(project, "German")
    assert cohort_changes.foresee_deletion(project, german.pk).goes == 6
    cohorts.delete(project, german.pk, by=None)
    assert inside(project) == {}
    assert not project.prompts.filter(cohort_by_hand=True).exists()
    assert save(project, name="German").pk != german.pk


def test_what_is_not_there_is_named(project: Project) -> None:
    with pytest.raises(Invalid, match="There is no cohort 'French' in this project; it has: none"):
        put(project, "French")
    with pytest.raises(Missing, match="There is no cohort 7"):
        save(project, 7, name="x")
    with pytest.raises(Invalid, match="'zoe' is not in this project"):
        save(project, name="x", people=["zoe"])


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"name": "-"}, "bad_name"),
        ({"name": " "}, "bad_name"),
        ({"name": "x" * 61}, "bad_name"),
        ({"name": "a\u200b\u0007"}, "bad_name"),
        ({"name": "x", "tags": [""]}, "bad_tag"),
        ({"name": "x", "tags": [f"t{n}" for n in range(21)]}, "too_many_tags"),
        ({"name": "There"}, "cohort_exists"),
    ],
)
def test_what_can_t_be_a_cohort_is_refused_by_both(project: Project, said: dict[str, Any], code: str) -> None:
    save(project, name="There")
    for refuses in (partial(save, project, **said), partial(cohort_changes.foresee, project, said)):
        with pytest.raises(PodiumError) as refused:
            refuses()
        assert refused.value.code == code
    assert Cohort.objects.count() == 1


def test_there_is_an_end_to_how_many_there_are(project: Project) -> None:
    Cohort.objects.bulk_create(Cohort(project=project, name=f"c{n}") for n in range(MOST_COHORTS))
    with pytest.raises(Conflict, match="at most"):
        save(project, name="One more")


def test_an_edit_of_what_another_manager_changed_is_refused(project: Project) -> None:
    german = save(project, name="German", tags=["de"])
    said: dict[str, Any] = {"tags": ["en"]}
    cohorts.save(project, said, by=None, key=german.pk, revision=german.revision)
    with pytest.raises(Outdated, match="Somebody changed the cohort German meanwhile"):
        cohorts.save(project, {"people": ["ada"]}, by=None, key=german.pk, revision=german.revision)
    assert not CohortMember.objects.exists()


def test_a_change_of_very_many_is_a_workers_and_goes_by_the_rules_of_then(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed half-way it goes on; where the rules change meanwhile it ends, and another one begins anew."""
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 1)
    monkeypatch.setattr(bulk_worker, "BATCH", 2)
    german, first = cohorts.save(project, {"name": "German", "tags": ["de"]}, by=None)
    assert first is not None
    assert first.state == "queued"
    job = lifecycle.claim(BulkAct, first.pk)
    assert job is not None
    bulk_worker._do_some(job, conditions_of(project, {}))
    assert len(inside(project)) == 2
    _same, second = cohorts.save(project, {"tags": ["en"]}, by=None, key=german.pk)
    assert second is not None
    bulk_worker.work(second.pk)
    assert sorted(inside(project)) == ["row-0", "row-2", "row-4"]
    first.refresh_from_db()
    assert first.cancel_requested
    bulk_worker.work(second.pk)  # twice


def test_of_a_deleted_one_prompts_are_everybodys_at_once_though_a_worker_is_yet_to_come(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    german = save(project, name="German", tags=["de", "en"], people=["ada"])
    other = factories.join(project)
    QueuePosition.objects.create(
        project=project, labeler=other, priority=0, cohort=german.pk, begins=1, checked_at="2026-01-01T00:00Z"
    )
    assert claims.claim(project, other) is None
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 1)
    job = cohorts.delete(project, german.pk, by=None)
    assert job is not None
    assert factories.claimed(project, other).prompt.cohort_id == german.pk
    assert list(cohorts.of(project)) == []
    with pytest.raises(Invalid):
        put(project, "German")
    bulk_worker.work(job.pk)
    assert not Cohort.objects.exists()
    assert not QueuePosition.objects.filter(cohort=german.pk).exists()
    assert inside(project) == {}


def test_an_act_whose_cohort_is_gone_by_the_time_says_so(project: Project) -> None:
    german = save(project, name="German")
    later = bulk_jobs.Foreseen(10**6, is_all=True)
    job = bulk_jobs.request(project, "cohort", "German", {}, by=None, foreseen=later)
    cohorts.delete(project, german.pk, by=None)
    bulk_worker.work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.changed) == ("failed", 0)
    assert "German" in job.error


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_changes_at_once_leave_what_the_last_one_says(self, project: Project) -> None:
        german = save(project, name="German")
        at_once([partial(save, project, german.pk, tags=[tag]) for tag in ("de", "en", "de", "en")])
        german.refresh_from_db()
        assert german.revision == 5
        tagged = project.prompts.filter(tags__overlap=german.tags).order_by("pk").values_list("external_id", flat=True)
        assert sorted(inside(project)) == sorted(tagged)

    def test_two_that_are_made_by_one_name_are_one(self, project: Project) -> None:
        def make() -> str:
            try:
                save(project, name="German", tags=["de"])
            except PodiumError as error:
                return error.code
            return "made"

        assert sorted(at_once([make] * 3)) == ["cohort_exists", "cohort_exists", "made"]

    def test_tags_that_are_given_meanwhile_are_seen(self, project: Project) -> None:
        """Whoever changes rules waits for who is giving tags, and the other way round."""
        with transaction.atomic():
            tags.change(project, [project.prompts.earliest("pk").pk], add="x")
            assert waits(partial(lock_cohorts, project))
        with transaction.atomic():
            lock_cohorts(project)
            assert waits(partial(tags.change, project, [project.prompts.latest("pk").pk], add="x"))

    def test_one_that_is_deleted_while_people_claim_loses_no_prompt_and_gives_none_twice(
        self, project: Project
    ) -> None:
        german = save(project, name="German", tags=["de", "en"], people=["ada", "bob"])
        people = [factories.join(project) for _ in range(4)]
        members = [each.user for each in Membership.objects.filter(cohorts__cohort=german)]

        def claim(labeler: Any) -> None:
            if (task := claims.claim(project, labeler)) is not None:
                claims.release(task)

        calls = [partial(claim, each) for each in (*people, *members)]
        at_once([*calls[:3], partial(cohorts.delete, project, german.pk, by=None), *calls[3:]])
        assert inside(project) == {}
        for labeler in (*people, *members)[:2]:
            assert [factories.rank(project, labeler).prompt.external_id for _ in range(6)] == [
                f"row-{n}" for n in range(6)
            ]
        assert not Prompt.objects.filter(ranked__gt=2).exists()


def test_nothing_else_is_due(project: Project) -> None:
    """The condition of a list and the statement that does it agree."""
    german = save(project, name="German", tags=["de"])
    everything = list(project.prompts.values_list("pk", flat=True))
    for act, value in (("rules", ""), ("cohort", ""), ("cohort", "-"), ("cohort", "German")):
        for hand in (False, True):
            for key in (None, german.pk):
                project.prompts.update(cohort=key, cohort_by_hand=hand)
                keys = list(acts.due(project.prompts.all(), act, value).values_list("pk", flat=True))
                changed = acts.carry_out(project.pk, act, value, everything)
                assert changed == len(keys)
                assert not acts.due(project.prompts.all(), act, value).exists()


def test_foreseeing_costs_as_much_as_twice_as_many_do(project: Project) -> None:
    with CaptureQueriesContext(connection) as few:
        cohort_changes.foresee(project, {"name": "x", "tags": ["de"]})
    for n in range(20):
        factories.make_prompt(project, external_id=f"more-{n}")
    with CaptureQueriesContext(connection) as many:
        cohort_changes.foresee(project, {"name": "x", "tags": ["de"]})
    assert len(few) == len(many) <= 8
