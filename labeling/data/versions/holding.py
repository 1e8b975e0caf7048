"""Which versions hold a prompt: told by the times of its rankings, for a walk through every file takes too long."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.models import DatasetVersion, Prompt, Ranking


def versions_with(prompt: Prompt) -> QuerySet[DatasetVersion]:
    """Gives those at whose freezing some ranking of the prompt stood, the newest first.

    A ranking that ended before its end was noted (`ended_at`, later than the first releases) tells nothing.
    """
    then = Ranking.objects.filter(prompt=prompt, pk__lte=OuterRef("last_ranking_id"))
    stood = then.filter(Q(live=True) | Q(ended_at__gt=OuterRef("created_at")))
    return DatasetVersion.objects.filter(Exists(stood), project=prompt.project_id)
