"""A prompt says when it was last ranked, whatever is done to its rankings and by whom."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import pytest
from django.db import connection, transaction
from django.db.models import Max, Q

from labeling.answers import rankings
from labeling.data.reviewing import cases, decisions
from labeling.data.revising import erasures, revisions
from labeling.data.withdrawing import withdrawals, work
from labeling.errors import PodiumError
from labeling.models import Project, Ranking, ReviewCase, Role, User
from labeling.queue import claims
from tests.factories import claimed, join, make_import, make_project, make_prompt, rank, tiers_of

ROW = (
    '{"id": "%s", "prompt": "Say it.", "completions": [{"id": "a", "text": "One %s"}, {"id": "b", "text": "Two"}],'
    ' "rankings": [%s]}'
)
SAID = '{"labeler": "%s", "ranks": [1, 2]}'


def recounted(project: Project) -> dict[str, datetime | None]:
    newest = Max("rankings__created_at", filter=Q(rankings__live=True))
    return dict(project.prompts.annotate(newest=newest).values_list("external_id", "newest"))


def noted(project: Project) -> dict[str, datetime | None]:
    return dict(project.prompts.values_list("external_id", "last_ranked_at"))


@pytest.fixture
def project(db: None) -> Project:
    return make_project(overlap=3)


def test_it_is_the_moment_of_the_newest_ranking_that_stands(project: Project) -> None:
    make_prompt(project, k=2, external_id="q")
    assert noted(project) == {"q": None}
    first = rank(project, join(project))
    assert noted(project) == {"q": first.created_at}
    second = rank(project, join(project))
    assert noted(project) == {"q": second.created_at}
    rankings.withdraw(second.assignment)
    assert noted(project) == {"q": first.created_at}
    withdrawals.withdraw(project, ["q"])
    assert noted(project) == {"q": None}
    withdrawals.restore(project, ["q"])
    assert noted(project) == {"q": first.created_at}


def test_a_label_writes_its_prompt_once(project: Project) -> None:
    """Each time that a prompt is written all its indexes are."""
    prompt = make_prompt(project, k=2)
    task = claimed(project, join(project))

    def version() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_get_xact_tuples_updated('labeling_prompt'::regclass)")
            return int(cursor.fetchone()[0])

    before = version()
    rankings.submit(task, {"tiers": tiers_of(task)})
    assert version() - before == 1
    prompt.refresh_from_db()
    assert (prompt.ranked, prompt.last_ranked_at) == (1, task.rankings.get().created_at)


def test_of_two_who_rank_at_once_the_later_is_noted(transactional_db: None) -> None:
    project = make_project(overlap=2)
    make_prompt(project, k=2)
    tasks = [claimed(project, join(project)) for _ in range(2)]
    ready = threading.Barrier(2)

    def submit(place: int) -> None:
        try:
            tiers = tiers_of(tasks[place])
            ready.wait()
            rankings.submit(tasks[place], {"tiers": tiers})
        finally:
            connection.close()

    threads = [threading.Thread(target=submit, args=[place]) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert noted(project) == recounted(project)


def test_recorded_rankings_count_of_new_prompts_and_of_known_ones(project: Project) -> None:
    make_import(project, "\n".join([ROW % ("p", "p", SAID % "x"), ROW % ("q", "q", "")]))
    assert noted(project) == recounted(project)
    assert [name for name, moment in noted(project).items() if moment] == ["p"]
    make_import(project, "\n".join([ROW % ("p", "p", f"{SAID % 'x'}, {SAID % 'y'}"), ROW % ("q", "q", SAID % "z")]))
    assert noted(project) == recounted(project)
    assert None not in noted(project).values()


def test_rows_that_are_deleted_count_no_more(project: Project) -> None:
    make_import(project, "\n".join(ROW % (name, name, f"{SAID % 'x'}, {SAID % 'y'}") for name in "pq"))
    with transaction.atomic():
        stands = Ranking.objects.filter(prompt__external_id="p").latest("pk")
        for ranking in Ranking.objects.exclude(pk=stands.pk):
            ranking.pairs.all().delete()
            ranking.ranked.all().delete()
            ranking.delete()
    assert noted(project) == {"p": stands.created_at, "q": None}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_done_a_prompt_says_what_its_rankings_say(project: Project, seed: int) -> None:
    draw = random.Random(seed)
    people = [join(project) for _ in range(4)]
    reviewer = join(project, Role.REVIEWER)
    for name in ("p", "q"):
        make_prompt(project, k=2, external_id=name)
    doing = [_rank, _rank, _rank, _change, _undo, _take_out, _put_back, _import, _work, _work_back, _revise, _decide]
    for _ in range(30):
        act = draw.choice(doing)
        with suppress(PodiumError), transaction.atomic():
            act(project, [*people, reviewer], draw)
        assert noted(project) == recounted(project), act
    erasures.erase(project, project.prompts.get(external_id="p"), confirm="p", by=reviewer)
    assert noted(project) == recounted(project)


def _rank(project: Project, people: Sequence[User], draw: random.Random) -> None:
    if (task := claims.claim(project, draw.choice(people[:-1]))) is not None:
        rankings.submit(task, {"tiers": tiers_of(task)})


def _live(project: Project, draw: random.Random) -> Ranking | None:
    live = list(Ranking.objects.filter(project=project, live=True, source="labeled").order_by("pk"))
    return draw.choice(live) if live else None


def _change(project: Project, _people: Sequence[User], draw: random.Random) -> None:
    if (chosen := _live(project, draw)) is not None:
        rankings.amend(chosen.assignment, {"tiers": tiers_of(chosen.assignment, draw.choice([(1, 2), (2, 1), (1, 1)]))})


def _undo(project: Project, _people: Sequence[User], draw: random.Random) -> None:
    if (chosen := _live(project, draw)) is not None and not Ranking.objects.filter(superseded_by=chosen).exists():
        rankings.withdraw(chosen.assignment)


def _take_out(project: Project, _people: Sequence[User], draw: random.Random) -> None:
    withdrawals.withdraw(project, [draw.choice("pq")])


def _put_back(project: Project, _people: Sequence[User], draw: random.Random) -> None:
    withdrawals.restore(project, ["p", "q"])


def _import(project: Project, _people: Sequence[User], draw: random.Random) -> None:
    make_import(project, ROW % (f"new {draw.random()}", draw.random(), SAID % draw.choice("xyz")))


def _work(project: Project, people: Sequence[User], draw: random.Random) -> None:
    work.withdraw(project, draw.choice(people[:-1]), by=people[-1])


def _work_back(project: Project, people: Sequence[User], draw: random.Random) -> None:
    work.restore(project, draw.choice(people[:-1]))


def _revise(project: Project, people: Sequence[User], draw: random.Random) -> None:
    prompt = project.prompts.get(external_id=draw.choice("pq"))
    revisions.revise(project, prompt, base=prompt.revision, by=people[-1], texts={"a": f"Other {draw.random()}"})


def _decide(project: Project, people: Sequence[User], draw: random.Random) -> None:
    prompt = project.prompts.get(external_id=draw.choice("pq"))
    if (chosen := prompt.rankings.filter(live=True).first()) is not None:
        case = cases.open_case(prompt, ReviewCase.Reason.ASKED, by=people[-1])
        decisions.decide_as(case, chosen, by=people[-1])
