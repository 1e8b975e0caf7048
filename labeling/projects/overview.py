"""What a manager sees first: the counts of a project as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labeling.models import Project, User
from labeling.projects import counters


@dataclass(frozen=True)
class Done:
    """How far a project's prompts are."""

    done: int = 0  # ranked as often as they must be, and not held
    begun: int = 0  # ranked, but not so often yet
    prompts: int = 0


@dataclass(frozen=True)
class Overview:
    """Counts of a project as it stands."""

    prompts: int
    prompts_done: int  # ranked as often as their overlap asks, and not held
    prompts_begun: int  # ranked, but not so often yet
    rankings: int
    pairs: int
    ties: int  # tied comparisons, which make no pair
    labels: int  # texts of a classification that somebody answered the questions about, once for each person
    labelers: int  # people with at least one live ranking, imported ones included
    held: int  # prompts that someone said can't be ranked


def overview_of(project: Project) -> Overview:
    """Reads them from the counters, in two statements."""
    numbers = counters.of(project).total
    return Overview(
        prompts=numbers.prompts,
        prompts_done=numbers.ranked,
        prompts_begun=numbers.begun,
        rankings=numbers.rankings,
        pairs=numbers.pairs,
        ties=numbers.ties,
        labels=numbers.ranked_texts if project.judgement.counts_labels else 0,
        labelers=counters.labelers(project),
        held=numbers.held,
    )


def done_counts(projects: Iterable[Project]) -> dict[int, Done]:
    """Gives that of each project that has prompts, in one statement."""
    counts = counters.of_projects(project.pk for project in projects)
    totals = {pk: of_project.total for pk, of_project in counts.items()}
    return {pk: Done(total.ranked, total.begun, total.prompts) for pk, total in totals.items() if total.prompts}


def own_counts(user: User, projects: Iterable[Project]) -> dict[int, int]:
    """Counts how many prompts of each project the person has ranked, in one statement."""
    return counters.rankings_by(user, (project.pk for project in projects))
