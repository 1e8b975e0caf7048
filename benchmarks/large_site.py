"""A large project by SQL, in rows as the product writes them: what benchmarks/pages.py and benchmarks/queue look at.

    with large_site.server():
        site = large_site.fill(prompts=1_000_000, rankings=200_000)

A million prompts of four completions and 200,000 rankings take minutes. Foreign keys are not checked while the rows
come (they are right by construction, and a check of each row takes longer than the row); every other trigger runs.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import gcd
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from formats.evaluation_report.report import Report
    from labeling.models import Project, User
    from rewardtrain.models import TrainingRun

FLAGS = ({"name": "hateful", "label": "Hateful"}, {"name": "wrong", "label": "Wrong"})
FLAGS_OF_ONE = 2 / 5  # of the rankings are flagged; a half of a percent of the prompts is held
DAYS = 120  # from the first import until today
STEP = 7919  # a prime: prompt n of those ranked is its labeler's n * STEP, so that everybody's are spread over time

# Statements in their order: what each writes, and it.
PROMPTS = """
INSERT INTO labeling_prompt (project_id, external_id, messages, content_sha256, split, overlap, metadata, created_at,
                             held_at, held_reason)
SELECT %(project)s, 'row-' || n,
       jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'How would you explain number ' || n || ' to '
           || (ARRAY['a child', 'a friend', 'an engineer', 'your neighbour', 'a court'])[1 + n %% 5] || '?')),
       encode(sha256(convert_to(%(project)s || '/' || n, 'UTF8')), 'hex'),
       CASE n * 7 %% 10 WHEN 1 THEN 'test' WHEN 2 THEN 'validation' ELSE 'train' END, %(overlap)s,
       jsonb_build_object('topic', n %% 20), %(first_day)s + n %% 5 * interval '1 day',
       CASE WHEN n > %(ranked)s AND n %% 200 = 0 THEN now() - n %% 100 * interval '1 day' END,
       CASE WHEN n > %(ranked)s AND n %% 200 = 0 THEN 'not a question' ELSE '' END
FROM generate_series(1, %(prompts)s) n ORDER BY n
"""
COMPLETIONS = """
INSERT INTO labeling_completion (prompt_id, external_id, text, model_name, position)
SELECT prompt.id, chr(97 + place), 'Answer ' || chr(97 + place) || ' to ' || prompt.external_id
           || CASE place %% 3 WHEN 0 THEN ': it is less than you think.' ELSE ', in a few more words than that.' END,
       'model-' || place, place
FROM labeling_prompt prompt, generate_series(0, %(completions)s - 1) place
WHERE prompt.project_id = %(project)s ORDER BY prompt.id, place
"""
# Ranking n of a prompt is another labeler's: numbers of one prompt lie `ranked` apart, and nobody has more than that.
ASSIGNMENTS = """
INSERT INTO labeling_assignment (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, keys_shown, draft,
                                 draft_revision, skip_reason, claimed_at, expires_at, finished_at)
SELECT prompt.id, (%(labelers)s::bigint[])[1 + width_bucket(turn * %(ranked)s + place * %(step)s %% %(ranked)s,
                                                            %(bounds)s::bigint[])],
       'ranked', turn + 1, prompt.overlap, hashint8extended(prompt.id, turn) & 9223372036854775807,
       shown.keys, false, NULL, 1, '', at - interval '1 minute', at + interval '19 minutes', at
FROM (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM labeling_prompt
      WHERE project_id = %(project)s ORDER BY id LIMIT %(ranked)s) prompt
CROSS JOIN generate_series(0, %(each)s - 1) turn
CROSS JOIN LATERAL (SELECT jsonb_agg(id ORDER BY hashint8extended(id, turn)) AS keys FROM labeling_completion
                    WHERE prompt_id = prompt.id) shown
CROSS JOIN LATERAL (SELECT now() - %(days)s * interval '1 day' * (1 - (place + 1) / %(ranked)s::float) AS at) moment
ORDER BY place, turn
"""
RANKINGS = """
INSERT INTO labeling_ranking (assignment_id, prompt_id, labeler_id, revision, live, source, comment, strength,
                              active_seconds, payload_sha256, created_at)
SELECT id, prompt_id, labeler_id, 1, true, 'labeled', CASE id %% 20 WHEN 0 THEN 'Both begin well.' ELSE '' END, NULL,
       20 + seed %% 90, encode(sha256(convert_to(id::text, 'UTF8')), 'hex'), finished_at
FROM labeling_assignment WHERE state = 'ranked' AND id > %(before)s ORDER BY id
"""
# Texts are the better the later they stand in the file, as people see it with some noise; close ones tie.
RANKED = """
INSERT INTO labeling_rankedcompletion (ranking_id, completion_id, prompt_id, rank, shown_position, flags, note)
SELECT ranking.id, completion.id, ranking.prompt_id,
       rank() OVER (PARTITION BY ranking.id ORDER BY liked), shown.position - 1,
       CASE WHEN ranking.id %% 10 = completion.position THEN '{"hateful": true}' ELSE '{}' END::jsonb,
       CASE WHEN ranking.id %% 50 = completion.position THEN 'It makes that up.' ELSE '' END
