"""Gold and self-repeats as the queue serves them: to whom, how often, and that none of it is data."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from labeling.answers import rankings
from labeling.data.withdrawing import work
from labeling.errors import Conflict
from labeling.models import (
    Assignment,
    CheckResult,
    GoldAnswer,
    LabelerCounter,
    PreferencePair,
    Project,
    Prompt,
    Purpose,
    Ranking,
    ReviewCase,
    User,
)
from labeling.projects import counters
from labeling.quality.checks import golds
from labeling.queue import claims, skips
from tests.factories import claimed, join, make_project, make_prompt, rank, tiers_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def always(project: Project, purpose: str) -> None:
    """Each claim draws a check of this purpose where there is one: the percents go to a half, so twice of it is all."""
    drawn = {Purpose.GOLD: {"gold_percent": 50}, Purpose.REPEAT: {"repeat_percent": 50}}[Purpose(purpose)]
    Project.objects.filter(pk=project.pk).update(
        **{"gold_percent": 0, "repeat_percent": 0, "repeat_after": 0, "repeat_minutes": 0, **drawn}
    )


def make_gold(project: Project, prompt: Prompt | None = None) -> Prompt:
    prompt = prompt or make_prompt(project)
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    known = golds.Known({key: place for place, key in enumerate(keys, start=1)})
    golds.make(project, prompt, known, source=GoldAnswer.Source.TYPED, by=None)
    return prompt


def check(project: Project, labeler: User, purpose: str) -> Assignment:
    """Claims until a check is drawn; ordinary ones are given back, so that they come again."""
    always(project, purpose)
    for _ in range(200):
        task = claimed(project, labeler)
        if Assignment.objects.get(pk=task.pk).purpose == purpose:
            return task
        claims.release(task)
    raise AssertionError(f"no {purpose} was drawn")


def answer(task: Assignment, ranks: tuple[int, ...] = ()) -> Ranking:
    return rankings.submit(task, {"tiers": tiers_of(task, ranks)}).ranking


@pytest.fixture
def project() -> Project:
    return make_project(overlap=2)


class TestGold:
    def test_its_prompt_leaves_the_queue_and_the_counts_and_its_rankings_stay(self, project: Project) -> None:
        prompt, other = make_prompt(project), make_prompt(project)
        ranking = rank(project, join(project))
        golds.make_from(project, ranking, by=None)
        counted = counters.of(project).total
        assert (counted.prompts, counted.gold, counted.held, counted.waiting) == (1, 1, 0, 1)
        assert counted.rankings == 1
        assert PreferencePair.objects.filter(prompt=prompt).count() == 6
        assert claimed(project, join(project)).prompt == other
        assert not counters.differences()
        assert not ReviewCase.objects.exists()

    def test_taken_back_it_is_served_again(self, project: Project) -> None:
        prompt = make_gold(project)
        assert claims.claim(project, join(project)) is None
        assert golds.take_back(project, prompt)
        assert not golds.take_back(project, prompt)
        assert claimed(project, join(project)).prompt == prompt
        assert not counters.differences()

    def test_what_was_held_or_withdrawn_besides_stays_so(self, project: Project) -> None:
        held, withdrawn = make_prompt(project), make_prompt(project)
        claims.cannot_rank(claimed(project, join(project)), "two languages")
        make_gold(project, held)
        make_gold(project, withdrawn)
        Prompt.objects.filter(pk=withdrawn.pk).update(withdrawn_at=timezone.now())
        for prompt in (held, withdrawn):
            golds.take_back(project, prompt)
            prompt.refresh_from_db()
            assert prompt.held_at is not None
        assert not counters.differences()

    def test_it_is_served_to_whoever_never_had_it_and_takes_no_slot(self, project: Project) -> None:
        gold, _other = make_gold(project), make_prompt(project)
        people = [join(project) for _ in range(3)]
        tasks = [check(project, person, Purpose.GOLD) for person in people]
        assert {task.prompt_id for task in tasks} == {gold.pk}
        answer(tasks[0])
        claims.skip(tasks[1], "too long")
        assert all(claimed(project, person).prompt_id != gold.pk for person in people[:2] for _ in range(20))

    def test_nobody_gets_gold_when_nothing_else_is_left(self, project: Project) -> None:
        make_gold(project)
        always(project, Purpose.GOLD)
        labeler = join(project)
        assert all(claims.claim(project, labeler) is None for _ in range(10))
        assert claims.queue_reason(project, labeler).reason == "no_prompts"

    def test_the_prompt_that_was_about_to_be_served_comes_next(self, project: Project) -> None:
        make_gold(project)
        first = make_prompt(project)
        labeler = join(project)
        answer(check(project, labeler, Purpose.GOLD))
        assert claimed(project, labeler).prompt == first

    def test_whoever_made_it_does_not_get_it(self, project: Project) -> None:
        make_prompt(project)
        gold, maker = make_gold(project), join(project, "reviewer")
        GoldAnswer.objects.filter(prompt=gold).update(created_by=maker)
        always(project, Purpose.GOLD)
        for _ in range(20):
            task = claimed(project, maker)
            assert task.prompt != gold
            claims.release(task)

    def test_corrected_texts_have_no_gold(self, project: Project) -> None:
        prompt = make_gold(project)
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM podium_end_rankings_of(%s)", [prompt.pk])
        prompt.refresh_from_db()
        assert prompt.gold_at is None
        assert prompt.held_at is None
        assert not GoldAnswer.objects.exists()


class TestAnAnswer:
    def test_to_a_check_is_no_data_and_looks_the_same(self, project: Project) -> None:
        make_gold(project)
        make_prompt(project)
        labeler = join(project)
        task = check(project, labeler, Purpose.GOLD)
        stored = rankings.submit(task, {"tiers": tiers_of(task, (1, 2, 2, 3))})
        assert (stored.pairs, stored.ties, stored.created) == (5, 1, True)
        ranking = Ranking.objects.get(pk=stored.ranking.pk)
        assert (ranking.live, ranking.stands, ranking.purpose) == (False, True, Purpose.GOLD)
        assert not PreferencePair.objects.exists()
        assert counters.of(project).total.rankings == 0
        assert counters.rankings_by(labeler, [project.pk]) == {project.pk: 1}
        again = rankings.submit(task, {"tiers": tiers_of(task, (1, 2, 2, 3))})
        assert (again.created, again.pairs, again.ties, again.ranking.pk) == (False, 5, 1, ranking.pk)
        with pytest.raises(Conflict, match="differently"):
            rankings.submit(task, {"tiers": tiers_of(task)})
        assert not counters.differences()

    def test_can_be_changed_and_taken_back(self, project: Project) -> None:
        make_gold(project)
        make_prompt(project)
        labeler = join(project)
        task = check(project, labeler, Purpose.GOLD)
        answer(task)
        changed = rankings.amend(task, {"tiers": tiers_of(task, (4, 3, 2, 1))})
        assert (changed.ranking.revision, changed.pairs) == (2, 6)
        assert CheckResult.objects.get().ranking_id == changed.ranking.pk
        open_again = rankings.withdraw(task)
        assert open_again.state == Assignment.State.CLAIMED
        assert open_again.draft
        assert not CheckResult.objects.exists()
        assert not Ranking.objects.filter(ended_at=None).exists()
        assert LabelerCounter.objects.get(labeler=labeler).checks == 0
        assert answer(task).revision == 3
        assert not counters.differences()

    def test_that_ran_out_can_still_be_given(self, project: Project) -> None:
        make_gold(project)
        make_prompt(project)
        task = check(project, join(project), Purpose.GOLD)
        Assignment.objects.filter(pk=task.pk).update(state="expired", expires_at=timezone.now() - HOUR)
        assert answer(task).revision == 1

    def test_of_a_person_whose_work_is_withdrawn_ends_and_comes_back_with_it(self, project: Project) -> None:
        make_gold(project)
        make_prompt(project)
        labeler = join(project)
        answer(check(project, labeler, Purpose.GOLD))
        rank(project, labeler)
        done = work.withdraw(project, labeler, by=None)
        assert done.rankings == 1
        assert not Ranking.objects.filter(ended_at=None).exists()
        back = work.restore(project, labeler)
        assert (back.rankings, back.kept) == (1, 0)
        assert sorted(Ranking.objects.filter(ended_at=None).values_list("purpose", "live")) == [
            ("gold", False), ("label", True),
        ]  # fmt: skip
        assert not counters.differences()


class TestCantRank:
    def test_of_gold_is_a_doubt_and_no_review(self, project: Project) -> None:
        gold = make_gold(project)
        make_prompt(project)
        task = check(project, join(project), Purpose.GOLD)
        claims.cannot_rank(task, "two languages")
        assert CheckResult.objects.get().doubted
        assert not ReviewCase.objects.exists()
        held = Prompt.objects.get(pk=gold.pk)
        assert held.held_reason == ""
        assert held.held_at == held.gold_at
        assert skips.take_up(task).state == Assignment.State.CLAIMED
        assert not CheckResult.objects.exists()

    def test_it_can_be_taken_back_as_long_as_of_any_other(self, project: Project) -> None:
        make_gold(project)
        make_prompt(project)
        task = check(project, join(project), Purpose.GOLD)
        claims.cannot_rank(task, "two languages")
        Assignment.objects.filter(pk=task.pk).update(finished_at=timezone.now() - HOUR)
        with pytest.raises(Conflict) as refused:
            skips.take_up(task)
        assert refused.value.code == "prompt_set_aside"


class TestRepeats:
    @pytest.fixture
    def labeler(self, project: Project) -> User:
        for _ in range(8):
            make_prompt(project)
        return join(project)

    def test_one_comes_again_once_newly_shuffled_and_touches_nothing_of_the_first(
        self, project: Project, labeler: User
    ) -> None:
        first = rank(project, labeler)
        task = check(project, labeler, Purpose.REPEAT)
        assert task.prompt_id == first.prompt_id
        assert task.pk != first.assignment_id
        assert task.seed != first.assignment.seed
        answer(task, (4, 3, 2, 1))
        first.refresh_from_db()
        assert first.live
        assert PreferencePair.objects.filter(ranking=first).count() == 6
        prompt = Prompt.objects.get(pk=first.prompt_id)
        assert prompt.ranked == 1
        assert not prompt.disagrees
        seen = []
        for _ in range(20):
            other = claimed(project, labeler)
            seen.append(Assignment.objects.get(pk=other.pk).purpose)
            claims.release(other)
        assert set(seen) == {"label"}
        assert not counters.differences()

    def test_none_before_its_time_or_while_its_prompt_is_held(self, project: Project, labeler: User) -> None:
        ranking = rank(project, labeler)
        always(project, Purpose.REPEAT)

        def drawn() -> set[str]:
            found = set()
            for _ in range(25):
                task = claimed(project, labeler)
                found.add(Assignment.objects.get(pk=task.pk).purpose)
                claims.release(task)
            return found

        Project.objects.filter(pk=project.pk).update(repeat_minutes=60)
        assert drawn() == {"label"}
        Project.objects.filter(pk=project.pk).update(repeat_minutes=0, repeat_after=1)
        assert drawn() == {"label"}
        Project.objects.filter(pk=project.pk).update(repeat_after=0)
        Prompt.objects.filter(pk=ranking.prompt_id).update(held_at=timezone.now())
        assert drawn() == {"label"}
        Prompt.objects.filter(pk=ranking.prompt_id).update(held_at=None)
        assert drawn() == {"label", "repeat"}

    def test_a_skipped_one_asks_no_reviewer(self, project: Project, labeler: User) -> None:
        rank(project, labeler)
        claims.skip(check(project, labeler, Purpose.REPEAT), "had it")
        assert not ReviewCase.objects.exists()

    def test_one_that_lapsed_stays_the_labelers(self, project: Project, labeler: User) -> None:
        rank(project, labeler)
        task = check(project, labeler, Purpose.REPEAT)
        claims.release(task)
        assert answer(task).purpose == Purpose.REPEAT


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_each_gets_gold_and_repeats_at_their_rate_and_no_prompt_more_than_its_overlap(self) -> None:
        """Of n draws at p the number is within 5 standard deviations but once in 1.7 million."""
        project = make_project(overlap=2)
        first = make_prompt(project, k=2)
        for _ in range(159):
            make_prompt(project, k=2)
        for _ in range(60):
            make_gold(project, make_prompt(project, k=2))
        Project.objects.filter(pk=project.pk).update(
            gold_percent=20, repeat_percent=20, repeat_after=3, repeat_minutes=0
        )
        people = [join(project) for _ in range(8)]
        told = at_once([partial(work_through, project, person, 30) for person in people])
        acknowledged = [key for keys in told for key in keys]
        assert len(acknowledged) == 240 == Ranking.objects.filter(pk__in=acknowledged, ended_at=None).count()
        drawn = Counter(Ranking.objects.values_list("purpose", flat=True))
        for purpose in ("gold", "repeat"):
            assert abs(drawn[purpose] - 48) <= 5 * (240 * 0.2 * 0.8) ** 0.5, drawn
        assert not Prompt.objects.extra(where=["ranked > overlap"]).exists()
        had = Counter(Assignment.objects.values_list("prompt", "labeler", "purpose"))
        assert set(had.values()) == {1}
        both = Counter((prompt, labeler) for prompt, labeler, purpose in had if purpose != "repeat")
        assert set(both.values()) == {1}
        assert first.pk in {prompt for prompt, _labeler in both}
        assert counters.of(project).total.rankings == drawn["label"]
        assert not counters.differences()


def work_through(project: Project, labeler: User, n: int) -> list[int]:
    return [rank(project, labeler).pk for _ in range(n)]


class TestCost:
    def test_a_claim_reads_no_further_of_whoever_answered_thousands(self, project: Project) -> None:
        """Ten times as many rankings and golds: the same number of rows and no more of the index."""
        labeler = join(project)
        Project.objects.filter(pk=project.pk).update(repeat_after=20, repeat_minutes=0)
        read = []
        for n in (300, 3_000):
            fill_answered(project, labeler, n)
            read.append(max(rows_read(project, labeler, place) for place in (0.0, 0.5, 0.99)))
        assert read[1] <= read[0] + 20, read
        assert read[1] < 600, read


def fill_answered(project: Project, labeler: User, n: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ANSWERED, {"project": project.pk, "labeler": labeler.pk, "rows": n})
        cursor.execute("ANALYZE labeling_prompt, labeling_assignment, labeling_ranking, labeling_goldanswer")


# Half of all were had a second time, and each was answered when it was made.
ANSWERED = """
WITH prompt AS (
    INSERT INTO labeling_prompt (project_id, external_id, messages, content_sha256, split, overlap, metadata,
                                 created_at, held_reason)
    SELECT %(project)s, 'many ' || n || ' of ' || %(rows)s, '[]', md5(n::text), 'train', 1, '{}', now(), ''
    FROM generate_series(1, %(rows)s) n RETURNING id
), task AS (
    INSERT INTO labeling_assignment (prompt_id, labeler_id, state, purpose, slot, overlap, seed, shown_order,
                                     draft_revision, skip_reason, claimed_at, expires_at, finished_at)
    SELECT id, %(labeler)s, 'ranked', said.purpose, 1, 1, 1, '[]', 0, '', now(), now(), now()
    FROM prompt, (VALUES ('label'), ('repeat')) AS said (purpose) WHERE purpose = 'label' OR id %% 2 = 0
    RETURNING id, prompt_id, purpose
)
INSERT INTO labeling_ranking (assignment_id, prompt_id, labeler_id, purpose, revision, live, source, comment,
                              payload_sha256, created_at)
SELECT id, prompt_id, %(labeler)s, purpose, 1, purpose = 'label', 'labeled', '', '', now() - interval '1 hour' FROM task
"""


def rows_read(project: Project, labeler: User, place: float) -> int:
    """Counts what one look for a repeat reads, by the statistics of the tables."""
    tables = ("labeling_prompt", "labeling_assignment", "labeling_ranking")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        before = _read(cursor, tables)
        cursor.execute("SELECT podium_repeat_for(%s, %s, NULL, %s, 20, now(), '{0}')", [project.pk, labeler.pk, place])
        assert cursor.fetchone() != (None,)
        return _read(cursor, tables) - before


def _read(cursor: object, tables: tuple[str, ...]) -> int:
    cursor.execute(  # type: ignore[attr-defined]
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_all_tables WHERE relname = ANY(%s)",
        [list(tables)],
    )
    [(n,)] = cursor.fetchall()  # type: ignore[attr-defined]
    return int(n)
