"""What one person's answers to yes/no questions say: whether others answered alike, and how often it is yes.

Only answers that stand are compared, as only rankings that stand have pairs; of questions that the project asks now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.models import Project
from labeling.models.functions import query
from labeling.quality.shares import Share, share_by_prompts

LATEST = 2_000  # of the project's rankings, beside which one person's are read


@dataclass(frozen=True)
class Question:
    """How often the answer is yes, of the texts that the person was asked it about, and of the project's newest."""

    name: str
    label: str
    yes: Share
    yes_in_project: Share


@dataclass(frozen=True)
class Answers:
    """agreement: of answers that another person gave to the same question about the same text, how often both are the
    same. compared: of how many of the person's answers another person gave one too.
    """

    agreement: Share
    compared: Share
    agreement_in_project: Share
    questions: Sequence[Question]


def answers_of(project: Project, labeler: int, keys: Sequence[int], *, others: int) -> Answers:
    """Measures it of these of the person's rankings, in three statements.

    The answers of one person about a prompt hang together, and so do their comparisons with everybody who had the same
    prompt, so that agreement and shares are ratios of totals of prompts: see comparisons.agreement_of_counts for the
    interval and its source. A prompt that a hundred others answered too counts as one prompt. others: answered texts of
    other people that are looked at on a prompt.
    """
    names = [flag["name"] for flag in project.flags]
    met = query(_MET, {"keys": list(keys), "labeler": labeler, "names": names, "others": others})
    return Answers(
        agreement=share_by_prompts((row["n"], row["agreed"]) for row in met),
        compared=share_by_prompts((row["own"], row["met"]) for row in met),
        agreement_in_project=_agreement_in(project, names),
        questions=_questions(project, keys, names),
    )


def _agreement_in(project: Project, names: Sequence[str]) -> Share:
    rows = query(_ALL, {"project": project.pk, "names": list(names), "latest": LATEST})
    return share_by_prompts((row["n"], row["agreed"]) for row in rows)


def _questions(project: Project, keys: Sequence[int], names: Sequence[str]) -> list[Question]:
    values = {"project": project.pk, "keys": list(keys), "names": list(names), "latest": LATEST}
    rows = query(_YES, values)

    def share(name: str, *, own: bool) -> Share:
        return share_by_prompts((row["n"], row["yes"]) for row in rows if row["name"] == name and row["own"] == own)

    return [
        Question(flag["name"], flag["label"], share(flag["name"], own=True), share(flag["name"], own=False))
        for flag in project.flags
    ]


# Of each answer of the person, how many others answered the same question about the same text, and how many the same.
# OFFSET 0: prompt by prompt, by ranking_prompt, or PostgreSQL walks past the rankings of all.
_MET = """
WITH own AS MATERIALIZED (
    SELECT r.prompt_id, said.completion_id, answer.key AS name, answer.value AS yes
    FROM labeling_ranking r JOIN labeling_rankedcompletion said ON said.ranking_id = r.id
    CROSS JOIN LATERAL jsonb_each(said.flags) answer
    WHERE r.id = ANY(%(keys)s) AND r.live AND answer.key = ANY(%(names)s)
), others AS MATERIALIZED (
    SELECT prompt.prompt_id, completion_id, answer.key AS name, count(*) AS n,
        count(*) FILTER (WHERE answer.value = 'true') AS yes
    FROM (SELECT DISTINCT prompt_id FROM own) prompt
    CROSS JOIN LATERAL (
        SELECT said.completion_id, said.flags
        FROM (SELECT id FROM labeling_ranking r
            WHERE r.prompt_id = prompt.prompt_id AND r.live AND r.labeler_id <> %(labeler)s
            ORDER BY r.prompt_id, r.id LIMIT %(others)s) other
        JOIN labeling_rankedcompletion said ON said.ranking_id = other.id LIMIT %(others)s) said
    CROSS JOIN LATERAL jsonb_each(said.flags) answer
    GROUP BY prompt.prompt_id, completion_id, answer.key
)
SELECT count(*)::int AS own, count(others.n)::int AS met, coalesce(sum(others.n), 0)::int AS n,
    coalesce(sum(CASE WHEN own.yes = 'true' THEN others.yes ELSE others.n - others.yes END), 0)::int AS agreed
FROM own LEFT JOIN others USING (prompt_id, completion_id, name)
GROUP BY own.prompt_id
"""
_NEWEST = """
newest AS MATERIALIZED (
    SELECT id, prompt_id FROM labeling_ranking WHERE project_id = %(project)s AND live
    ORDER BY project_id DESC, id DESC LIMIT %(latest)s
)
"""
# Of the answers of the project's newest rankings, every two to one question about one text: n people are
# n (n - 1) / 2 comparisons, so none is made.
_ALL = f"""
WITH {_NEWEST}, judged AS (
    SELECT newest.prompt_id, count(*) AS n, count(*) FILTER (WHERE answer.value = 'true') AS yes
    FROM newest JOIN labeling_rankedcompletion said ON said.ranking_id = newest.id
    CROSS JOIN LATERAL jsonb_each(said.flags) answer WHERE answer.key = ANY(%(names)s)
    GROUP BY newest.prompt_id, said.completion_id, answer.key HAVING count(*) > 1
)
SELECT sum(n * (n - 1) / 2)::int AS n, sum(yes * (yes - 1) / 2 + (n - yes) * (n - yes - 1) / 2)::int AS agreed
FROM judged GROUP BY prompt_id
"""
_YES = f"""
WITH {_NEWEST}, answered AS (
    SELECT true AS own, id, prompt_id FROM labeling_ranking WHERE id = ANY(%(keys)s)
    UNION ALL SELECT false, id, prompt_id FROM newest
)
SELECT answered.own, answer.key AS name, count(*)::int AS n, count(*) FILTER (WHERE answer.value = 'true')::int AS yes
FROM answered JOIN labeling_rankedcompletion said ON said.ranking_id = answered.id
CROSS JOIN LATERAL jsonb_each(said.flags) answer WHERE answer.key = ANY(%(names)s)
GROUP BY answered.own, answer.key, answered.prompt_id
"""
