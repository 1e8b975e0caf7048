"""What a manager sees first: the counts of a project as it stands."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from labeling.models import PreferencePair, Project, Prompt, RankedCompletion, Ranking, User


@dataclass(frozen=True)
class Done:
    """How far a project's prompts are."""

    done: int = 0  # ranked as often as they must be
    begun: int = 0  # ranked, but not so often yet
    prompts: int = 0


@dataclass(frozen=True)
class Overview:
    """Counts of a project as it stands."""

    prompts: int
    prompts_done: int  # ranked as often as their overlap asks
    prompts_begun: int  # ranked, but not so often yet
    rankings: int
    pairs: int
    ties: int  # tied comparisons, which make no pair
    labels: int  # texts of a classification that somebody answered the questions about, once for each person
    labelers: int  # people with at least one live ranking, imported ones included
    held: int  # prompts that someone said can't be ranked


def overview_of(project: Project) -> Overview:
    prompts = Prompt.objects.filter(project=project)
    live = Ranking.objects.filter(prompt__project=project, live=True)
    pairs = PreferencePair.objects.filter(project=project).count()
    comparisons = sum(k * (k - 1) // 2 for k in live.annotate(k=Count("ranked")).values_list("k", flat=True))
    done = done_counts(Project.objects.filter(pk=project.pk)).get(project.pk, Done())
    return Overview(
        prompts=done.prompts,
        prompts_done=done.done,
        prompts_begun=done.begun,
        rankings=live.count(),
        pairs=pairs,
        ties=comparisons - pairs,
        labels=RankedCompletion.objects.filter(ranking__in=live).count() if project.judgement.counts_labels else 0,
        labelers=live.values("labeler").distinct().count(),
        held=prompts.filter(held_at__isnull=False).count(),
    )


def done_counts(projects: QuerySet[Project]) -> dict[int, Done]:
    """Counts each project that has prompts, in one statement."""
    prompts = Prompt.objects.filter(project__in=projects).order_by()
    counts = prompts.values_list("project_id").annotate(
        done=Count("pk", filter=Q(ranked__gte=F("overlap"))),
        begun=Count("pk", filter=Q(ranked__gt=0, ranked__lt=F("overlap"))),
        n=Count("pk"),
    )
    return {pk: Done(*of_project) for pk, *of_project in counts}


def own_counts(user: User, projects: QuerySet[Project]) -> dict[int, int]:
    """Counts how many prompts of each project the person has ranked, in one statement."""
    own = Ranking.objects.filter(labeler=user, live=True, prompt__project__in=projects).order_by()
    return dict(own.values_list("prompt__project_id").annotate(n=Count("pk")))
