"""Answers that the champion is confidently against are brought to reviewers: a slip of the hand, or the model's error.

Of what the champion has scored and can't have learnt from, as the drift guard has it. Nothing is looked at twice, and
nothing is missed: two marks of the model say up to which of its scores, and which of the project's rankings, all was
looked at, and they stay below whatever a transaction may still bring (settled.py). A project has at most MOST_OPEN such
cases open, so that a bad model doesn't fill the queue; where it has, the marks stay, and the rest is looked at once
reviewers have closed some. See docs/decisions/0170-what-a-champion-contradicts.md.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Greatest

from labeling.data.reviewing import cases
from labeling.data.reviewing.evidence import Evidence
from labeling.errors import Conflict
from labeling.models import Prompt, Ranking, ReviewCase, Split
from rewardtrain.evidence import evidence_of
from rewardtrain.models import PromptScore, RewardModel
from rewardtrain.monitoring import stored_scores
from rewardtrain.monitoring.settled import Ids, seen, settled

MOST_OPEN = 20  # cases of a project, for this reason
AT_ONCE = 500  # scores, or rankings
SECONDS = 10.0  # of all projects together, a minute

REASON = ReviewCase.Reason.CHAMPION
Rows = Sequence[tuple[int, int]]  # keys of what is looked at, and of its prompts


def look() -> None:
    """Opens cases of what is new since the last look. Twice is harmless; killed half-way it is done again."""
    ends = time.monotonic() + SECONDS
    if not (champions := behind()):
        return
    now = seen()
    for champion in champions:
        upto = settled(champion, now)
        while time.monotonic() < ends and _look(champion, upto):
            pass


def behind() -> list[RewardModel]:
    """Finds the champions with something that was not looked at, in any order, by one statement."""
    scores = PromptScore.objects.filter(reward_model=OuterRef("pk"), pk__gt=OuterRef("seen_score"))
    rankings = Ranking.objects.filter(project=OuterRef("project"), pk__gt=OuterRef("after"))
    after = Greatest(F("seen_ranking"), F("run__dataset_version__last_ranking_id"))
    champions = RewardModel.objects.filter(
        champion=True, project__deleted_at=None, project__champion_percent__gt=0
    ).alias(after=after)
    found = champions.filter(Exists(scores) | Exists(rankings)).order_by("?")
    return list(found.select_related("project", "run__dataset_version"))


def contradicted(model: RewardModel, prompts: Collection[int]) -> dict[int, Evidence]:
    """Finds of each prompt the pair, or the answer, of people that the model is most sure against, where it is sure
    enough for the project.

    Of rankings made here after its dataset version, of prompts that it can't have learnt from, that no reviewer decided
    and of which that ranking was not brought to reviewers before.
    """
    rows = PromptScore.objects.filter(reward_model=model, prompt__in=prompts, prompt__decided_at=None)
    scores = {score.prompt_id: score for score in rows.select_related("prompt").defer("prompt__messages")}
    learnt = stored_scores.learnt_contents(model, scores)
    before = ReviewCase.objects.filter(prompt__in=scores, evidence__isnull=False)
    shown = set(before.values_list("prompt_id", "evidence__ranking"))
    sure = model.project.champion_percent / 100
    found: dict[int, Evidence] = {}
    for prompt, said in evidence_of(model.project).against(model, scores, model.run.dataset_version.last_ranking_id):
        of = scores[prompt].prompt
        if (prompt, said.ranking) in shown or (of.split != Split.TEST and of.content_sha256 in learnt):
            continue
        if said.probability >= max(sure, found[prompt].probability if prompt in found else 0):
            found[prompt] = said
    return found


def _look(model: RewardModel, upto: Ids) -> bool:
    """Goes on from both marks, up to there. Tells whether there may be more to look at by now."""
    open_now = ReviewCase.objects.filter(project=model.project_id, reason=REASON).exclude(state=ReviewCase.State.CLOSED)
    room = MOST_OPEN - open_now.count()
    scores = PromptScore.objects.filter(reward_model=model, pk__gt=model.seen_score, pk__lte=upto.score)
    from_here = max(model.seen_ranking, model.run.dataset_version.last_ranking_id)
    rankings = Ranking.objects.filter(project=model.project_id, pk__gt=from_here, pk__lte=upto.ranking)
    goes_on = False
    for mark, rows in (("seen_score", scores), ("seen_ranking", rankings)):
        found = list(rows.order_by("pk").values_list("pk", "prompt_id")[:AT_ONCE])
        room = _open(model, mark, found, room) if room > 0 else room
        goes_on = goes_on or len(found) == AT_ONCE
    return goes_on and room > 0


def _open(model: RewardModel, mark: str, rows: Rows, room: int) -> int:
    """Opens cases in the order of the rows while there is room, and moves the mark. Gives what room is left."""
    if not rows:
        return room
    found = contradicted(model, {prompt for _key, prompt in rows})
    last: int = getattr(model, mark)
    for key, prompt in rows:
        if said := found.get(prompt):
            if room <= 0:
                break
            room -= _brought(prompt, said)
            del found[prompt]
        last = key
    setattr(model, mark, last)
    RewardModel.objects.filter(pk=model.pk).update(**{mark: last})
    return room


def _brought(prompt: int, said: Evidence) -> bool:
    try:
        cases.open_case(Prompt(pk=prompt), REASON, evidence=said)
    except Conflict:  # withdrawn in this moment
        return False
    return True
