"""A project of which every page and every list has n rows to show, and so has whatever stands in a row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.core.files.storage import storages
from django.db.models import F
from django.utils import timezone

from labeling.answers import rankings
from labeling.answers.search import texts
from labeling.data.importing import imports
from labeling.data.versions.datasets import freeze
from labeling.models import (
    Assignment,
    Attempts,
    BulkAct,
    CheckResult,
    Cohort,
    CohortMember,
    DatasetVersion,
    Import,
    Membership,
    PersonErasure,
    Project,
    ProjectDeletion,
    Prompt,
    PromptErasure,
    PromptRevision,
    QualificationAnswer,
    QualificationAttempt,
    Ranking,
    ReplacedFile,
    Role,
    SavedView,
    User,
    VersionLink,
    VersionNote,
    WorkWithdrawal,
)
from labeling.people import invitations
from labeling.quality.checks import golds
from labeling.queue import claims
from rewardtrain.models import (
    AutoLabelJob,
    BestOfJob,
    ModelPreference,
    Promotion,
    PromptScore,
    RetrainPolicy,
    RewardModel,
    RunPoint,
)
from rewardtrain.registry import champions
from tests.factories import claimed, make_import, make_project, make_prompt, make_user, tiers_of
from tests.reports import draw_flag_report, draw_report
from tests.rewardtrain.conftest import make_best_of, make_model, make_run, make_version

K = 3
FLAGS = ({"name": "hateful", "label": "Hateful"}, {"name": "wrong", "label": "Wrong"})


@dataclass(frozen=True)
class Shown:
    """The project, who may look at it, and what stands behind each part of an address."""

    n: int
    project: Project
    people: dict[str, User]
    ranked: Assignment  # the labeler's, changed n times
    open: Assignment  # the labeler's
    token: str

    @property
    def case(self) -> dict[str, object]:
        key = self.project.review_cases.earliest("pk").pk
        return {"case_id": key, "case": key}

    @property
    def cohort(self) -> int:
        return self.project.cohorts.earliest("pk").pk

    @property
    def values(self) -> list[dict[str, object]]:
        """What stands behind the parts of addresses: what has ended, and what is open or at work."""
        prompt = self.project.prompts.earliest("pk")
        always = {
            "slug": self.project.slug, "prompt_id": prompt.pk, **self.case,
            "username": "nobody", "token": self.token,
            "version": 1, "invitation": 1, "invitation_id": 1, "external_id": prompt.external_id,
            "link": 1, "link_id": 1, "place": 0, "layout": "podium", "view_id": 1,
            "person_id": self.ranked.labeler_id, "person": self.ranked.labeler_id,
            "cohort_id": self.cohort, "cohort": self.cohort,
        }  # fmt: skip
        return [
            {**always, "number": number, "pk": task.pk, "assignment_id": task.pk}
            for number, task in ((1, self.ranked), (self.n + 1, self.open))
        ]


def furnish(n: int, kind: str) -> Shown:
    slug = f"{kind}-{n}"
    manager, labeler = make_user(f"manager-of-{slug}"), make_user(f"labeler-of-{slug}")
    project = make_project(manager=manager, slug=slug, kind=kind, flags=FLAGS, overlap=50)
    administrator = make_user(f"administrator-{slug}", superuser=True)
    _prompts(project, n)
    Membership.objects.create(project=project, user=labeler, role=Role.LABELER)
    ranked = _answers(project, labeler, n)
    for _ in range(n):
        claims.skip(claimed(project, labeler), "not my field")
        claims.cannot_rank(claimed(project, labeler), "not a question")
    frozen = freeze(project)
    if not storages["models"].exists("none"):
        with storages["models"].open(frozen.file) as file:
            storages["models"].save("none", file)  # what the rows of versions that nobody froze name
    _models(project, n)
    _of_versions(project, frozen, n)
    _labels(project, n)
    _uploads(project, n)
    _imports(project, n)
    _bulk_acts(project, n)
    _saved_views(project, n)
    _golds(project, n)
    _qualification(project, labeler, n)
    _cohorts(project, n)
    token = _invitations(project, n)
    _elsewhere((manager, labeler), n, slug)
    _revisions(project, n)
    _deleted((manager, labeler), n)
    people = {"administrator": administrator, "manager": manager, "labeler": labeler}
    texts.read()
    return Shown(n, project, people, ranked, claimed(project, labeler), token)


def _prompts(project: Project, n: int) -> None:
    """n that three people ranked, the first of them n people, and more that nobody ranked. Those people are members."""
    rows = (_row(project, place, n) for place in range(6 * n))
    report = imports.import_lines(project, (json.dumps(row).encode() for row in rows))
    assert not report.errors
    Ranking.objects.filter(prompt__project=project).update(source=Ranking.Source.LABELED)
    project.prompts.filter(ranked__gt=0).update(overlap=F("ranked"))
    people = User.objects.filter(username__endswith=f"@{project.slug}")
    Membership.objects.bulk_create(Membership(project=project, user=user, role=Role.LABELER) for user in people)


def _row(project: Project, place: int, n: int) -> dict[str, object]:
    texts = range(1 if project.kind == "classification" else K)
    flags = [{flag["name"]: bool((place + text) % 2) for flag in FLAGS} for text in texts]
    labelers = range(n) if place == 0 else range(place, place + min(3, n)) if place < n else ()
    return {
        "id": f"row {place}",
        "prompt": "" if project.kind == "classification" else f"Question {place}?",
        "completions": [{"id": f"{text}", "text": f"Answer {text} to {place}", "model": "m"} for text in texts],
        "rankings": [
            {"labeler": f"p{labeler % n}", "ranks": [text + 1 for text in texts], "flags": flags}
            for labeler in labelers
        ],
    }


def _answers(project: Project, labeler: User, n: int) -> Assignment:
    """n answers, the last of them changed n times."""
    for place in range(n):
        task = claimed(project, labeler)
        rankings.submit(task, _answer(task, place))
    for place in range(1, n + 1):
        rankings.amend(task, _answer(task, place))
    return task


def _answer(task: Assignment, place: int) -> dict[str, object]:
    tiers = tiers_of(task)
    said = {name: {flag["name"]: bool(place % 2) for flag in FLAGS} for [name] in tiers}
    return {"tiers": tiers, "flags": said, "comment": f"said {place}", "notes": {tiers[0][0]: f"note {place}"}}


@cache
def _report(kind: str) -> dict[str, Any]:
    return draw_flag_report(n=60) if kind == Project.Kind.CLASSIFICATION else draw_report(n_prompts=40, samples=20)


def _models(project: Project, n: int) -> None:
    """n runs with their models, each promoted once and the first n times more; it is the champion."""
    manager = project.created_by
    models = [
        make_model(
            project,
            _report(project.kind),
            depth=("head", "full")[place % 2],
            version=make_version(project, training_pairs=place),
        )
        for place in range(n)
    ]
    for model in reversed(models):
        champions.promote(model, by=manager, reason="the next", past_gate=True)
    Promotion.objects.bulk_create(
        Promotion(
            project=project, reward_model=models[0], replaced=models[1], action="hand", by=manager, reason="again"
        )
        for _ in range(n)
    )
    version = models[0].run.dataset_version
    at_work = make_run(project, state="running", depth="full", version=version, requested_by=manager)
    RunPoint.objects.bulk_create(
        RunPoint(run=run, step=step, loss=0.7, validation_log_loss=0.7, validation_accuracy=0.5)
        for run in (models[0].run, at_work)
        for step in range(1, n + 1)
    )
    RetrainPolicy.objects.get_or_create(project=project)


def _of_versions(project: Project, frozen: DatasetVersion, n: int) -> None:
    """n runs that failed, n links and n earlier files of the first version, and a note on each."""
    manager = project.created_by
    assert manager is not None
    for _ in range(n):
        make_run(project, state="failed", depth="head", version=frozen)
    tomorrow = timezone.now() + timedelta(days=1)
    VersionLink.objects.bulk_create(
        VersionLink(version=frozen, created_by=manager, expires_at=tomorrow) for _ in range(n)
    )
    VersionNote.objects.bulk_create(
        VersionNote(version=version, text=f"note {version.number}", tags=["paper"], changed_by=manager)
        for version in project.dataset_versions.all()
    )
    erased = PersonErasure.objects.bulk_create(PersonErasure(person=make_user(), state="succeeded") for _ in range(n))
    before = {"version": frozen, "file": frozen.file, "sha256": frozen.sha256, "bytes": frozen.bytes}
    ReplacedFile.objects.bulk_create(ReplacedFile(erasure=each, **before) for each in erased)
    project.dataset_versions.filter(pk=frozen.pk).update(frozen_sha256=frozen.sha256)


def _labels(project: Project, n: int) -> None:
    """n jobs of the champion's and one at work, and its scores of n ranked prompts and of n others."""
    champion = champions.needed_champion(project)
    now = timezone.now()
    AutoLabelJob.objects.bulk_create(
        AutoLabelJob(
            project=project, reward_model=champion, number=number, threshold=0.9, requested_by=project.created_by,
            state="running" if number > n else "succeeded", done=n, total=n, unread=n, unread_rows=_unread(n),
            started_at=now, heartbeat_at=now, finished_at=None if number > n else now,
        )
        for number in range(1, n + 2)
    )  # fmt: skip
    job = AutoLabelJob.objects.filter(project=project).latest("pk")
    scored = [*project.prompts.filter(ranked__gt=0)[:n], *project.prompts.filter(ranked=0)[:n]]
    PromptScore.objects.bulk_create(_score(champion, prompt) for prompt in scored)
    ModelPreference.objects.bulk_create(
        ModelPreference(
            job=job, reward_model=champion, prompt=prompt, chosen=texts[0], rejected=texts[1], probability=0.9
        )
        for prompt in scored[n:]
        if len(texts := prompt.completions.all()) > 1
    )


