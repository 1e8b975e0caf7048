"""Changing one's mind: undo for a moment, a new revision for ever; what was said before stays as a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from labeling.answers import rankings
from labeling.answers.rankings import UNDO_GRACE_SECONDS, UNDO_SECONDS
from labeling.data.exporting import exports
from labeling.data.importing import imports
from labeling.data.versions import datasets
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, PreferencePair, Project, Ranking, User
from labeling.projects.overview import overview_of
from labeling.quality import agreement
from labeling.queue import claims
from tests.factories import claimed, ids_of, join, make_project, make_prompt, rank, tiers_of
from tests.threads import at_once


def answer(assignment: Assignment, ranks: Sequence[int] = (), **more: object) -> dict[str, Any]:
    return {"tiers": tiers_of(assignment, ranks), **more}


def chosen_over_rejected(ranking: Ranking) -> set[tuple[str, str]]:
    return set(ranking.pairs.values_list("chosen__external_id", "rejected__external_id"))


def grow_old(ranking: Ranking, seconds: float) -> None:
    Ranking.objects.filter(pk=ranking.pk).update(created_at=timezone.now() - timedelta(seconds=seconds))


@pytest.fixture
def project() -> Project:
    return make_project(flags=[{"name": "hateful"}])


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


@pytest.fixture
def assignment(project: Project, labeler: User) -> Assignment:
    make_prompt(project, split="train")
    return claimed(project, labeler)


@pytest.mark.django_db
class TestWithdrawing:
    def test_the_task_is_open_again_with_the_answer_as_its_draft(self, assignment: Assignment) -> None:
        first, *_, last = ids_of(assignment)
        said = {"flags": {first: {"hateful": True}}, "notes": {last: "Wrong year."}, "comment": "Close."}
        ranking = rankings.submit(assignment, answer(assignment, [2, 1, 2, 3], active_seconds=9.5, **said)).ranking
        as_shown = ranking.ranked.order_by("shown_position").values_list("rank", flat=True)
        ranks = dict(zip(ids_of(assignment), as_shown, strict=True))
        back = rankings.withdraw(assignment)
        assert (back.state, back.finished_at, back.draft_revision) == ("claimed", None, 1)
        assert back.draft == {"ranks": ranks, **said, "strength": None, "active_seconds": 9.5}
        assert back.expires_at > timezone.now()

    def test_the_ranking_stays_as_a_record_without_pairs(self, assignment: Assignment) -> None:
        ranking = rankings.submit(assignment, answer(assignment)).ranking
        rankings.withdraw(assignment)
        ranking.refresh_from_db()
        assert not ranking.live
        assert ranking.ended_at is not None
        assert ranking.ranked.count() == 4
        assert not PreferencePair.objects.exists()

    def test_the_next_answer_is_the_next_revision(self, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        rankings.withdraw(assignment)
        submitted = rankings.submit(assignment, answer(assignment, [4, 3, 2, 1]))
        assert (submitted.created, submitted.ranking.revision, submitted.pairs) == (True, 2, 6)
        assert not rankings.submit(assignment, answer(assignment, [4, 3, 2, 1])).created
        with pytest.raises(Conflict, match="differently"):
            rankings.submit(assignment, answer(assignment))

    def test_doing_it_twice_is_harmless(self, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        once, again = rankings.withdraw(assignment), rankings.withdraw(assignment)
        assert (once.draft, once.draft_revision) == (again.draft, again.draft_revision)

    def test_the_labeler_gets_it_before_the_task_that_was_taken_ahead(
        self, project: Project, labeler: User, assignment: Assignment
    ) -> None:
        make_prompt(project)
        ahead = claims.claim_ahead(project, labeler, current=assignment)
        rankings.submit(assignment, answer(assignment))
        rankings.withdraw(assignment)
        assert claimed(project, labeler) == assignment
        assert claims.claim_ahead(project, labeler, current=assignment) == ahead

    def test_nobody_else_gets_the_prompt_meanwhile(self, project: Project, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        rankings.withdraw(assignment)
        assignment.prompt.refresh_from_db()
        assert assignment.prompt.ranked == 0
        assert claims.claim(project, join(project)) is None

    def test_it_is_possible_for_half_a_minute_and_what_the_network_took(self, assignment: Assignment) -> None:
        ranking = rankings.submit(assignment, answer(assignment)).ranking
        grow_old(ranking, UNDO_SECONDS + UNDO_GRACE_SECONDS + 1)
        with pytest.raises(Conflict, match="for 30 seconds, and they are over") as caught:
            rankings.withdraw(assignment)
        assert caught.value.code == "undo_too_late"
        grow_old(ranking, UNDO_SECONDS + 1)
        assert rankings.withdraw(assignment).state == "claimed"

    @pytest.mark.parametrize("before", [lambda task: None, lambda task: claims.skip(task, "no idea")])
    def test_there_must_be_an_answer(self, assignment: Assignment, before: Callable[[Assignment], None]) -> None:
        before(assignment)
        with pytest.raises(Conflict, match="no answer of yours") as caught:
            rankings.withdraw(assignment)
        assert caught.value.code == "not_ranked"


@pytest.mark.django_db
class TestAmending:
    def test_it_is_a_new_revision_and_the_pairs_follow(self, assignment: Assignment) -> None:
        first = rankings.submit(assignment, answer(assignment, comment="Hm.", active_seconds=60)).ranking
        amended = rankings.amend(assignment, answer(assignment, [2, 1, 1, 1], active_seconds=4))
        first.refresh_from_db()
        assert (amended.created, amended.pairs, amended.ties) == (True, 3, 3)
        assert (amended.ranking.revision, amended.ranking.comment, amended.ranking.active_seconds) == (2, "", 4)
        assert (first.live, first.comment, first.ranked.count(), first.pairs.count()) == (False, "Hm.", 4, 0)
        assert first.ended_at is not None
        assert chosen_over_rejected(amended.ranking) == {("b", "a"), ("c", "a"), ("d", "a")}
        assert PreferencePair.objects.count() == 3

    def test_the_task_stays_ranked(self, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        rankings.amend(assignment, answer(assignment, [4, 3, 2, 1]))
        assignment.refresh_from_db()
        assignment.prompt.refresh_from_db()
        assert (assignment.state, assignment.prompt.ranked) == ("ranked", 1)

    def test_the_same_answer_makes_no_revision(self, assignment: Assignment) -> None:
        said = answer(assignment, notes={ids_of(assignment)[0]: "Wrong year."})
        ranking = rankings.submit(assignment, said).ranking
        again = rankings.amend(assignment, said | {"active_seconds": 3})
        assert (again.created, again.ranking, again.pairs) == (False, ranking, 6)
        assert Ranking.objects.count() == 1

    def test_another_note_alone_makes_one(self, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        note = {ids_of(assignment)[0]: "Wrong year."}
        amended = rankings.amend(assignment, answer(assignment, notes=note))
        assert [place.note for place in amended.ranking.ranked.all() if place.note] == ["Wrong year."]

    def test_an_invalid_answer_changes_nothing(self, assignment: Assignment) -> None:
        ranking = rankings.submit(assignment, answer(assignment)).ranking
        with pytest.raises(Invalid):
            rankings.amend(assignment, {"tiers": []})
        ranking.refresh_from_db()
        assert (ranking.live, ranking.pairs.count()) == (True, 6)

    def test_what_was_not_ranked_yet_can_not_be_amended(self, assignment: Assignment) -> None:
        with pytest.raises(Conflict, match="no answer of yours") as caught:
            rankings.amend(assignment, answer(assignment))
        assert caught.value.code == "not_ranked"
        rankings.submit(assignment, answer(assignment))
        rankings.withdraw(assignment)
        with pytest.raises(Conflict, match="no answer of yours"):
            rankings.amend(assignment, answer(assignment))


@pytest.mark.django_db
@pytest.mark.parametrize("change", [rankings.withdraw, lambda task: rankings.amend(task, answer(task, [2, 1]))])
def test_an_imported_ranking_stays_as_it_was_recorded(project: Project, change: Callable[[Assignment], object]) -> None:
    line = (
        b'{"id": "p1", "prompt": "?", "completions": [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}],'
        b' "rankings": [{"labeler": "ann", "ranks": [1, 2]}]}'
    )
    assert imports.import_lines(project, [line]).rankings == 1
    with pytest.raises(Conflict, match="was imported and stays") as caught:
        change(Assignment.objects.get())
    assert caught.value.code == "imported"


@pytest.mark.django_db
class TestWhatOthersSee:
    """Superseded and withdrawn answers are a record: nothing that counts, exports or freezes sees them."""

    def test_a_frozen_version_stays_and_the_next_has_the_new_revision(
        self, project: Project, assignment: Assignment
    ) -> None:
        def exported(version: Any = None) -> bytes:
            return b"".join(exports.stream_pairs(project, file_format="jsonl", layout="standard", version=version))

        rankings.submit(assignment, answer(assignment, [1, 2, 3, 4]))
        before = datasets.freeze(project)
        content, pairs = datasets.path_of(before).read_bytes(), exported(before)
        amended = rankings.amend(assignment, answer(assignment, [4, 3, 2, 1])).ranking
        before.refresh_from_db()
        assert datasets.path_of(before).read_bytes() == content
        assert exported(before) == pairs != exported()
        after = datasets.freeze(project)
        assert (after.number, after.sha256 != before.sha256, after.n_rankings) == (2, True, 1)
        [group] = datasets.read_groups(after)
        assert [(said["id"], said["ranks"]) for said in group["rankings"]] == [(str(amended.pk), [4, 3, 2, 1])]
        assert exported(after) == exported()

    def test_a_withdrawn_answer_is_in_no_version_and_no_export(self, project: Project, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        rankings.withdraw(assignment)
        with pytest.raises(Invalid, match="Nothing to freeze"):
            datasets.freeze(project)
        assert b"".join(exports.stream_pairs(project, file_format="jsonl", layout="standard")) == b""

    def test_the_overview_counts_what_stands(self, project: Project, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        rankings.amend(assignment, answer(assignment, [1, 1, 2, 2]))
        overview = overview_of(project)
        assert (overview.rankings, overview.pairs, overview.ties, overview.prompts_done) == (1, 4, 2, 1)
        rankings.withdraw(assignment)
        overview = overview_of(project)
        assert (overview.rankings, overview.pairs, overview.ties, overview.prompts_done) == (0, 0, 0, 0)

    def test_agreement_compares_people_as_they_think_now(self) -> None:
        project = make_project(overlap=2)
        make_prompt(project, k=2)
        rank(project, join(project), [1, 2])
        other = rank(project, join(project), [2, 1]).assignment
        assert agreement.project_agreement(project).value == 0.0
        rankings.amend(other, answer(other, [1, 2]))
        found = agreement.project_agreement(project)
        assert (found.value, found.n_pairs) == (1.0, 1)
        rankings.withdraw(other)
        assert agreement.project_agreement(project).n_pairs == 0


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def test_undo_against_a_repeated_answer_leaves_one_whole_outcome(
        self, project: Project, assignment: Assignment
    ) -> None:
        said = answer(assignment)
        for _ in range(5):
            rankings.submit(assignment, said)
            at_once([partial(rankings.submit, assignment, said), partial(rankings.withdraw, assignment)] * 2)
            assignment.refresh_from_db()
            live = Ranking.objects.filter(assignment=assignment, live=True).count()
            assert (assignment.state, live) in (("ranked", 1), ("claimed", 0))
            assert PreferencePair.objects.count() == 6 * live
        revisions = list(Ranking.objects.values_list("revision", flat=True))
        assert revisions == list(range(1, len(revisions) + 1))

    def test_each_amendment_is_a_revision_and_the_last_one_stands(self, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        orders = [[4, 3, 2, 1], [1, 1, 1, 2], [2, 1, 4, 3]]
        submitted = at_once([partial(rankings.amend, assignment, answer(assignment, order)) for order in orders])
        assert sorted(one.ranking.revision for one in submitted) == [2, 3, 4]
        [standing] = Ranking.objects.filter(live=True)
        assert standing.revision == Ranking.objects.count()
        assert set(PreferencePair.objects.values_list("ranking", flat=True)) == {standing.pk}

    def test_the_same_amendment_eight_times_is_one_revision(self, assignment: Assignment) -> None:
        rankings.submit(assignment, answer(assignment))
        submitted = at_once([partial(rankings.amend, assignment, answer(assignment, [4, 3, 2, 1]))] * 8)
        assert sum(one.created for one in submitted) == 1
        assert Ranking.objects.count() == 2
        assert PreferencePair.objects.count() == 6

    def test_a_version_frozen_meanwhile_has_one_answer_of_each_task(
        self, project: Project, assignment: Assignment
    ) -> None:
        rankings.submit(assignment, answer(assignment))
        orders = [[4, 3, 2, 1], [1, 1, 1, 2]]
        changes = [partial(rankings.amend, assignment, answer(assignment, order)) for order in orders]
        at_once([*changes, partial(datasets.freeze, project), partial(datasets.freeze, project)])
        for version in project.dataset_versions.all():
            [group] = datasets.read_groups(version)
            assert len(group["rankings"]) == 1
