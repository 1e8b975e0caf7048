"""What a model said of prompts, kept: what the comparison with people is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from labeling.models import Prompt, Purpose, Ranking, Split
from rewardtrain.models import PromptScore, RewardModel
from rewardtrain.scoring.service_client import Answer

Answered = tuple[Prompt, Answer]


def replace(model: RewardModel, prompts: Collection[int], answered: Iterable[Answered]) -> None:
    """What it says now takes the place of what it said of these prompts before. Call it in a transaction."""
    PromptScore.objects.filter(reward_model=model, prompt__in=prompts).delete()
    PromptScore.objects.bulk_create(_score(model, *each) for each in answered)


def add(model: RewardModel, answered: Iterable[Answered]) -> None:
    """What it said of a prompt already stays."""
    PromptScore.objects.bulk_create([_score(model, *each) for each in answered], ignore_conflicts=True)


def exists(model: RewardModel | OuterRef) -> Exists:
    """Says in a query over prompts whether the model's word on them is stored."""
    return Exists(PromptScore.objects.filter(reward_model=model, prompt=OuterRef("pk")))


def learnt_by(model: RewardModel) -> QuerySet[Prompt]:
    """Finds what the model learnt from: prompts of its dataset version that are not the test split's.

    Told by the rankings' ids; a prompt ranked again since then counts as learnt.
    """
    then = Ranking.objects.filter(
        prompt=OuterRef("pk"), pk__lte=model.run.dataset_version.last_ranking_id, purpose=Purpose.LABEL
    )
    prompts = Prompt.objects.filter(Exists(then), project=model.project, ranked__gt=0)
    return prompts.exclude(split=Split.TEST)


def learnt_contents(model: RewardModel, prompts: Collection[int]) -> set[str]:
    """Finds what prompts say of which the model learnt from one that is the same: these, or one that is as they are."""
    with connection.cursor() as cursor:
        last = model.run.dataset_version.last_ranking_id
        cursor.execute(_LEARNT, {"prompts": list(prompts), "last": last, "test": Split.TEST})
        return {content for (content,) in cursor.fetchall()}


# OFFSET 0: prompt by prompt, by prompt_same, or PostgreSQL reads those of all projects.
_LEARNT = """
SELECT DISTINCT same.content_sha256
FROM labeling_prompt prompt
CROSS JOIN LATERAL (
    SELECT id, content_sha256, ranked, split FROM labeling_prompt other
    WHERE other.project_id = prompt.project_id
        AND coalesce(other.prompt_key, other.content_sha256) = coalesce(prompt.prompt_key, prompt.content_sha256)
    OFFSET 0
) same
CROSS JOIN LATERAL (
    SELECT FROM labeling_ranking ranking WHERE ranking.prompt_id = same.id AND ranking.id <= %(last)s
        AND ranking.purpose = 'label'
    LIMIT 1
) learnt
WHERE prompt.id = ANY(%(prompts)s) AND same.ranked > 0 AND same.split <> %(test)s
"""


def n_learnt(model: RewardModel) -> int:
    """Counts the prompts that the model learnt from, as its dataset version does."""
    counts = model.run.dataset_version.counts
    return sum(of_split.get("prompts", 0) for split, of_split in counts.items() if split != Split.TEST)


def _score(model: RewardModel, prompt: Prompt, answer: Answer) -> PromptScore:
    return PromptScore(
        reward_model=model,
        prompt=prompt,
        completions=[completion.pk for completion in prompt.completions.all()],
        rewards=answer["rewards"],
        probabilities=answer["probabilities"],
        class_probabilities=answer.get("class_probabilities"),
        uncertainty=answer.get("uncertainty"),
    )
