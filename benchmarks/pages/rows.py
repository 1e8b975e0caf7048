"""What a site has beside the rows of benchmarks/large_site.py: versions, words of texts, scores, cases of reviews."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.large_site import Site

SCORED = 20_000  # prompts of which the champion's word is stored


def freeze(site: Site) -> None:
    """Freezes two versions with files, a ranking of each of a hundred prompts apart."""
    from labeling.data.versions import datasets
    from tests.factories import rank_next

    for _ in range(2):
        before = time.perf_counter()
        version = datasets.freeze(site.project, by=site.manager)
        seconds = time.perf_counter() - before
        print(f"version {version.number}: {version.n_rankings:,} rankings, {version.bytes:,} bytes, {seconds:.1f} s")
        rank_next(site.project, site.labelers[-1], 100)


def read_words() -> None:
    """Reads the words of all texts, as sweeps do in the minutes after an import."""
    from django.db import connection

    from labeling.answers.search import texts

    before = time.perf_counter()
    n = texts.read(seconds=math.inf)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE labeling_searchtext")
        cursor.execute("SELECT pg_total_relation_size('labeling_searchtext')")
        [(size,)] = cursor.fetchall()
    print(f"words of {n:,} prompts: {size / 2**20:,.0f} MB, {time.perf_counter() - before:.0f} s")


def score(site: Site) -> None:
    """Stores the champion's word on the prompts ranked last, as the drift guard leaves it."""
    from django.db import connection

    from rewardtrain.models import RewardModel

    champion = RewardModel.objects.get(project=site.project, champion=True)
    with connection.cursor() as cursor:
        cursor.execute(SCORES, {"model": champion.pk, "project": site.project.pk, "scored": SCORED})
        cursor.execute("ANALYZE rewardtrain_promptscore")


SCORES = """
INSERT INTO rewardtrain_promptscore (reward_model_id, prompt_id, completions, rewards, probabilities, created_at)
SELECT %(model)s, prompt.id, jsonb_agg(completion.id ORDER BY position), jsonb_agg(0.5 * position ORDER BY position),
       jsonb_agg((position + 1) / 10.0 ORDER BY position), now()
FROM (SELECT id FROM labeling_prompt WHERE project_id = %(project)s AND ranked > 0
      ORDER BY id DESC LIMIT %(scored)s) prompt
JOIN labeling_completion completion ON completion.prompt_id = prompt.id
GROUP BY prompt.id
ON CONFLICT DO NOTHING
"""


def act_on_cases(site: Site) -> None:
    """Closes a half of the cases that rankings opened, and sends answers of some of the others back."""
    from django.db import connection

    values = {"project": site.project.pk, "labeler": site.labelers[0].pk, "reviewer": site.reviewer.pk}
    with connection.cursor() as cursor:
        for name, statement in (("closed", CLOSED), ("sent back", SENT_BACK)):
            cursor.execute(statement, values)
            print(f"cases of reviews {name}: {cursor.rowcount:,}")
        cursor.execute("SELECT count(*) FROM labeling_reviewcase WHERE state = 'open'")
        print(f"open: {cursor.fetchone()[0]:,}")
        cursor.execute("ANALYZE labeling_reviewcase, labeling_reviewact")


CLOSED = """
WITH closed AS (
    UPDATE labeling_reviewcase SET state = 'closed', outcome = 'left', closed_at = now()
    WHERE project_id = %(project)s AND state = 'open' AND id %% 2 = 0 RETURNING id
)
INSERT INTO labeling_reviewact (case_id, act, what, words, by_id, at)
SELECT id, 'left', '', 'Both may be right.', %(reviewer)s, now() FROM closed
"""
SENT_BACK = """
UPDATE labeling_reviewcase review SET state = 'sent_back', sent_back_id = answer.id, awaits_id = answer.labeler_id
FROM labeling_assignment answer
WHERE review.project_id = %(project)s AND review.state = 'open' AND review.id %% 40 = 1
  AND answer.prompt_id = review.prompt_id AND answer.labeler_id = %(labeler)s AND answer.state = 'ranked'
"""