def _score(model: RewardModel, prompt: Prompt) -> PromptScore:
    texts = [completion.pk for completion in prompt.completions.all()]
    said = [1 / (place + 2) for place in range(len(texts))]
    classes = said if model.project.kind == "classification" else None
    return PromptScore(
        reward_model=model,
        prompt=prompt,
        completions=texts,
        rewards=said,
        probabilities=said,
        class_probabilities=classes,
    )


def _unread(n: int) -> list[dict[str, str]]:
    return [{"row": f"row {place}", "error": "no text"} for place in range(n)]


def _uploads(project: Project, n: int) -> None:
    """n and one at work, the first of them with n rows."""
    first = make_best_of(project, n_prompts=n, n=4)
    first.unread, first.unread_rows = n, _unread(n)
    first.save()
    BestOfJob.objects.bulk_create(_again(first, number=number) for number in range(2, n + 1))
    _again(first, number=n + 1, state="running", report=None, finished_at=None).save()


def _imports(project: Project, n: int) -> None:
    """n and two, one of them at work, the first of all with n bad lines and the second with n tags."""
    make_import(project, "".join(f'{{"id": "bad {place}", "prompt": "?"}}\n' for place in range(n)))
    tagged = ({**_row(project, place, n), "tags": ["again"]} for place in range(5 * n, 6 * n))
    make_import(project, "\n".join(map(json.dumps, tagged)))  # of prompts that are here
    Import.objects.bulk_create(
        Import(
            project=project, number=number, size=9, sha256="0" * 64, file_name="rows.jsonl", upload="rows",
            requested_by=project.created_by, heartbeat_at=timezone.now(),
            state="running" if number > n + 1 else "paused",
        )
        for number in range(3, n + 3)
    )  # fmt: skip


