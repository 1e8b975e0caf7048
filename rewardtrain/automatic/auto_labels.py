"""The automatic labeler: the champion's preferences on prompts that nobody has ranked.

A job walks over the project's prompts by their ids. Of prompts without a ranking it keeps the pairs that the champion
is sure of, and puts a prompt of which it is sure throughout at the end of people's queue. Prompts that people have
ranked are scored too, for the comparison of model and people; see docs/decisions/0060-automatic-labels.md.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Right
from django.utils.translation import gettext as _

from jobs import lifecycle
from labeling.errors import Conflict, Invalid, Missing
from labeling.models import Project, Prompt, Split, User
from labeling.models.project_lock import lock_project
from labeling.projects import counters
from labeling.quality.agreement import latest_prompts
from labeling.queue import slots
from rewardtrain.automatic.model_preferences import is_held_out, kept, preferences
from rewardtrain.evidence import evidence_of
from rewardtrain.models import AutoLabelJob, ModelPreference, RewardModel
from rewardtrain.monitoring import stored_scores
from rewardtrain.monitoring.model_agreement import SURE
from rewardtrain.registry import champions
from rewardtrain.scoring import chunked_job
from rewardtrain.scoring.chunked_job import Answer, Chunk

THRESHOLD = SURE
MOST_COUNTED = 10_000  # ranked prompts, or pairs of those ranked last
LEARNT = 500  # prompts that a model was trained on and is compared on: enough to see how much better it knows them

logger = logging.getLogger(__name__)


def request(project: Project, *, threshold: float = THRESHOLD, by: User | None = None) -> AutoLabelJob:
    """Queues a job of the champion.

    Raises Invalid('threshold'), Conflict: 'classifies', 'no_champion', 'job_active', 'nothing_to_label'.
    """
    if reason := evidence_of(project).why_no_auto_labels:
        raise Conflict("classifies", str(reason))
    if not 0.5 < threshold < 1:
        message = _("The threshold is a probability above 0.5 and below 1, such as 0.9; got %(value)s.")
        raise Invalid("threshold", message % {"value": threshold}, attr="threshold")
    with transaction.atomic():
        # Two requests at once: the second waits here and then sees the first one's job.
        lock_project(project)
        model = champions.needed_champion(project)
        if active := AutoLabelJob.objects.filter(project=project, state__in=AutoLabelJob.ACTIVE).first():
            message = _("Automatic labels %(number)s are being made; wait for the end, or cancel them.")
            raise Conflict("job_active", message % {"number": active.number})
        total = to_score(project, model).count()
        if not total:
            raise Conflict("nothing_to_label", _("Nothing to do: people have ranked every prompt. Import more first."))
        number = lifecycle.next_number(project.auto_label_jobs.all())
        return AutoLabelJob.objects.create(
            project=project, reward_model=model, number=number, threshold=threshold, total=total, requested_by=by
        )


def cancel(job: AutoLabelJob) -> AutoLabelJob:
    """Raises Conflict('job_ended') where there is nothing left to cancel. What was kept so far stays."""
    if not lifecycle.cancel(job):
        message = _("Automatic labels %(number)s have ended already; there is nothing to cancel.")
        raise Conflict("job_ended", message % {"number": job.number})
    return job


def work(job_id: int) -> None:
    """Takes the job if it is still to be had and brings it as far as it can. Doing it twice is harmless."""
    job = lifecycle.claim(AutoLabelJob, job_id)
    if job is None:
        return
    logger.info("automatic labels %s of %s: attempt %s", job.number, job.project.slug, job.attempts)
    chunked_job.carry_out(job, job.reward_model, lambda size: next_chunk(job, size))


def newest_model(project: Project) -> RewardModel | None:
    """Finds the model whose word is asked for where no version is named: that of the newest job, else the
    champion's."""
    newest = AutoLabelJob.objects.filter(project=project).select_related("reward_model").first()
    return newest.reward_model if newest else champions.champion(project)


def model_of(project: Project, version: str) -> RewardModel:
    """Finds it by its number, or the newest job's. Raises Missing('unknown_model'), Conflict('no_champion')."""
    if not version:
        return newest_model(project) or champions.needed_champion(project)
    models = (
        RewardModel.objects.filter(project=project, version=version)
        if version.isdecimal() and len(version) < 10
        else None
    )
    if models is None or not (model := models.first()):
        message = _("There is no model %(value)r here; give the number of a version.")
        raise Missing("unknown_model", message % {"value": version}, attr="model")
    return model


def threshold_of(model: RewardModel) -> float:
    """Finds how sure the model's newest job had to be of a pair to keep it."""
    newest = AutoLabelJob.objects.filter(reward_model=model).first()
    return newest.threshold if newest else THRESHOLD


# --- Which prompts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """How many prompts a job would read."""

    unranked: int
    ranked: int  # by people, to compare with them
    or_more: bool = False  # ranked ones: only of those ranked last, where there are many


