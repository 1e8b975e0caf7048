"""The drift guard: the champion beside what people ranked or answered after it had learnt, as time goes on.

A model that agreed with people when it was promoted may not agree with what they say today: other prompts, other
labelers, other guidelines. Every minute the champions' scores of freshly ranked prompts are asked for and kept; days
with enough pairs, or labels, are then held against the interval of the model's accuracy on the test split when it was
judged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import numpy as np
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from labeling.models import Project, Prompt, Purpose, Ranking, Split
from rewardtrain.core.measures import intervals, metrics
from rewardtrain.evidence import evidence_of
from rewardtrain.evidence.agreement import Judged, Judgements, Share, share_of
from rewardtrain.models import RewardModel
from rewardtrain.monitoring import stored_scores
from rewardtrain.registry import champions
from rewardtrain.scoring import service_client

ENOUGH = 50  # pairs or labels: with fewer an interval of 95 % is wider than 0.28, and says nothing
AT_ONCE = 64  # prompts of a project, a minute
SECONDS = 40.0  # of a request: the next look is a minute away
KEEP_UP_SECONDS = 45.0  # of all projects together

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Span:
    """Whole days, as few as have enough pairs, or labels of a classification."""

    first: date
    last: date
    n_prompts: int
    right: Share  # how often the model prefers what people preferred, or answers as they did
    baseline: Share  # how often the longer one was preferred, or the answer was the test split's commoner one

    @property
    def is_enough(self) -> bool:
        return self.right.n >= ENOUGH


@dataclass(frozen=True)
class Drift:
    version: int
    promised: Share  # on the test split, when it was judged
    spans: list[Span]  # oldest first; the last one may not have enough yet
    there: int | None = None  # pairs or labels since its version, where they are so many that spans are of a part

    @property
    def n(self) -> int:
        """Counts the pairs or labels of all spans."""
        return sum(span.right.n for span in self.spans)

    @property
    def newest(self) -> Span | None:
        """Finds the last span that says something."""
        return next((span for span in reversed(self.spans) if span.is_enough), None)

    @property
    def alarms(self) -> bool:
        """Tells whether the newest span's whole interval lies below the whole interval at promotion."""
        newest = self.newest
        if newest is None or newest.right.high is None or self.promised.low is None:
            return False
        return newest.right.high < self.promised.low


def drift(project: Project) -> Drift | None:
    """Measures the champion's drift; None without a champion that was judged on pairs, or of a classification on
    labels."""
    champion = champions.champion(project)
    promised = evidence_of(project).promised(champion) if champion else None
    if champion is None or promised is None:
        return None
    judgements = fresh(project, champion)
    return Drift(champion.version, promised, spans(judgements.rows), since(champion) if judgements.is_part else None)


def fresh(project: Project, model: RewardModel) -> Judgements:
    """Finds what people said after the model's dataset version was frozen, of prompts that it can't have learnt
    from."""
    last = model.run.dataset_version.last_ranking_id
    judgements = evidence_of(project).judged(project, model, last)
    learnt = stored_scores.learnt_contents(model, {each.prompt for each in judgements.rows})
    rows = [each for each in judgements.rows if each.ranking > last and not each.learnt(learnt)]
    return Judgements(rows, judgements.is_part)


def since(model: RewardModel) -> int:
    """Counts all pairs, or labels, that are younger than the model's dataset version."""
    return evidence_of(model.project).new(model.project, model.run.training, model.run.dataset_version.last_ranking_id)


def spans(judgements: Iterable[Judged]) -> list[Span]:
    """Gathers days in their order; a span ends with the day on which it has ENOUGH."""
    days: dict[date, list[Judged]] = {}
    for at, of_moment in groupby(sorted(judgements, key=lambda each: each.at), key=lambda each: each.at):
        days.setdefault(timezone.localdate(at), []).extend(of_moment)
    result: list[Span] = []
    open_days: list[date] = []
    rows: list[Judged] = []
    for day, judged in days.items():
        open_days.append(day)
        rows += judged
        if len(rows) >= ENOUGH:
            result.append(_span(open_days, rows))
            open_days, rows = [], []
    return [*result, _span(open_days, rows)] if rows else result


def _span(days: Sequence[date], rows: Sequence[Judged]) -> Span:
    numbers: dict[str, int] = {}
    cluster = np.array([numbers.setdefault(row.content, len(numbers)) for row in rows], dtype=np.int64)
    right = metrics.correct(np.array([row.margin for row in rows], dtype=np.float64))
    baseline = metrics.correct(np.array([row.baseline for row in rows], dtype=np.float64))
    shares = [share_of(intervals.share(each, cluster)) for each in (right, baseline)]
    return Span(days[0], days[-1], len(numbers), *shares)


# --- What it is made of -----------------------------------------------------------------------------------------------


def keep_up() -> None:
    """Has the champions score what was ranked since, some of it a project. Doing it twice is harmless.

    After KEEP_UP_SECONDS the next minute goes on, with others.
    """
    ends = time.monotonic() + KEEP_UP_SECONDS
    for champion in behind():
        if time.monotonic() > ends:
            return
        prompts = list(unscored(champion).prefetch_related("completions")[:AT_ONCE])
        try:
            score(champion, prompts)
        except service_client.Unavailable as error:  # the next minute finds the same prompts
            logger.info("no scores of fresh rankings of %s: %s", champion.project.slug, error.detail)


def behind() -> list[RewardModel]:
    """Finds the champions that have something unscored, in any order, of all projects in one statement."""
    last = OuterRef(OuterRef("run__dataset_version__last_ranking_id"))
    rankings = Ranking.objects.filter(prompt=OuterRef("pk"))
    fresh = Prompt.objects.filter(
        Exists(rankings.filter(live=True, pk__gt=last)),
        ~stored_scores.exists(OuterRef(OuterRef("pk"))),
        # Not what it learnt from, as stored_scores.learnt_by tells of one model.
        Q(split=Split.TEST) | ~Exists(rankings.filter(pk__lte=last, purpose=Purpose.LABEL)),
        project=OuterRef("project"),
        ranked__gt=0,
    )
    champions = RewardModel.objects.filter(Exists(fresh), champion=True, project__deleted_at=None).order_by("?")
    return list(champions.select_related("project", "run__dataset_version"))


def unscored(model: RewardModel) -> QuerySet[Prompt]:
    after = Ranking.objects.filter(prompt=OuterRef("pk"), live=True, pk__gt=model.run.dataset_version.last_ranking_id)
    prompts = Prompt.objects.filter(Exists(after), ~stored_scores.exists(model), project=model.project, ranked__gt=0)
    # In any order, so that some that the model can't read don't stand before the others for ever.
    return prompts.exclude(pk__in=stored_scores.learnt_by(model)).order_by("?")


def score(model: RewardModel, prompts: Sequence[Prompt]) -> None:
    """Raises scoring.Unavailable and what else scoring raises."""
    texts = [[completion.text for completion in prompt.completions.all()] for prompt in prompts]
    rows = [{"prompt": prompt.messages, "completions": each} for prompt, each in zip(prompts, texts, strict=True)]
    answers = service_client.score_many(model, rows, timeout=SECONDS)
    answered = []
    for prompt, answer in zip(prompts, answers, strict=True):
        if "error" in answer:
            logger.warning("model %s can't read %s: %s", model.version, prompt.external_id, answer["error"])
        else:
            answered.append((prompt, answer))
    stored_scores.add(model, answered)