def _bulk_acts(project: Project, n: int) -> None:
    """n and one at work."""
    BulkAct.objects.bulk_create(
        BulkAct(
            project=project, number=number, act="tag", value=f"tag {number}", filters={"split": "train"},
            requested_by=project.created_by, heartbeat_at=timezone.now(),
            state="running" if number > n else "succeeded",
        )
        for number in range(1, n + 2)
    )  # fmt: skip


def _saved_views(project: Project, n: int) -> None:
    """n of each list, which others share."""
    SavedView.objects.bulk_create(
        SavedView(
            project=project, owner=make_user(), of=of, name=f"View {place}", filters={"split": "test"}, is_shared=True
        )
        for of in SavedView.Of.values
        for place in range(n)
    )  # fmt: skip


def _cohorts(project: Project, n: int) -> None:
    """n cohorts with n people each, and a prompt by hand."""
    people = list(project.memberships.order_by("pk")[:n])
    prompts = project.prompts.filter(ranked__gt=0).order_by("-pk").values_list("pk", flat=True)[:n]
    for place, prompt in enumerate(list(prompts)):
        cohort = Cohort.objects.create(project=project, name=f"Cohort {place}", tags=[f"cohort {place}"])
        CohortMember.objects.bulk_create(CohortMember(cohort=cohort, membership=each) for each in people)
        project.prompts.filter(pk=prompt).update(cohort=cohort, cohort_by_hand=True)


def _golds(project: Project, n: int) -> None:
    """n golds, each answered and doubted by n people who were warned."""
    prompts = list(project.prompts.filter(external_id__in=[f"row {place}" for place in range(4 * n, 5 * n)]))
    for prompt in prompts:
        keys = list(prompt.completions.values_list("pk", flat=True))
        known = golds.Known({key: rank for rank, key in enumerate(keys, start=1)} if len(keys) > 1 else {},
                            {keys[0]: {"hateful": True}})  # fmt: skip
        golds.make(project, prompt, known, source="typed", by=project.created_by, explanation="It is so.")
    now, people = timezone.now(), project.memberships.exclude(user=project.created_by)
    people.update(warned_at=now)
    tasks = Assignment.objects.bulk_create(
        Assignment(
            prompt=prompt, labeler_id=labeler, purpose="gold", state="skipped", skip_reason="not so sure", slot=1,
            overlap=prompt.overlap, seed=1, shown_order=[], expires_at=now, finished_at=now,
        )
        for prompt in prompts
        for labeler in people.values_list("user", flat=True)[:n]
    )  # fmt: skip
    CheckResult.objects.bulk_create(
        CheckResult(
            assignment=task, project=project, labeler_id=task.labeler_id, prompt=task.prompt, purpose="gold",
            doubted=True, comparisons=3, right=2, worth=2, scored_at=now, created_at=now,
        )
        for task in tasks
    )  # fmt: skip


