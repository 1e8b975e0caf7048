"""What one person's rankings say of how they work: pace, ties, skips, agreement, where and how long the best one was.

All of it is of the newest LATEST answers that they gave in a project, whatever became of them after, found once by
their keys, so that it costs the same however many there are; only those that stand have pairs, and so agree or not.
What is beside it is of as many of the project's newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labeling.models import Project
from labeling.models.functions import query
from labeling.models.rankings import GIVEN
from labeling.quality import agreement
from labeling.quality.answer_numbers import Answers, answers_of
from labeling.quality.comparisons import Agreement
from labeling.quality.shares import Median, Share, median_of, share_by_prompts, share_of

LATEST = 2_000
OTHERS = 200  # choices of others that are looked at on a prompt: 33 people who ranked four completions


@dataclass(frozen=True)
class Position:
    """How often the completion shown at this place, from 0, was ranked first; expected: if the place didn't matter.

    Of m completions that share the first rank each counts 1/m; of K the chance is 1/K.
    """

    place: int
    first: Share
    expected: float


@dataclass(frozen=True)
class Numbers:
    """n: of rankings that all of it is of; of_latest: there are more. since: when the first of them was made.

    compared: of how many of the person's choices between two completions another person made one too.
    words: with a comment, or a note on a completion. flags: with one that is true of a completion. answers: of a
    project that asks yes/no questions about each text, else None. last_seen: when they took or skipped a task, or
    ranked, as far as it is known. None of someone imported.
    """

    n: int
    of_latest: bool
    since: datetime | None
    last_seen: datetime | None
    pace: Median
    ties: Share
    skips: Share
    words: Share
    flags: Share
    positions: Sequence[Position]
    longer: Share
    longer_in_project: Share
    agreement: Share
    compared: Share
    agreement_in_project: Agreement
    answers: Answers | None

    @property
    def shown_first(self) -> Position | None:
        return self.positions[0] if self.positions else None


def numbers_of(project: Project, labeler: int) -> Numbers:
    """Measures it, in seven statements, in ten of a project with yes/no questions. labeler: the account's key."""
    [newest] = query(_NEWEST, {"project": project.pk, "labeler": labeler, "latest": LATEST})
    keys = newest["keys"] or []
    since = newest["since"]
    places = query(_PLACES, {"keys": keys})
    [skipped] = query(_SKIPPED, {"project": project.pk, "labeler": labeler, "latest": LATEST, "since": since})
    longer, longer_in_project = _longer(project, keys)
    made_here = newest["made_here"] or 0
    return Numbers(
        n=len(keys),
        of_latest=len(keys) == LATEST,
        since=since,
        last_seen=max((moment for moment in (newest["last"], skipped["last"]) if moment), default=None),
        pace=median_of(newest["seconds"] or []),
        ties=share_by_prompts((row["comparisons"], row["ties"]) for row in places),
        skips=share_of(skipped["n"], skipped["n"] + made_here) if made_here or skipped["n"] else Share(),
        words=share_of(sum(row["in_words"] for row in places), len(keys)),
        flags=share_of(sum(row["flagged"] for row in places), len(keys)),
        positions=positions_of(query(_POSITIONS, {"keys": keys})),
        longer=longer,
        longer_in_project=longer_in_project,
        **_with_others(labeler, keys),
        agreement_in_project=agreement.project_agreement(project),
        answers=answers_of(project, labeler, keys, others=OTHERS) if project.judgement.asks_every_flag else None,
    )


def positions_of(rows: Sequence[dict[str, Any]]) -> list[Position]:
    """Makes them of sums by place: {"place", "n", "first", "expected"}."""
    return [
        Position(row["place"], share_of(float(row["first"]), row["n"]), float(row["expected"]) / row["n"])
        for row in rows
    ]


def _longer(project: Project, keys: Sequence[int]) -> list[Share]:
    """Of pairs whose texts differ in length, in how many the longer one was chosen; ties of length are left out.

    Of these rankings, and of the project's newest.
    """
    rows = query(_LONGER, {"keys": list(keys), "project": project.pk, "latest": LATEST})
    return [share_by_prompts((row["n"], row["longer"]) for row in rows if row["own"] == own) for own in (True, False)]


def _with_others(labeler: int, keys: Sequence[int]) -> dict[str, Share]:
    rows = query(_COMPARED, {"labeler": labeler, "keys": list(keys), "others": OTHERS})
    return {
        "agreement": share_by_prompts((row["n"], row["agreed"]) for row in rows),
        "compared": share_by_prompts((row["own"], row["met"]) for row in rows),
    }


