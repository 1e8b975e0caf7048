"""What `manage.py check`, and every command before it begins, says of the clusters that a site offers."""

from __future__ import annotations

from django.core.checks import CheckMessage, Warning

from rewardtrain.training.executors import offered
from rewardtrain.training.executors.executor import Executor, SchedulerAway

HINT = "Mend it where the workers run (queue default), or take the cluster out of PODIUM_EXECUTORS."
NOBODY = "podium-check"  # no run's job


def check_executors(**kwargs: object) -> list[CheckMessage]:
    """Says what is missing here. A warning: the web's machine may lack what the workers' has."""
    return [Warning(words, hint=HINT, id="podium.W002") for words in offered.missing()]


def check_schedulers(**kwargs: object) -> list[CheckMessage]:
    """Asks each scheduler of a site something, as a look at runs does: `check --deploy` and `check_deployment` do."""
    troubles = [_trouble(cluster) for cluster in offered.clusters().values()]
    return [Warning(words, hint=HINT, id="podium.W003") for words in troubles if words]


def _trouble(cluster: Executor) -> str:
    try:
        cluster.look([NOBODY])
    except SchedulerAway as away:
        return f"{cluster.title} can't be asked: {away}"
    return ""