FROM labeling_ranking ranking
JOIN labeling_assignment assignment ON assignment.id = ranking.assignment_id
CROSS JOIN LATERAL jsonb_array_elements_text(assignment.shown_order) WITH ORDINALITY AS shown(key, position)
JOIN labeling_completion completion ON completion.id = shown.key::bigint
CROSS JOIN LATERAL (SELECT completion.position * 40 + hashint8extended(completion.id, ranking.id) %% 60 AS liked) worth
WHERE ranking.assignment_id > %(before)s
ORDER BY ranking.id, shown.position
"""
PAIRS = """
INSERT INTO labeling_preferencepair (project_id, prompt_id, ranking_id, labeler_id, chosen_id, rejected_id, rank_gap,
                                     chosen_position, rejected_position, created_at)
SELECT %(project)s, ranking.prompt_id, ranking.id, ranking.labeler_id, better.completion_id, worse.completion_id,
       worse.rank - better.rank, better.shown_position, worse.shown_position, ranking.created_at
FROM labeling_ranking ranking
JOIN labeling_rankedcompletion better ON better.ranking_id = ranking.id
JOIN labeling_rankedcompletion worse ON worse.ranking_id = ranking.id AND worse.rank > better.rank
WHERE ranking.assignment_id > %(before)s
ORDER BY ranking.id, better.rank, worse.rank, better.id, worse.id
"""
SKIPS = """
INSERT INTO labeling_assignment (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, keys_shown,
                                 draft_revision, skip_reason, claimed_at, expires_at, finished_at)
SELECT prompt.id, (%(labelers)s::bigint[])[1], 'skipped', 1, prompt.overlap, prompt.id, shown.keys, false, 0,
       prompt.held_reason, held_at - interval '1 minute', held_at, held_at
FROM labeling_prompt prompt
CROSS JOIN LATERAL (SELECT jsonb_agg(id ORDER BY id) AS keys FROM labeling_completion WHERE prompt_id = prompt.id) shown
WHERE project_id = %(project)s AND held_at IS NOT NULL
ORDER BY prompt.id
"""
TABLES = ("prompt", "completion", "assignment", "ranking", "rankedcompletion", "preferencepair")


@dataclass(frozen=True)
class Site:
    project: Project
    manager: User
    reviewer: User
    labelers: list[User]  # of falling amounts
    seconds: float  # that the rows took


def fill(
    *,
    prompts: int = 1_000_000,
    completions: int = 4,
    rankings: int = 200_000,
    each: int = 1,
    overlap: int = 0,
    labelers: int | Sequence[int] = 20,
    answers: bool = True,
    models: int = 0,
    slug: str = "large",
) -> Site:
    """Makes a project of so many prompts, the first of them ranked, and so many models of it.

    each: how many people ranked each ranked prompt; overlap: how many must, as many unless more is said. labelers: how
    many people, of whom the first ranked the most, or how much each of them ranked: labelers=[50_000, 0] with
    rankings=50_000 and overlap=2 is one labeler who has had all that is begun, and one for whom it is open.
    answers=False leaves out what a ranking says (its places and pairs): the queue reads none of it.
    """
    began = time.perf_counter()
    site = _people(slug, len(_amounts(rankings, labelers)), max(overlap, each))
    ranked, values = _values(site, prompts, completions, rankings, each, _amounts(rankings, labelers))
    steps = [PROMPTS, COMPLETIONS]
    if ranked:
        steps += [ASSIGNMENTS, *([RANKINGS, RANKED, PAIRS] if answers else [])]
    _write([*steps, SKIPS], values)
    if models:
        make_models(site.project, models)
    return Site(site.project, site.manager, site.reviewer, site.labelers, time.perf_counter() - began)


def _amounts(rankings: int, labelers: int | Sequence[int]) -> list[int]:
    """Gives how much each person ranks, the first the most: 1, 1/2, 1/3 of the first's, and the rest to the last."""
    if not isinstance(labelers, int):
        if sum(labelers) != rankings:
            raise ValueError(f"Labelers with {sum(labelers):,} rankings together can't have ranked {rankings:,}.")
        return list(labelers)
    whole = sum(1 / place for place in range(1, labelers + 1))
    amounts = [int(rankings / whole / place) for place in range(1, labelers)]
    return [*amounts, rankings - sum(amounts)]


def _people(slug: str, labelers: int, overlap: int) -> Site:
    from labeling.models import Role
    from tests.factories import join, make_project, make_user

    manager = make_user(f"manager-of-{slug}")
    project = make_project(manager=manager, slug=slug, flags=FLAGS, overlap=overlap)
    reviewer = join(project, Role.REVIEWER, f"reviewer-of-{slug}")
    people = [join(project, Role.LABELER, f"labeler-{place}-of-{slug}") for place in range(labelers)]
    return Site(project, manager, reviewer, people, 0.0)