def waiting(project: Project, model: RewardModel | None) -> Waiting:
    """Counts them from counters, and what no counter knows among MOST_COUNTED prompts: for a page that tells of it."""
    numbers = counters.of(project).total
    # Of those begun the held ones are no waiting ones: people put them aside one by one, so that they are few.
    aside = Q(
        withdrawn_at__isnull=True, gold_at__isnull=True, held_at__isnull=False, ranked__gt=0, ranked__lt=F("overlap")
    )
    begun = numbers.begun - (project.prompts.filter(aside).count() if numbers.held and numbers.begun else 0)
    unranked = max(0, numbers.waiting - begun)
    if model is None:
        return Waiting(unranked, 0)
    ranked, many = to_score(project, model).filter(ranked__gt=0), numbers.settled + numbers.begun > MOST_COUNTED
    if many:
        ranked = ranked.filter(pk__in=latest_prompts(project, pairs=MOST_COUNTED).prompts)
    return Waiting(unranked, ranked.count(), or_more=many)


def to_score(project: Project, model: RewardModel) -> QuerySet[Prompt]:
    """Finds those that nobody has ranked; and of ranked ones that this model hasn't scored the held-out and a few."""
    learnt = stored_scores.learnt_by(model)
    n_learnt = stored_scores.n_learnt(model)
    share = min(1.0, LEARNT / n_learnt) if n_learnt else 1.0
    drawn = Q(pk__in=learnt) & Q(tail__lt=f"{min(int(share * 2**32), 2**32 - 1):08x}")
    ranked = Q(ranked__gt=0) & ~stored_scores.exists(model)
    prompts = Prompt.objects.filter(project=project, held_at__isnull=True).annotate(tail=Right("content_sha256", 8))
    return prompts.filter(Q(ranked=0) | ranked & (~Q(pk__in=learnt) | drawn))


# --- A chunk ----------------------------------------------------------------------------------------------------------


def next_chunk(job: AutoLabelJob, size: int) -> Chunk | None:
    rest = to_score(job.project, job.reward_model).filter(pk__gt=job.last_prompt).order_by("pk")
    prompts = chunked_job.within(list(rest.prefetch_related("completions")[:size]), length)
    if not prompts:
        return None
    rows = [
        {"prompt": prompt.messages, "completions": [completion.text for completion in prompt.completions.all()]}
        for prompt in prompts
    ]
    names = [prompt.external_id for prompt in prompts]
    return Chunk(rows, names, lambda answers: store(job, prompts, answers))


def length(prompt: Prompt) -> int:
    return sum(len(completion.text) for completion in prompt.completions.all())


def store(job: AutoLabelJob, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> dict[str, Any]:
    """What the model says of these prompts takes the place of what it said before. Call it in a transaction.

    One that it can't read is left to people, in its turn.
    """
    keys = [prompt.pk for prompt in prompts]
    answered = [(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True) if "error" not in answer]
    # Locked, so that nobody ranks them at this moment: the claim of one is short, and passes over what is locked.
    open_now = Prompt.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")
    still = {prompt.pk for prompt in open_now if prompt.ranked == 0 and prompt.withdrawn_at is None}
    stored_scores.replace(job.reward_model, keys, answered)
    ModelPreference.objects.filter(reward_model=job.reward_model, prompt__in=keys).delete()
    seen = [
        (prompt, preferences(answer["probabilities"], answer.get("uncertainty")))
        for prompt, answer in answered
        if prompt.pk in still
    ]
    sure = {prompt.pk: kept(found, job.threshold) for prompt, found in seen}
    rows = [row for prompt, _ in seen for row in rows_of(job, prompt, sure[prompt.pk])]
    ModelPreference.objects.bulk_create(rows)
    decided = [prompt for prompt, found in seen if found and len(sure[prompt.pk]) == len(found)]
    put_last = {
        prompt.pk for prompt in decided if prompt.split == Split.TRAIN and not is_held_out(prompt.content_sha256)
    }
    slots.serve(put_last, priority=slots.LAST)
    slots.serve(still - put_last, priority=slots.IN_TURN)
    partly = sum(1 for kept_ in sure.values() if kept_) - len(decided)
    return {
        "last_prompt": keys[-1],
        "decided": job.decided + len(decided),
        "partly": job.partly + partly,
        "left": job.left + len(seen) - len(decided) - partly,
        "kept": job.kept + len(rows),
        "below": job.below + sum(len(found) for _, found in seen) - len(rows),
        "compared": job.compared + sum(1 for prompt, _ in answered if prompt.pk not in still),
    }


def rows_of(job: AutoLabelJob, prompt: Prompt, sure: Sequence[Any]) -> list[ModelPreference]:
    completions = list(prompt.completions.all())
    return [
        ModelPreference(
            job=job,
            reward_model=job.reward_model,
            prompt=prompt,
            chosen=completions[preference.chosen],
            rejected=completions[preference.rejected],
            probability=preference.probability,
            uncertainty=preference.uncertainty,
        )
        for preference in sure
    ]