_NEWEST = f"""
WITH newest AS (
    SELECT id, created_at, source, active_seconds FROM labeling_ranking r
    WHERE labeler_id = %(labeler)s AND project_id = %(project)s AND {GIVEN} ORDER BY id DESC LIMIT %(latest)s
)
SELECT array_agg(id) AS keys, min(created_at) AS since,
    count(*) FILTER (WHERE source = 'labeled')::int AS made_here,
    max(created_at) FILTER (WHERE source = 'labeled') AS last,
    array_agg(active_seconds ORDER BY active_seconds)
        FILTER (WHERE source = 'labeled' AND active_seconds IS NOT NULL) AS seconds
FROM newest
"""
# Of each ranking: its comparisons of two completions, but for two of a rest that it left unranked, those that tie,
# whether a flag is true of any of them, and whether there is a comment, or a note on any of them.
_PLACES = """
SELECT (max(k * (k - 1) / 2) - unranked * (unranked - 1) / 2)::int AS comparisons,
    (sum(c * (c - 1) / 2) - unranked * (unranked - 1) / 2)::int AS ties, bool_or(flagged)::int AS flagged,
    (bool_or(noted) OR comment <> '')::int AS in_words
FROM (
    SELECT ranking_id, count(*) AS c, sum(count(*)) OVER (PARTITION BY ranking_id) AS k,
        bool_or(flags @? '$.* ? (@ == true)') AS flagged, bool_or(note <> '') AS noted
    FROM labeling_rankedcompletion WHERE ranking_id = ANY(%(keys)s) GROUP BY ranking_id, rank
) tier JOIN labeling_ranking r ON r.id = ranking_id GROUP BY r.id
"""
_POSITIONS = """
SELECT place, count(*)::int AS n, sum(first) AS first, sum(expected) AS expected FROM (
    SELECT shown_position AS place,
        CASE WHEN rank = 1 THEN 1.0 / count(*) FILTER (WHERE rank = 1) OVER (PARTITION BY ranking_id) ELSE 0 END
            AS first,
        1.0 / count(*) OVER (PARTITION BY ranking_id) AS expected, count(*) OVER (PARTITION BY ranking_id) AS k
    FROM labeling_rankedcompletion WHERE ranking_id = ANY(%(keys)s) AND shown_position IS NOT NULL
) placed WHERE k > 1 GROUP BY place ORDER BY place
"""
_LONGER = """
SELECT true AS own, count(*)::int AS n,
    count(*) FILTER (WHERE char_length(chosen.text) > char_length(rejected.text))::int AS longer
FROM labeling_preferencepair pair
JOIN labeling_completion chosen ON chosen.id = pair.chosen_id
JOIN labeling_completion rejected ON rejected.id = pair.rejected_id
WHERE pair.ranking_id = ANY(%(keys)s) AND char_length(chosen.text) <> char_length(rejected.text)
GROUP BY pair.prompt_id
UNION ALL
SELECT false, count(*)::int, count(*) FILTER (WHERE char_length(chosen.text) > char_length(rejected.text))::int
FROM labeling_preferencepair pair
JOIN labeling_completion chosen ON chosen.id = pair.chosen_id
JOIN labeling_completion rejected ON rejected.id = pair.rejected_id
WHERE pair.ranking_id = ANY(ARRAY(SELECT id FROM labeling_ranking WHERE project_id = %(project)s AND live
        ORDER BY project_id DESC, id DESC LIMIT %(latest)s))
    AND char_length(chosen.text) <> char_length(rejected.text)
GROUP BY pair.prompt_id
"""
# Of each of the person's choices, how many others made one between the same two, and how many the same one.
_COMPARED = """
WITH own AS MATERIALIZED (
    SELECT prompt_id, chosen_id, rejected_id FROM labeling_preferencepair WHERE ranking_id = ANY(%(keys)s)
), others AS (
    SELECT prompt.prompt_id, chosen_id, rejected_id, count(*) AS n
    FROM (SELECT DISTINCT prompt_id FROM own) prompt
    CROSS JOIN LATERAL (
        SELECT chosen_id, rejected_id FROM labeling_preferencepair pair
        WHERE pair.prompt_id = prompt.prompt_id AND pair.labeler_id <> %(labeler)s LIMIT %(others)s) pair
    GROUP BY prompt.prompt_id, chosen_id, rejected_id
)
SELECT count(*)::int AS own, count(*) FILTER (WHERE coalesce(same.n, 0) + coalesce(other.n, 0) > 0)::int AS met,
    coalesce(sum(coalesce(same.n, 0) + coalesce(other.n, 0)), 0)::int AS n, coalesce(sum(same.n), 0)::int AS agreed
FROM own
LEFT JOIN others same USING (prompt_id, chosen_id, rejected_id)
LEFT JOIN others other ON other.prompt_id = own.prompt_id
    AND other.chosen_id = own.rejected_id AND other.rejected_id = own.chosen_id
GROUP BY own.prompt_id
"""
# What they skipped since the first of those rankings, and when they last took or gave back a task.
_SKIPPED = """
SELECT count(*) FILTER (WHERE skipped)::int AS n, max(moment) AS last FROM (
    (SELECT true AS skipped, a.finished_at AS moment FROM labeling_assignment a
        JOIN labeling_prompt p ON p.id = a.prompt_id
        WHERE a.labeler_id = %(labeler)s AND a.state = 'skipped' AND a.purpose = 'label' AND p.project_id = %(project)s
            AND a.finished_at >= coalesce(%(since)s, '-infinity'::timestamptz) LIMIT %(latest)s)
    UNION ALL
    (SELECT false, a.claimed_at FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
        WHERE a.labeler_id = %(labeler)s AND a.state = 'claimed' AND p.project_id = %(project)s LIMIT %(latest)s)
) task
"""