def _qualification(project: Project, labeler: User, n: int) -> None:
    """n practice items, and n attempts of each labeler, who has none left; but for one who was let pass."""
    for place in range(n):
        prompt = make_prompt(project, k=1 if project.kind == "classification" else K, external_id=f"item {place}")
        keys = list(prompt.completions.values_list("pk", flat=True))
        known = golds.Known({key: rank for rank, key in enumerate(keys, start=1)} if len(keys) > 1 else {},
                            {keys[0]: {"hateful": True}})  # fmt: skip
        golds.make(project, prompt, known, source="typed", by=project.created_by, explanation="So.", practice=True)
    Project.objects.filter(pk=project.pk).update(qualify_items=1, qualify_attempts=1)
    now = timezone.now()
    QualificationAttempt.objects.bulk_create(
        QualificationAttempt(
            project=project, labeler_id=person, number=number, percent=70, seed=1, started_at=now, finished_at=now,
            items=1, comparisons=3, right=1, low=0.1, high=0.6, passed=False,
        )
        for person in project.memberships.filter(role=Role.LABELER).values_list("user", flat=True)
        for number in range(1, n + 1)
    )  # fmt: skip
    open_one = QualificationAttempt.objects.create(
        project=project, labeler=labeler, number=n + 1, percent=70, seed=1, started_at=now
    )
    QualificationAnswer.objects.bulk_create(
        QualificationAnswer(attempt=open_one, prompt=prompt, place=place)
        for place, prompt in enumerate(project.prompts.filter(external_id__startswith="item "), start=1)
    )
    project.memberships.filter(user=labeler).update(qualified="let", qualified_at=now)


def _again(job: BestOfJob, **changes: object) -> BestOfJob:
    values = {
        field.attname: getattr(job, field.attname) for field in job._meta.concrete_fields if not field.primary_key
    }
    return BestOfJob(**{**values, **changes})


def _invitations(project: Project, n: int) -> str:
    assert project.created_by is not None
    for place in range(n):
        token = invitations.invite(project, by=project.created_by, role=Role.LABELER, note=f"note {place}")[1]
        invitations.ask(project, by=project.created_by, username=f"guest{place}", role=Role.REVIEWER)
    return token


def _elsewhere(people: tuple[User, ...], n: int, slug: str) -> None:
    """n other projects that each is in, and n into which each is asked."""
    for place in range(n):
        host = make_project(slug=f"{slug}-{place}")
        RetrainPolicy.objects.create(project=host)
        assert host.created_by is not None
        for person in people:
            invitations.ask(host, by=host.created_by, username=person.username, role=Role.LABELER)
        member = make_project(slug=f"{slug}-in-{place}")
        _prompts(member, 1)
        Membership.objects.bulk_create(Membership(project=member, user=person, role=Role.MANAGER) for person in people)
        Attempts.objects.create(
            kind="site", subject=f"{slug} {place}", count=1, ends_at=timezone.now() + timedelta(hours=1)
        )


def _deleted(people: tuple[User, ...], n: int) -> None:
    """n that each asked for."""
    ProjectDeletion.objects.bulk_create(
        ProjectDeletion(
            project_key=10**6 * person.pk + place, slug=f"gone-{place}", name=f"Gone {place}", requested_by=person,
            state="succeeded", counts={"prompts": 3, "runs": 1}, finished_at=timezone.now(),
        )
        for person in people
        for place in range(n)
    )  # fmt: skip


def _revisions(project: Project, n: int) -> None:
    """n that the first prompt had before."""
    prompt = project.prompts.earliest("pk")
    texts = [{"id": each.external_id, "text": f"Before: {each.text}"} for each in prompt.completions.all()]
    PromptRevision.objects.bulk_create(
        PromptRevision(
            prompt=prompt, number=number, messages=prompt.messages, texts=texts, rankings=0, last_ranking_id=0,
            replaced_at=timezone.now(), replaced_by=project.created_by,
        )
        for number in range(1, n + 1)
    )  # fmt: skip
    project.prompts.filter(pk=prompt.pk).update(revision=n + 1)
    erased = project.prompts.order_by("-pk")[:n]
    PersonErasure.objects.bulk_create(PersonErasure(person=make_user(), state="succeeded") for _ in range(n))
    WorkWithdrawal.objects.bulk_create(
        WorkWithdrawal(project=project, labeler=make_user(), versions={"1": 3}) for _ in range(n)
    )
    PromptErasure.objects.bulk_create(PromptErasure(prompt=each, versions=[1]) for each in erased)
    empty = [{"role": "user", "content": ""}]
    project.prompts.filter(pk__in=[each.pk for each in erased]).update(messages=empty)
