"""Rows for tests, with as few words as a test needs."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from itertools import count

from django.db.models import F
from django.utils import timezone

from formats.prompts import prompt_key, split_of
from labeling.answers import pairs, rankings
from labeling.answers.submissions import Submission
from labeling.data.importing.background import import_files, import_jobs, import_worker
from labeling.models import (
    Assignment,
    Completion,
    Import,
    Membership,
    Project,
    Prompt,
    RankedCompletion,
    Ranking,
    Role,
    User,
)
from labeling.projects.projects import create_project
from labeling.queue import claims, shown_ids, slots

_numbers = count(1)
PASSWORD = "correct-horse-battery"


def make_user(username: str = "", *, superuser: bool = False) -> User:
    username = username or f"user{next(_numbers)}"
    return User.objects.create_user(username, password=PASSWORD, is_superuser=superuser, is_staff=superuser)


def make_project(
    *,
    manager: User | None = None,
    slug: str = "",
    kind: str = Project.Kind.RANKING,
    flags: Sequence[dict[str, str]] = (),
    ask_strength: bool = False,
    overlap: int = 1,
    extra_percent: int = 0,
    extra_overlap: int = 3,
) -> Project:
    slug = slug or f"project-{next(_numbers)}"
    return create_project(
        by=manager or make_user(f"manager-of-{slug}"),
        slug=slug,
        name=slug.title(),
        kind=kind,
        flags=flags,
        ask_strength=ask_strength,
        overlap=overlap,
        extra_percent=extra_percent,
        extra_overlap=extra_overlap,
        # By default a few percent of tasks are checks, drawn at random: a test says when it wants one.
        gold_percent=0,
        repeat_percent=0,
    )


def join(project: Project, role: str = Role.LABELER, username: str = "") -> User:
    user = make_user(username)
    Membership.objects.create(project=project, user=user, role=role)
    return user


def make_prompt(
    project: Project,
    *,
    k: int = 4,
    external_id: str = "",
    question: str | None = None,
    texts: Sequence[str] = (),
    split: str | None = None,
) -> Prompt:
    external_id = external_id or f"prompt-{next(_numbers)}"
    messages = [{"role": "user", "content": f"Question {external_id}?" if question is None else question}]
    key = prompt_key(((message["role"], message["content"]) for message in messages), texts)
    prompt = Prompt.objects.create(
        project=project,
        external_id=external_id,
        messages=messages,
        content_sha256=key,
        split=split or split_of(key),
        overlap=project.overlap_of(key),
    )
    Completion.objects.bulk_create(
        Completion(
            prompt=prompt,
            external_id="abcdefghij"[position],
            text=text,
            model_name=f"secret-model-{position}",
            position=position,
        )
        for position, text in enumerate(texts or [f"Answer {letter} to {external_id}" for letter in "abcdefghij"[:k]])
    )
    return prompt


def claimed(project: Project, labeler: User) -> Assignment:
    assignment = claims.claim(project, labeler)
    assert assignment is not None, "nothing to claim"
    return assignment


def ids_of(assignment: Assignment) -> list[str]:
    """The completions' ids as the labeler sees them, in the order shown."""
    return list(shown_ids.all_of(assignment))


def tiers_of(assignment: Assignment, ranks: Sequence[int] = ()) -> list[list[str]]:
    """Tiers for the completions in imported order: ranks (1, 2, 2, 3) give [[a], [b, c], [d]]."""
    keys = assignment.prompt.completions.order_by("position").values_list("pk", flat=True)
    ids = [shown_ids.of(assignment, key) for key in keys]
    ranks = ranks or range(1, len(ids) + 1)
    return [[name for name, own in zip(ids, ranks, strict=True) if own == rank] for rank in sorted(set(ranks))]


def rank(project: Project, labeler: User, ranks: Sequence[int] = ()) -> Ranking:
    """The labeler takes the next prompt and ranks it."""
    assignment = claimed(project, labeler)
    return rankings.submit(assignment, {"tiers": tiers_of(assignment, ranks)}).ranking


def rank_next(project: Project, labeler: User, n: int) -> list[Ranking]:
    """The labeler ranks the next n prompts, as rank() does one by one, in a handful of statements for all of them.

    One by one a ranking takes 15 ms, and many tests begin with dozens. Nobody may hold one of these prompts.
    """
    had = Assignment.objects.filter(labeler=labeler, state__in=("claimed", "ranked", "skipped")).values("prompt")
    waiting = Prompt.objects.filter(project=project, held_at=None, ranked__lt=F("overlap")).exclude(pk__in=had)
    prompts = list(waiting.order_by("-priority", "pk").prefetch_related("completions")[:n])
    assert len(prompts) == n, f"{len(prompts)} to rank, not {n}"
    assert not Assignment.objects.filter(prompt__in=prompts, state="claimed").exists()
    keys = {prompt.pk: [completion.pk for completion in prompt.completions.all()] for prompt in prompts}
    seeds = {prompt.pk: secrets.randbelow(2**63) for prompt in prompts}
    assignments = Assignment.objects.bulk_create(
        Assignment(
            prompt=prompt,
            labeler=labeler,
            state="ranked",
            slot=prompt.ranked + 1,
            overlap=prompt.overlap,
            seed=seeds[prompt.pk],
            shown_order=slots.shuffled(keys[prompt.pk], seeds[prompt.pk]),
            expires_at=timezone.now() + claims.lease_of(project),
            finished_at=timezone.now(),
        )
        for prompt in prompts
    )
    tiers = {prompt: tuple((str(key),) for key in of_prompt) for prompt, of_prompt in keys.items()}
    made = Ranking.objects.bulk_create(
        Ranking(
            assignment=assignment,
            prompt_id=assignment.prompt_id,
            labeler=labeler,
            payload_sha256=Submission(tiers[assignment.prompt_id], {}, "", None).digest(),
        )
        for assignment in assignments
    )
    RankedCompletion.objects.bulk_create(
        RankedCompletion(
            ranking=ranking,
            completion_id=key,
            prompt_id=ranking.prompt_id,
            rank=keys[ranking.prompt_id].index(key) + 1,
            shown_position=position,
        )
        for ranking, assignment in zip(made, assignments, strict=True)
        for position, key in enumerate(assignment.shown_order)
    )
    pairs.expand([ranking.pk for ranking in made])
    return made


def answer(project: Project, labeler: User, **flags: bool) -> Ranking:
    """The labeler takes the next text of a classification and answers each of its questions."""
    assignment = claimed(project, labeler)
    said = {pk: flags for [pk] in tiers_of(assignment)}
    return rankings.submit(assignment, {"tiers": tiers_of(assignment), "flags": said}).ranking


def make_import(project: Project, lines: str, *, work: bool = True) -> Import:
    """An import of these lines, done."""
    received = import_files.receive(project, io.BytesIO(lines.encode()))
    job = import_jobs.receive(project, received, file_name="rows.jsonl", start=True, by=project.created_by)
    if work:
        import_worker.work(job.pk)
    job.refresh_from_db()
    return job