def _values(
    site: Site, prompts: int, completions: int, rankings: int, each: int, amounts: list[int]
) -> tuple[int, dict[str, Any]]:
    from datetime import timedelta

    from django.db.models import Max
    from django.utils import timezone

    from labeling.models import Assignment

    ranked = rankings // each
    if ranked > prompts or (each > 1 and max(amounts) > ranked):
        raise ValueError(f"{rankings:,} rankings, {each} a prompt, need more prompts or more people.")
    values = {
        "project": site.project.pk, "prompts": prompts, "completions": completions, "overlap": site.project.overlap,
        "ranked": ranked, "each": each, "days": DAYS - 5, "first_day": timezone.now() - timedelta(days=DAYS),
        "labelers": [person.pk for person in site.labelers], "bounds": list(accumulate(amounts))[:-1] or [rankings],
        "step": STEP if gcd(STEP, ranked or 1) == 1 else 1,
        "before": Assignment.objects.aggregate(last=Max("pk"))["last"] or 0,
    }  # fmt: skip
    return ranked, values


def _write(statements: Sequence[str], values: dict[str, Any]) -> None:
    """Writes all, then looks at the tables as autovacuum does in the hours that they take in life."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE labeling_{table} DISABLE TRIGGER ALL")  # those of foreign keys too
            cursor.execute(f"ALTER TABLE labeling_{table} ENABLE TRIGGER USER")
        try:
            for statement in statements:
                cursor.execute(statement, values)
                cursor.execute("ANALYZE labeling_prompt, labeling_completion, labeling_assignment, labeling_ranking")
        finally:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE labeling_{table} ENABLE TRIGGER ALL")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("RESET synchronous_commit")


def make_models(project: Project, count: int) -> None:
    """Registers so many models as runs had made them, each of a version of its own; every tenth was promoted.

    Versions were frozen as the rankings came, so that the champion has learnt from most and not from the latest.
    """
    from django.db import transaction

    from rewardtrain.models import RunPoint
    from rewardtrain.registry import champions

    first, last = _rankings(project)
    for place in range(count):
        frozen = first + (last - first) * (place + 1) // (count + 1)
        run, champion = _run(project, place, frozen), champions.champion(project)
        RunPoint.objects.bulk_create(RunPoint(run=run, step=step, loss=0.7 - step / 1000) for step in range(1, 101))
        with transaction.atomic():
            model = champions.register(
                run,
                folder=f"{run.folder}/out/model",
                manifest_sha256="0" * 64,
                report=_report(place % 4),
                baseline_pk=champion.pk if champion else None,
            )
        if place % 10 == 0:
            champions.promote(model, by=project.created_by, reason="the next", past_gate=True)


def _rankings(project: Project) -> tuple[int, int]:
    """Gives the keys of the first and the last, 0 where there is none."""
    from django.db.models import Max, Min

    from labeling.models import PreferencePair

    ends = PreferencePair.objects.filter(project=project).aggregate(first=Min("ranking"), last=Max("ranking"))
    return ends["first"] or 0, ends["last"] or 0


def _run(project: Project, place: int, last_ranking: int) -> TrainingRun:
    from django.utils import timezone

    from labeling.models import DatasetVersion
    from rewardtrain.core.config import TrainConfig
    from rewardtrain.models import TrainingRun

    number, now = place + 1, timezone.now()
    counts = {"train": {"prompts": 100 * number, "rankings": 100 * number, "pairs": 600 * number, "ties": 0}}
    version = DatasetVersion.objects.create(
        project=project, number=number, file="none", sha256="0" * 64, bytes=0, counts=counts, n_prompts=100 * number,
        n_rankings=100 * number, n_pairs=600 * number, last_ranking_id=last_ranking,
    )  # fmt: skip
    return TrainingRun.objects.create(
        project=project, number=number, dataset_version=version, depth=("full", "head")[place % 2], trigger="manual",
        state="succeeded", training=TrainConfig().to_dict(), folder=f"projects/{project.pk}/runs/{number}",
        started_at=now, heartbeat_at=now, finished_at=now,
    )  # fmt: skip


@cache
def _report(place: int) -> Report:
    from tests.reports import draw_report

    return draw_report(n_prompts=140, skill=0.5 + place / 20, champion_skill=0.5, flag="hateful", seed=place)


@contextmanager
def server() -> Iterator[None]:
    """Sets up Django and runs its embedded PostgreSQL, with today's tables, in a folder that goes with it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django
    from django.conf import settings

    django.setup()
    from django.core.management import call_command

    from config.servers import embedded

    try:
        with embedded.running(settings.DATA_DIR):
            call_command("migrate", verbosity=0)
            yield
    finally:
        shutil.rmtree(settings.DATA_DIR, ignore_errors=True)  # gigabytes
